//! A clock that advances by itself, and that a test can advance further.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use hearth_base::{Clock, Millis};

/// The start time of every test server, so that no test depends on today's date.
const BEGINNING_MS: Millis = 1_800_000_000_000;

/// Real time since a fixed start, plus what the test has skipped.
#[derive(Debug)]
pub(crate) struct TestClock {
    started: Instant,
    skipped_ms: AtomicU64,
    /// The time at which it is stopped; 0 while it runs.
    stopped_ms: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self { started: Instant::now(), skipped_ms: AtomicU64::new(0), stopped_ms: AtomicU64::new(0) }
    }

    /// Advances the clock by `ms` milliseconds.
    pub(crate) fn skip(&self, ms: u64) {
        self.skipped_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl TestClock {
    /// Stops the clock where it is.
    pub(crate) fn stop(&self) {
        self.stopped_ms.store(self.now_ms(), Ordering::Relaxed);
    }
}

impl Clock for TestClock {
    fn now_ms(&self) -> Millis {
        let stopped = self.stopped_ms.load(Ordering::Relaxed);
        if stopped != 0 {
            return stopped;
        }
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        BEGINNING_MS + elapsed + self.skipped_ms.load(Ordering::Relaxed)
    }
}
