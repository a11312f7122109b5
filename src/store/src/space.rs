//! What happens when the disk is full: a ballast file gives SQLite the room it needs to go on reading, checkpointing and
//! deleting; new writes are refused until there is room again; then the ballast is put back. No thread waits for that: it is
//! looked at when somebody writes or asks, at most once a second.

use std::fs::OpenOptions;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use hearth_base::{Reason, Result, error::refuse};
use parking_lot::Mutex;
use rustix::fs::{FallocateFlags, fallocate, statvfs};

use crate::engine::sqlite::OUT_OF_SPACE;
use crate::options::BallastOptions;
use crate::queue::Lane;

/// How often at most the file system is asked.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// Whether there is room, and the ballast.
#[derive(Debug)]
pub(crate) struct Space {
    /// Where the database lies; `None` when it is elsewhere.
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

    /// The disk was found full: gives the ballast up and refuses writes from now on.
    pub(crate) fn ran_out(&self) {
        if let Some(ballast) = &self.ballast {
            match std::fs::remove_file(&ballast.path) {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
                    tracing::error!(%error, "The disk is full, and the ballast file could not be removed.");
                }
                _ => {}
            }
        }
        *self.looked.lock() = Some(Instant::now());
        if !self.out.swap(true, Ordering::AcqRel) {
            tracing::error!("The disk is full. Writes are refused until there is room; reading goes on.");
        }
    }

    /// Whether a write may go ahead. Upkeep always may: it is what makes room.
    pub(crate) fn admit(&self, lane: Lane) -> Result<()> {
        if lane == Lane::Upkeep || !self.is_out() { Ok(()) } else { Err(refuse(Reason::OutOfSpace, OUT_OF_SPACE)) }
    }

    /// Whether the disk is full; finds out by itself when it no longer is.
    pub(crate) fn is_out(&self) -> bool {
        if !self.out.load(Ordering::Acquire) {
            return false;
        }
        let mut looked = self.looked.lock();
        if looked.is_some_and(|at| at.elapsed() < LOOK_EVERY) {
            return true;
        }
        *looked = Some(Instant::now());
        let wanted = self.free_bytes_min + self.ballast.as_ref().map_or(0, |ballast| ballast.bytes);
        if self.free_bytes().is_some_and(|free| free < wanted) {
            return true;
        }
        self.put_ballast_back();
        self.out.store(false, Ordering::Release);
        tracing::info!("There is room on the disk again; writes are taken as before.");
        false
    }

    /// What is free for us where the database lies, in bytes.
    pub(crate) fn free_bytes(&self) -> Option<u64> {
        free_bytes(self.folder.as_deref()?)
    }

    /// Allocates the ballast if it is not there. Without it we do less well on a full disk, and well otherwise.
    fn put_ballast_back(&self) {
        let Some(ballast) = &self.ballast else {
            return;
        };
        if let Err(error) = allocate(ballast) {
            drop(std::fs::remove_file(&ballast.path));
            tracing::warn!(%error, path = %ballast.path.display(), "The ballast file could not be allocated.");
        }
    }
}

fn allocate(ballast: &BallastOptions) -> std::io::Result<()> {
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(&ballast.path)?;
    if file.metadata()?.len() != ballast.bytes {
        // Before and not only beside: a smaller ballast after a change of the configuration.
        file.set_len(ballast.bytes)?;
        fallocate(&file, FallocateFlags::empty(), 0, ballast.bytes)?;
    }
    Ok(())
}

/// What is free on the file system of `folder` for those who are not root, in bytes.
pub(crate) fn free_bytes(folder: &Path) -> Option<u64> {
    let stat = statvfs(folder).ok()?;
    Some(stat.f_bavail.saturating_mul(stat.f_frsize))
}
