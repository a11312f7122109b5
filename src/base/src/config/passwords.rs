//! `[passwords]`: how passwords are hashed.

use super::check::Checks;
use super::schema::section;
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};

section! {
    /// How passwords are hashed, by argon2id. Changes hold for passwords that are set from then on, and for an
    /// older one from its account's next log-in on.
    pub struct Passwords {
        /// The shortest password that someone may choose, in characters.
        chars_min: u32 = PASSWORD_CHARS_MIN as u32,
        /// The memory that one hash takes, in KiB.
        memory_kib: u32 = 19_456,
        /// How often that memory is gone over.
        iterations: u32 = 2,
        /// How many lanes one hash has.
        parallelism: u32 = 1,
        /// How many hashes are made at the same time; further log-ins wait. Together they take this many times the
        /// memory of one.
        concurrency: u32 = 2,
    }
}

impl Passwords {
    pub(super) fn check(&self, checks: &mut Checks) {
        let most = u32::try_from(PASSWORD_BYTES_MAX).unwrap_or(u32::MAX);
        checks.within("passwords.chars_min", self.chars_min, 1..=most);
        checks.within("passwords.iterations", self.iterations, 1..=100);
        checks.within("passwords.parallelism", self.parallelism, 1..=16);
        checks.within("passwords.concurrency", self.concurrency, 1..=64);
        // Argon2 wants at least 8 KiB for each lane.
        let least = 8 * self.parallelism.clamp(1, 16);
        checks.within("passwords.memory_kib", self.memory_kib, least..=4 * 1024 * 1024);
    }
}

impl Passwords {
    /// The cheapest parameters that argon2 takes, for tests and nothing else.
    #[must_use]
    pub fn cheap() -> Self {
        Self { memory_kib: 8, iterations: 1, parallelism: 1, ..Self::default() }
    }
}
