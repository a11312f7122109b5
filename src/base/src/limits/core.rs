//! What the core of the domain remembers and lets through.

use std::time::Duration;

/// Maximum delay of a sync: a request that takes longer waits for something else than its response.
pub const ANSWERING_HELD_MAX: Duration = Duration::from_millis(250);
/// Finished jobs to keep in the list.
pub const JOBS_FINISHED_MAX: usize = 50;
/// Keys that one run of the server can use, in sequence.
pub const KEYS_PER_RUN_MAX: usize = 16;
/// Rows on a page of a list of the admin API.
pub const PAGE_MAX: usize = 500;
/// Maximum of stored buckets; beyond it full ones are dropped first, then those that fill up soonest.
pub const RATES_BUCKETS_MAX: usize = 50_000;
/// Bytes of a pattern to show in an error.
pub const PATTERN_SHOWN_BYTES_MAX: usize = 100;
