//! Wall-clock time and steady time as a seam. Durations of work are measured with `std::time::Instant`, which needs no seam.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

/// Milliseconds since the Unix epoch.
pub type Millis = u64;

/// A source of wall-clock time.
pub trait Clock: Send + Sync {
    /// Milliseconds since the Unix epoch. May jump in either direction: a Raspberry Pi has no battery-backed clock.
    fn now_ms(&self) -> Millis;

    /// Milliseconds since some moment at or before the start of the process. Never goes back and never jumps, whatever
    /// is done to the clock: for rate limits, so that a corrected clock refuses no request.
    fn steady_ms(&self) -> Millis;
}

/// The origin of [`SystemClock`]'s steady time.
static STARTED: LazyLock<Instant> = LazyLock::new(Instant::now);

/// The system clock.
#[derive(Debug, Clone, Copy)]
pub struct SystemClock;

impl Clock for SystemClock {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the system clock")]
    fn now_ms(&self) -> Millis {
        let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
        since.map_or(0, |elapsed| u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX))
    }

    fn steady_ms(&self) -> Millis {
        u64::try_from(STARTED.elapsed().as_millis()).unwrap_or(u64::MAX)
    }
}

/// A clock that only moves when a test advances it.
#[derive(Debug, Default)]
pub struct ManualClock {
    now_ms: AtomicU64,
    steady_ms: AtomicU64,
}

impl ManualClock {
    /// A clock that shows `now_ms`.
    #[must_use]
    pub fn at(now_ms: Millis) -> Self {
        Self { now_ms: now_ms.into(), steady_ms: AtomicU64::new(0) }
    }

    /// Moves the clock forward by `by_ms` milliseconds.
    pub fn advance(&self, by_ms: u64) {
        self.now_ms.fetch_add(by_ms, Ordering::Relaxed);
        self.steady_ms.fetch_add(by_ms, Ordering::Relaxed);
    }

    /// Sets the clock to `now_ms`, as an administrator or NTP does. Steady time does not change.
    pub fn set(&self, now_ms: Millis) {
        self.now_ms.store(now_ms, Ordering::Relaxed);
    }
}

impl Clock for ManualClock {
    fn now_ms(&self) -> Millis {
        self.now_ms.load(Ordering::Relaxed)
    }

    fn steady_ms(&self) -> Millis {
        self.steady_ms.load(Ordering::Relaxed)
    }
}
