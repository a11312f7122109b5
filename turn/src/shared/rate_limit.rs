//! Rate limit for unauthenticated requests, per source. The table has a fixed size, so that forged source
//! addresses cost no memory. Each source maps to two cells and is admitted while either has capacity; only a
//! source that shares both cells with a flood is affected by it.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use crate::limits::{FLOOD_CELLS, UNAUTHENTICATED_BURST, UNAUTHENTICATED_PER_S};

const INTERVAL_MS: u64 = 1_000 / UNAUTHENTICATED_PER_S as u64;
const TOLERANCE_MS: u64 = INTERVAL_MS * UNAUTHENTICATED_BURST as u64;

/// Per cell, when the next response is due at an even rate, in milliseconds (the generic cell rate algorithm).
pub(crate) struct SourceRateLimiter {
    due_ms: Box<[u64]>,
    hasher: RandomState,
}

impl SourceRateLimiter {
    pub(crate) fn new() -> Self {
        Self { due_ms: vec![0; FLOOD_CELLS].into(), hasher: RandomState::new() }
    }

    /// Whether to answer one more request of `source`. IPv6 sources are counted by /64, the usual size of a
    /// customer's network.
    pub(crate) fn admit(&mut self, source: IpAddr, now_ms: u64) -> bool {
        let network = match source {
            IpAddr::V4(ip) => u64::from(ip.to_bits()),
            IpAddr::V6(ip) => u64::from_be_bytes(ip.octets().first_chunk().copied().unwrap_or_default()),
        };
        let hash = self.hasher.hash_one((source.is_ipv4(), network));
        let cells = [hash, hash >> 32].map(|part| usize::try_from(part % FLOOD_CELLS as u64).unwrap_or(0));
        let mut admitted = false;
        for cell in cells {
            let due = &mut self.due_ms[cell];
            if (*due).max(now_ms) < now_ms + TOLERANCE_MS {
                *due = (*due).max(now_ms) + INTERVAL_MS;
                admitted = true;
            }
        }
        admitted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn admits_a_burst_then_a_steady_rate() {
        let mut limiter = SourceRateLimiter::new();
        let source = "192.0.2.1".parse().unwrap();
        let answered = (0..1_000).filter(|_| limiter.admit(source, 5_000)).count();
        assert_eq!(answered, UNAUTHENTICATED_BURST as usize);
        let later = (0..1_000).filter(|_| limiter.admit(source, 6_000)).count();
        assert_eq!(later, UNAUTHENTICATED_PER_S as usize);
    }

    #[test]
    fn ipv6_sources_are_counted_by_64() {
        let mut limiter = SourceRateLimiter::new();
        for host in 0..1_000 {
            limiter.admit(format!("2001:db8:0:1::{host:x}").parse().unwrap(), 0);
        }
        assert!(!limiter.admit("2001:db8:0:1:ffff::1".parse().unwrap(), 0));
        assert!(limiter.admit("2001:db8:0:2::1".parse().unwrap(), 0));
    }
}
