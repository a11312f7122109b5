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
    /// How far it was set back.
    back_ms: AtomicU64,
    /// The time at which it is stopped; 0 while it runs.
    stopped_ms: AtomicU64,
}

impl TestClock {
    pub(crate) fn new() -> Self {
        Self {
            started: Instant::now(),
            skipped_ms: AtomicU64::new(0),
            back_ms: AtomicU64::new(0),
            stopped_ms: AtomicU64::new(0),
        }
    }

    /// Advances the clock by `ms` milliseconds.
    pub(crate) fn skip(&self, ms: u64) {
        self.skipped_ms.fetch_add(ms, Ordering::Relaxed);
    }

    /// Sets the clock back by `ms` milliseconds; steady time goes on.
    pub(crate) fn set_back(&self, ms: u64) {
        self.back_ms.fetch_add(ms, Ordering::Relaxed);
    }
}

impl TestClock {
    fn passed_ms(&self) -> u64 {
        let elapsed = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        elapsed + self.skipped_ms.load(Ordering::Relaxed)
    }

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
        (BEGINNING_MS + self.passed_ms()).saturating_sub(self.back_ms.load(Ordering::Relaxed))
    }

    fn steady_ms(&self) -> Millis {
        match self.stopped_ms.load(Ordering::Relaxed) {
            0 => self.passed_ms(),
            stopped => (stopped + self.back_ms.load(Ordering::Relaxed)).saturating_sub(BEGINNING_MS),
        }
    }
}
