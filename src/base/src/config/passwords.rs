//! `[passwords]`: password hashing.

use super::check::Checks;
use super::schema::section;
use crate::limits::{PASSWORD_BYTES_MAX, PASSWORD_CHARS_MIN};

section! {
    /// Password hashing with argon2id. Changes apply to passwords set from then on, and to existing ones at the next
    /// login.
    pub struct Passwords {
        /// The shortest password that users may choose, in characters.
        chars_min: u32 = PASSWORD_CHARS_MIN as u32,
        /// The shortest first password of an account, if it may be shorter: one that is handed over and changed later.
        /// Unset, `chars_min` holds for it too.
        initial_chars_min: Option<u32> = None => "4",
        /// Memory of one hash, in KiB.
        memory_kib: u32 = 19_456,
        /// Passes over that memory.
        iterations: u32 = 2,
        /// Lanes of one hash.
        parallelism: u32 = 1,
        /// How many hashes are computed at the same time; further logins wait. Together they need this many times the
        /// memory of one hash.
        concurrency: u32 = 2,
    }
}

impl Passwords {
    pub(super) fn check(&self, checks: &mut Checks) {
        let most = u32::try_from(PASSWORD_BYTES_MAX).unwrap_or(u32::MAX);
        checks.within("passwords.chars_min", self.chars_min, 1..=most);
        checks.within("passwords.initial_chars_min", self.initial_chars_min.unwrap_or(1), 1..=most);
        checks.within("passwords.iterations", self.iterations, 1..=100);
        checks.within("passwords.parallelism", self.parallelism, 1..=16);
        checks.within("passwords.concurrency", self.concurrency, 1..=64);
        // Argon2 requires at least 8 KiB per lane.
        let least = 8 * self.parallelism.clamp(1, 16);
        checks.within("passwords.memory_kib", self.memory_kib, least..=4 * 1024 * 1024);
    }
}

impl Passwords {
    /// The cheapest parameters that argon2 accepts, for tests only.
    #[must_use]
    pub fn cheap() -> Self {
        Self { memory_kib: 8, iterations: 1, parallelism: 1, ..Self::default() }
    }
}
