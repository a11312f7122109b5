//! Randomness as a seam: tokens, identifiers and salts come from here.

use std::sync::Mutex;

/// A source of unpredictable bytes.
pub trait Random: Send + Sync {
    /// Fills `out` with random bytes.
    fn fill(&self, out: &mut [u8]);
}

impl dyn Random {
    /// A string of `chars` characters from `alphabet`, each equally likely.
    ///
    /// `alphabet` must hold between 1 and 256 ASCII characters.
    #[must_use]
    pub fn string(&self, chars: usize, alphabet: &[u8]) -> String {
        // Rejection sampling: bytes from `bound` on would make the first characters more likely.
        let bound = 256 - 256 % alphabet.len();
        let mut out = String::with_capacity(chars);
        let mut pool = [0_u8; 64];
        while out.len() < chars {
            self.fill(&mut pool);
            let fair = pool.iter().map(|byte| usize::from(*byte)).filter(|byte| *byte < bound);
            out.extend(fair.take(chars - out.len()).map(|byte| char::from(alphabet[byte % alphabet.len()])));
        }
        out
    }

    /// One byte, for [`crate::Backoff`].
    #[must_use]
    pub fn chance(&self) -> u8 {
        let mut byte = [0];
        self.fill(&mut byte);
        byte[0]
    }

    /// `chars` letters and digits: for access tokens, media ids and opaque room ids.
    #[must_use]
    pub fn alphanumeric(&self, chars: usize) -> String {
        self.string(chars, b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789")
    }

    /// `chars` capital letters: for device ids, which users compare by eye.
    #[must_use]
    pub fn capitals(&self, chars: usize) -> String {
        self.string(chars, b"ABCDEFGHIJKLMNOPQRSTUVWXYZ")
    }
}

/// The operating system's random number generator.
#[derive(Debug, Clone, Copy)]
pub struct SystemRandom;

impl Random for SystemRandom {
    #[expect(clippy::disallowed_methods, reason = "the one place that asks the operating system")]
    fn fill(&self, out: &mut [u8]) {
        getrandom::fill(out).expect("the operating system has a random number generator, or nothing here is safe");
    }
}

/// A generator that returns the same bytes for the same seed. For tests and simulations only.
#[derive(Debug)]
pub struct SeededRandom(Mutex<u64>);

impl SeededRandom {
    /// A generator that starts from `seed`.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(Mutex::new(seed))
    }
}

impl Random for SeededRandom {
    fn fill(&self, out: &mut [u8]) {
        let mut state = self.0.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        for chunk in out.chunks_mut(8) {
            // splitmix64: short, and good enough for distinct ids. Not cryptographic.
            *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = *state;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            let bytes = (z ^ (z >> 31)).to_le_bytes();
            chunk.copy_from_slice(&bytes[..chunk.len()]);
        }
    }
}
