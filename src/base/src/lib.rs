//! Shared vocabulary of all crates: clock and randomness as seams, refusals and faults, positions, limits,
//! configuration, remedies for errors of the file system.
//!
//! This crate does no I/O beyond reading the configuration and looking at files: no tokio, no SQL, no HTTP.

pub mod backoff;
pub mod clock;
pub mod config;
pub mod error;
pub mod limits;
pub mod position;
pub mod random;
pub mod remedy;

pub use backoff::Backoff;
pub use clock::{Clock, Millis};
pub use hearth_boxed::boxed;
pub use hearth_net as net;

pub use error::{Error, Fault, Reason, Refusal, Result};
pub use position::Position;
pub use random::Random;

use std::sync::Arc;

/// The inputs that make a run differ from another: wall-clock time and randomness.
/// All code takes them from here, so that a test or a simulation controls both.
#[derive(Clone)]
pub struct Seams {
    /// Wall-clock time.
    pub clock: Arc<dyn Clock>,
    /// Unpredictable bytes.
    pub random: Arc<dyn Random>,
}

impl Seams {
    /// The system clock and the operating system's random number generator.
    #[must_use]
    pub fn system() -> Self {
        Self { clock: Arc::new(clock::SystemClock), random: Arc::new(random::SystemRandom) }
    }
}

impl std::fmt::Debug for Seams {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Seams")
    }
}
