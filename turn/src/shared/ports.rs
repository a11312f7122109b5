//! On which ports the relay relays right now: one bit each, read for every datagram that goes to an address of our own.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::external_address::Family;

const WORDS: usize = 65_536 / 64;

/// Open relay ports of both families: 16 KiB, whatever happens.
pub(crate) struct OpenPorts {
    v4: Box<[AtomicU64]>,
    v6: Box<[AtomicU64]>,
}

impl OpenPorts {
    pub(crate) fn new() -> Self {
        let none = || (0..WORDS).map(|_| AtomicU64::new(0)).collect();
        Self { v4: none(), v6: none() }
    }

    fn word(&self, address: SocketAddr) -> (&AtomicU64, u64) {
        let words = match Family::of(address.ip()) {
            Family::V4 => &self.v4,
            Family::V6 => &self.v6,
        };
        let port = usize::from(address.port());
        (&words[port / 64], 1 << (port % 64))
    }

    pub(crate) fn set(&self, address: SocketAddr, open: bool) {
        let (word, bit) = self.word(address);
        if open {
            word.fetch_or(bit, Ordering::Relaxed);
        } else {
            word.fetch_and(!bit, Ordering::Relaxed);
        }
    }

    pub(crate) fn is_open(&self, address: SocketAddr) -> bool {
        let (word, bit) = self.word(address);
        word.load(Ordering::Relaxed) & bit != 0
    }
}
