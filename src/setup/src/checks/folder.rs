//! The data folder: its file system, its space, and whether the server may write there.

use std::path::Path;

use hearth_base::limits::setup::SETUP_DISK_BYTES_MIN;

use crate::finding::Finding;
use crate::world::World;

const GIB: u64 = 1024 * 1024 * 1024;
/// File systems without owners and permissions.
const OPEN: [&str; 5] = ["vfat", "exfat", "msdos", "ntfs", "fuseblk"];
/// File systems whose locks and whose order of writes SQLite cannot rely on.
const NETWORK: [&str; 9] = ["nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "fuse.sshfs", "afs", "ceph"];
/// File systems that are empty after the next start of the machine.
const MEMORY: [&str; 2] = ["tmpfs", "ramfs"];

/// What the kernel shows as files.
const KERNEL: [&str; 7] = ["proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "debugfs"];

/// Checks a data folder.
pub(crate) fn check(world: &dyn World, folder: &Path) -> Vec<Finding> {
    let shown = folder.display();
    let mut findings = Vec::new();
    let Some(disk) = world.disk(folder) else {
        return vec![Finding::wrong(format!("{shown} cannot be looked at."), "Choose another folder.")];
    };
    let kind = disk.kind.as_str();
    if disk.read_only {
        let fix = "`dmesg` tells what happened to the disk; `sudo mount -o remount,rw` makes it writable again.";
        findings.push(Finding::wrong(format!("The file system of {shown} is read-only."), fix));
    } else if !world.writable(folder) {
        let fix =
            format!("Start setup with `sudo`, or make the folder yours: `sudo install -d -m 0700 -o $USER {shown}`.");
        findings.push(Finding::wrong(format!("This account may not write to {shown}."), fix));
    }
    if OPEN.contains(&kind) {
        let text =
            format!("{shown} is on {kind}, which has no permissions: every account of this machine could read it.");
        findings.push(Finding::wrong(text, "Choose a folder on ext4, btrfs, xfs or zfs."));
    } else if NETWORK.contains(&kind) {
        let text = format!("{shown} is on a network file system ({kind}), on which a database can be damaged.");
        findings.push(Finding::wrong(text, "Choose a folder on a disk of this machine; copy backups to the network."));
    } else if KERNEL.contains(&kind) {
        let text = format!("{shown} is in {kind}, which is not a file system for data.");
        findings.push(Finding::wrong(text, "Choose a folder on a disk, such as /var/lib/hearth."));
    } else if MEMORY.contains(&kind) {
        let text = format!("{shown} is in memory ({kind}): everything is gone when this machine restarts.");
        findings.push(Finding::warning(text, "Choose a folder on a disk."));
    }
    let free = format!("{}.{} GiB", disk.free_bytes / GIB, disk.free_bytes % GIB * 10 / GIB);
    findings.push(if disk.free_bytes < SETUP_DISK_BYTES_MIN {
        let text = format!("Only {free} are free there; photos of a family fill that within weeks.");
        Finding::warning(text, "Free some space, or choose a folder on a larger disk.")
    } else {
        Finding::good(format!("{shown}: {free} free on {kind}."))
    });
    findings
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::finding::Level;
    use crate::tests::FakeWorld;
    use crate::world::Disk;

    fn levels(kind: &str, free_bytes: u64, read_only: bool, writable: bool) -> Vec<Level> {
        let disk = Some(Disk { free_bytes, kind: kind.to_owned(), read_only });
        let world = FakeWorld { disk, writable, ..FakeWorld::default() };
        check(&world, Path::new("/data")).iter().map(|found| found.level).collect()
    }

    #[test]
    fn a_folder_that_does_not_fit_is_refused_with_a_reason() {
        assert_eq!(levels("ext4", 20 * GIB, false, true), [Level::Good]);
        assert_eq!(levels("vfat", 20 * GIB, false, true), [Level::Wrong, Level::Good]);
        assert_eq!(levels("nfs4", 20 * GIB, false, true), [Level::Wrong, Level::Good]);
        assert_eq!(levels("proc", 20 * GIB, false, true), [Level::Wrong, Level::Good]);
        assert_eq!(levels("tmpfs", GIB, false, true), [Level::Warning, Level::Warning]);
        assert_eq!(levels("ext4", 20 * GIB, true, false), [Level::Wrong, Level::Good]);
        assert_eq!(levels("ext4", 20 * GIB, false, false), [Level::Wrong, Level::Good]);
        let gone = FakeWorld { disk: None, ..FakeWorld::default() };
        assert_eq!(check(&gone, Path::new("/data"))[0].level, Level::Wrong);
    }
}
