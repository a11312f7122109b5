//! Resource figures of this process and its disk. Read from Linux interfaces; on other systems some are 0.

use std::path::Path;

use hearth_http::admin::Machine;

/// Reads the current figures.
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

/// Raises the limit on open files to the hard limit, since each connection takes one, and disables transparent huge
/// pages, since one used byte of a huge page takes two megabytes.
pub(crate) fn prepare() {
    use rustix::process::{Resource, getrlimit, setrlimit};
    // Keys, messages and media are readable by the server's account only, whatever the permissions of the folder.
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
