//! The open relay ports of this machine, one bit each. Read for every datagram to one of its own addresses.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};

use super::external_address::AddressFamily;

const WORDS: usize = 65_536 / 64;

/// Open relay ports of both families: 16 KiB, fixed. Relaxed ordering suffices, as a datagram that races with
/// opening or closing a port may go either way.
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
        let words = match AddressFamily::of(address.ip()) {
            AddressFamily::V4 => &self.v4,
            AddressFamily::V6 => &self.v6,
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
