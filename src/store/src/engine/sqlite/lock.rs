//! The lock that keeps a second server out of a database: an advisory lock on a file next to it. The kernel releases it
//! when the process ends, also after a crash.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use hearth_base::remedy::with_remedy;
use hearth_base::{Error, Result};

/// The lock; dropping it releases it.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used: closing the file releases the lock")] File);

/// `path` with `suffix` appended, as SQLite names its own files (`-wal`, `-shm`).
pub(super) fn with_suffix(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Lock {
    /// Takes the lock for the database at `path`. An error if another process holds it.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let lock = with_suffix(path, "-lock");
        let doing = || format!("opening the lock file {}", lock.display());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(|error| Error::fault(doing(), with_remedy(&lock, error)))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::broken(format!(
                "another Hearth is using the database {}; stop it first (`systemctl stop hearth`), or manage it with \
                 `hearth ctl`",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(Error::fault(doing(), error)),
        }
    }
}
