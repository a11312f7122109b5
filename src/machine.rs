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

/// Asks the system for what a server wants: as many open files as this process may have, since each connection is one, and
/// memory in small pages, since one byte used of a huge page takes two megabytes.
pub(crate) fn prepare() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    // What the server writes (keys, messages, media) is its own account's, whatever folder it lies in.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::debug!(%error, "The limit of open files stays as it is.");
    }
    #[cfg(target_os = "linux")]
    if let Err(error) = rustix::thread::disable_transparent_huge_pages(true) {
        tracing::debug!(%error, "Memory may come in huge pages.");
    }
}
