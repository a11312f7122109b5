//! Keeps a second server out of a database: an advisory lock on a file beside it, given up by the kernel when we end,
//! however we end.

use std::fs::{File, OpenOptions, TryLockError};
use std::path::{Path, PathBuf};

use hearth_base::{Error, Result};

/// The lock, held as long as this lives.
#[derive(Debug)]
pub(super) struct Lock(#[expect(dead_code, reason = "held, not used: closing the file gives up the lock")] File);

/// `path` with `suffix` at its end, as SQLite names its own companions.
pub(super) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    name.into()
}

impl Lock {
    /// Takes the lock for the database at `path`, or says who is in the way.
    pub(super) fn take(path: &Path) -> Result<Self> {
        let lock = beside(path, "-lock");
        let doing = || format!("opening the lock file {}", lock.display());
        let file = OpenOptions::new().create(true).truncate(false).write(true).open(&lock);
        let file = file.map_err(|error| Error::fault(doing(), error))?;
        match file.try_lock() {
            Ok(()) => Ok(Self(file)),
            Err(TryLockError::WouldBlock) => Err(Error::broken(format!(
                "another Hearth is using the database {}; stop it first (`systemctl stop hearth`), or talk to it with \
                 `hearth ctl`",
                path.display()
            ))),
            Err(TryLockError::Error(error)) => Err(Error::fault(doing(), error)),
        }
    }
}
