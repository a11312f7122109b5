//! The database.

use std::time::Duration;

/// Most jobs that wait in one lane. Further ones are refused, so that a flood cannot exhaust memory.
pub const QUEUE_JOBS_MAX: usize = 16_384;
/// Most reads that share a snapshot. They run one after another, so each delays those behind it.
pub const READERS_SHARED_MAX: usize = 8;
/// How often a stop looks whether the readers have ended, and interrupts those that have not.
pub const STOP_READERS_LOOK_EVERY: Duration = Duration::from_millis(2);
/// Shortest time between two checks of the file system.
pub const SPACE_LOOK_EVERY: Duration = Duration::from_secs(1);
/// Most closures in one batch. It bounds what a failed commit undoes.
pub const BATCH_JOBS_MAX: u64 = 256;
/// How long a batch takes further closures. The first caller waits for this and the commit.
pub const BATCH_TIME_MAX: Duration = Duration::from_millis(10);
/// Shortest time between two attempts to reopen the database after a failed commit.
pub const WRITER_REOPEN_EVERY: Duration = Duration::from_secs(1);
/// Databases up to this size are checked for damage at every start; larger ones would delay the start too much.
pub const QUICK_CHECK_BYTES_MAX: u64 = 32 * 1024 * 1024;
