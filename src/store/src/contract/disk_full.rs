//! A full disk: clear refusals, reads that continue, and recovery without a restart. Once with a limit on the
//! database's size, and once on a small file system, if the tests may mount one.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use hearth_base::{Error, Reason, Result};

use super::{ADD, Bed, ids, write};
use crate::{BallastOptions, EngineOptions, Lane, Options, Store, Tx};

const DELETE: &str = "DELETE FROM notes";

/// Writes notes of 50 kB until a write fails. Returns how many were acknowledged, and the error.
fn fill(store: &Store, from: i64) -> (i64, Error) {
    for id in from.. {
        let body = "x".repeat(50_000);
        if let Err(error) = write(store, move |tx| tx.execute(ADD, &[id.into(), (&body).into()])) {
            return (id - from, error);
        }
    }
    unreachable!("the disk has an end")
}

fn is_full<T>(result: &Result<T>) -> bool {
    result.as_ref().err().and_then(Error::reason) == Some(Reason::OutOfSpace)
}

#[test]
fn a_size_limit_refuses_and_room_lets_go_on() {
    let mut bed = Bed::sqlite();
    match &mut bed.options.engine {
        EngineOptions::Sqlite(sqlite) => sqlite.pages_max = Some(200),
        EngineOptions::Postgres { .. } => unreachable!("this test opens SQLite"),
    }
    let store = bed.open();
    let (kept, error) = fill(&store, 0);
    assert_eq!(error.reason(), Some(Reason::OutOfSpace), "{error}");
    assert!(kept > 5);
    assert_eq!(ids(&store).len(), usize::try_from(kept).unwrap(), "what was acknowledged is there, the rest is not");
    store.write_blocking(Lane::Upkeep, "clean up", |tx| tx.execute(DELETE, &[])).unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    write(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()])).unwrap();
    assert!(!store.health().out_of_space && !store.health().in_doubt);
}

/// A small tmpfs, unmounted on drop.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    /// `None` if this process may not mount.
    fn mount(mebibytes: u32) -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let size = format!("size={mebibytes}m");
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", &size, "tmpfs"]).arg(folder.path()).output();
        mounted.is_ok_and(|output| output.status.success()).then(|| Self(folder))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg(self.path()).output());
    }
}

#[test]
fn a_full_disk_refuses_reads_on_and_recovers() {
    let Some(disk) = SmallDisk::mount(8) else {
        eprintln!("SKIPPED: a small file system cannot be mounted here; the size limit's test stands in");
        return;
    };
    let mut options = Options::sqlite(disk.path().join("hearth.db"));
    options.ballast = Some(BallastOptions { path: disk.path().join("ballast"), bytes: 2 << 20 });
    options.free_bytes_min = 1 << 20;
    let bed = Bed { options, _folder: None };
    let store = bed.open();
    assert_eq!(disk.path().join("ballast").metadata().unwrap().len(), 2 << 20);
    // A file of another program.
    std::fs::write(disk.path().join("other"), vec![1; 3 << 20]).unwrap();
    let (kept, error) = fill(&store, 0);
    assert_eq!(error.reason(), Some(Reason::OutOfSpace), "{error}");
    assert!(store.health().out_of_space);
    assert!(!disk.path().join("ballast").exists(), "the ballast was given up");

    assert_eq!(ids(&store).len(), usize::try_from(kept).unwrap());
    assert!(is_full(&write(&store, |tx| tx.execute(ADD, &[(-1_i64).into(), "x".into()]))));
    store.write_blocking(Lane::Upkeep, "clean up", |tx| tx.execute("DELETE FROM notes WHERE id = 0", &[])).unwrap();

    std::fs::remove_file(disk.path().join("other")).unwrap();
    std::thread::sleep(Duration::from_millis(1_100));
    write(&store, |tx| tx.execute(ADD, &[(-2_i64).into(), "x".into()])).unwrap();
    let health = store.health();
    assert!(!health.out_of_space && !health.in_doubt, "{health:?}");
    assert!(disk.path().join("ballast").exists(), "the ballast is back");
    store.close();
    assert_eq!(bed.open().check_blocking().unwrap(), Vec::<String>::new());
}
