//! A full disk.
//!
//! Even a deletion needs space for the write-ahead log. So a ballast file reserves some, and is deleted when the disk
//! is full. Writes other than upkeep are then refused until there is space again; afterwards the ballast is recreated.
//! There is no timer: the file system is checked when a write or a health check asks, at most once per second.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use hearth_base::limits::store::SPACE_LOOK_EVERY;
use hearth_base::{Reason, Result, error::refuse};
use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::engine::sqlite::OUT_OF_SPACE;
use crate::options::BallastOptions;
use crate::queue::Lane;

/// Whether the disk is full, and the ballast.
#[derive(Debug)]
pub(crate) struct Space {
    /// The folder of the database; `None` for a database on another machine.
    folder: Option<PathBuf>,
    ballast: Option<BallastOptions>,
    free_bytes_min: u64,
    out: AtomicBool,
    looked: Mutex<Option<Instant>>,
}

impl Space {
    pub(crate) fn new(folder: Option<PathBuf>, ballast: Option<BallastOptions>, free_bytes_min: u64) -> Self {
        let space = Self { folder, ballast, free_bytes_min, out: false.into(), looked: Mutex::new(None) };
        space.put_ballast_back();
        space
    }

    /// Called when a write failed because the disk is full: deletes the ballast and refuses writes until there is space
    /// again.
    pub(crate) fn ran_out(&self) {
        if let Some(ballast) = &self.ballast {
            match std::fs::remove_file(&ballast.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::error!(%error, "The disk is full. Failed to delete the ballast file.");
                }
                _ => {}
            }
        }
        *self.looked.lock() = Some(Instant::now());
        if !self.out.swap(true, Ordering::AcqRel) {
            tracing::error!("The disk is full. Writes are refused until there is space; reads continue.");
        }
    }

    /// Refuses writes while the disk is full (`Reason::OutOfSpace`), except upkeep, which frees space.
    pub(crate) fn admit(&self, lane: Lane) -> Result<()> {
        if lane == Lane::Upkeep || !self.is_out() { Ok(()) } else { Err(refuse(Reason::OutOfSpace, OUT_OF_SPACE)) }
    }

    /// Whether the disk is full. Checks the file system if the last check is old enough.
    pub(crate) fn is_out(&self) -> bool {
        if !self.out.load(Ordering::Acquire) {
            return false;
        }
        let mut looked = self.looked.lock();
        if looked.is_some_and(|at| at.elapsed() < SPACE_LOOK_EVERY) {
            return true;
        }
        *looked = Some(Instant::now());
        // Enough for the ballast and some writes; otherwise the disk would be full again at once.
        let wanted = self.free_bytes_min + self.ballast.as_ref().map_or(0, |ballast| ballast.bytes);
        if self.free_bytes().is_some_and(|free| free < wanted) {
            return true;
        }
        self.put_ballast_back();
        self.out.store(false, Ordering::Release);
        tracing::info!("The disk has space again. Writes are accepted.");
        false
    }

    /// Free bytes on the file system of the database; `None` if they cannot be read or it is on another machine.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        free_bytes(self.folder.as_deref()?)
    }

    /// Allocates the ballast if it is missing. A failure is only logged: the ballast matters only on a full disk.
    fn put_ballast_back(&self) {
        let Some(ballast) = &self.ballast else {
            return;
        };
        if let Err(error) = allocate(ballast) {
            drop(std::fs::remove_file(&ballast.path));
            tracing::warn!(%error, path = %ballast.path.display(), "Failed to allocate the ballast file.");
        }
    }
}

fn allocate(ballast: &BallastOptions) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&ballast.path)?;
    if file.metadata()?.len() != ballast.bytes {
        // `fallocate` never shrinks a file, and the configured size may be smaller than before.
        file.set_len(ballast.bytes)?;
        fallocate(&file, FallocateFlags::empty(), 0, ballast.bytes)?;
    }
    Ok(())
}

/// Free bytes for processes without root privileges on the file system of `folder`.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
