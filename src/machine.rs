//! What the operating system says about this process and its disk. Linux first: elsewhere some numbers are 0.

use std::path::Path;

use hearth_http::admin::Machine;

/// Looks at the machine now.
pub(crate) fn look(data_dir: &Path) -> Machine {
    let disk = rustix::fs::statvfs(data_dir).ok();
    let bytes = |blocks: u64| disk.as_ref().map_or(0, |disk| blocks.saturating_mul(disk.f_frsize));
    Machine {
        memory_resident_bytes: resident_bytes().unwrap_or(0),
        disk_free_bytes: bytes(disk.as_ref().map_or(0, |disk| disk.f_bavail)),
        disk_total_bytes: bytes(disk.as_ref().map_or(0, |disk| disk.f_blocks)),
    }
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let kib = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    kib.trim().strip_suffix(" kB")?.parse::<u64>().ok()?.checked_mul(1024)
}

/// Lets this process have as many open files as it is allowed: each connection is one.
pub(crate) fn raise_file_limit() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "The limit of open files stays as it is.");
    }
}
