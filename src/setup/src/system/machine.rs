//! Disks and memory.

use std::path::{Path, PathBuf};

use rustix::fs::{Access, StatVfsMountFlags};

use crate::world::Disk;

/// The path itself, or its nearest ancestor that exists.
fn nearest(path: &Path) -> Option<PathBuf> {
    path.ancestors().find(|at| at.exists()).and_then(|at| at.canonicalize().ok())
}

pub(super) fn disk(folder: &Path) -> Option<Disk> {
    let there = nearest(folder)?;
    let figures = rustix::fs::statvfs(&there).ok()?;
    let mounts = std::fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    Some(Disk {
        free_bytes: figures.f_bavail.saturating_mul(figures.f_frsize),
        kind: kind(&mounts, &there).unwrap_or("unknown").to_owned(),
        read_only: figures.f_flag.contains(StatVfsMountFlags::RDONLY),
    })
}

/// The kind of the file system with the longest mount point above the path; the last one, if several are mounted there.
fn kind<'a>(mounts: &'a str, path: &Path) -> Option<&'a str> {
    let mount = |line: &'a str| {
        let mut fields = line.split(' ');
        // The kernel writes a space in a path in octal.
        let point = fields.nth(1)?.replace("\\040", " ");
        path.starts_with(&point).then_some((point.len(), fields.next()?))
    };
    mounts.lines().filter_map(mount).max_by_key(|(length, _)| *length).map(|(_, kind)| kind)
}

pub(super) fn writable(folder: &Path) -> bool {
    nearest(folder).is_some_and(|there| rustix::fs::access(&there, Access::WRITE_OK | Access::EXEC_OK).is_ok())
}

/// `MemTotal` of `/proc/meminfo`.
pub(super) fn memory_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_mount_decides() {
        let mounts = "/dev/a / ext4 rw 0 0\n/dev/b /mnt/my\\040disk vfat rw 0 0\nnas:/x /mnt nfs4 rw 0 0\n";
        assert_eq!(kind(mounts, Path::new("/var/lib")), Some("ext4"));
        assert_eq!(kind(mounts, Path::new("/mnt/my disk/hearth")), Some("vfat"));
        assert_eq!(kind(mounts, Path::new("/mnt/other")), Some("nfs4"));
        assert_eq!(kind("", Path::new("/")), None);
    }

    #[test]
    fn a_folder_that_is_not_there_yet_has_the_disk_of_its_parent() {
        let folder = tempfile::tempdir().unwrap();
        let deep = folder.path().join("a/b/c");
        assert!(disk(&deep).is_some_and(|disk| !disk.kind.is_empty() && !disk.read_only));
        assert!(writable(&deep));
        assert_eq!(memory_bytes("MemTotal:  1000 kB\nMemFree: 1 kB\n"), Some(1_024_000));
        assert_eq!(memory_bytes(""), None);
    }
}
