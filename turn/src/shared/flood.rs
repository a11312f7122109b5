//! How often a source is answered that has not shown credentials. A table of fixed size, so that forged sources cost nothing:
//! each source has two cells and is answered while either has room. Who shares both with a flood waits with it.

use std::hash::{BuildHasher, RandomState};
use std::net::IpAddr;

use crate::limits::{FLOOD_CELLS, UNAUTHENTICATED_BURST, UNAUTHENTICATED_PER_S};

const INTERVAL_MS: u64 = 1_000 / UNAUTHENTICATED_PER_S as u64;
const TOLERANCE_MS: u64 = INTERVAL_MS * UNAUTHENTICATED_BURST as u64;

/// The table: per cell, when the next answer would be due if they were evenly spaced.
pub(crate) struct Flood {
    due_ms: Box<[u64]>,
    hasher: RandomState,
}

impl Flood {
    pub(crate) fn new() -> Self {
        Self { due_ms: vec![0; FLOOD_CELLS].into(), hasher: RandomState::new() }
    }

    /// Whether one more request of `source` may be answered. An IPv6 source is its /64: one household.
    pub(crate) fn admits(&mut self, source: IpAddr, now_ms: u64) -> bool {
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
    fn a_burst_is_answered_and_then_a_steady_rate() {
        let mut flood = Flood::new();
        let source = "192.0.2.1".parse().unwrap();
        let answered = (0..1_000).filter(|_| flood.admits(source, 5_000)).count();
        assert_eq!(answered, UNAUTHENTICATED_BURST as usize);
        let later = (0..1_000).filter(|_| flood.admits(source, 6_000)).count();
        assert_eq!(later, UNAUTHENTICATED_PER_S as usize);
    }

    #[test]
    fn a_household_has_one_rate_and_its_neighbour_another() {
        let mut flood = Flood::new();
        for host in 0..1_000 {
            flood.admits(format!("2001:db8:0:1::{host:x}").parse().unwrap(), 0);
        }
        assert!(!flood.admits("2001:db8:0:1:ffff::1".parse().unwrap(), 0));
        assert!(flood.admits("2001:db8:0:2::1".parse().unwrap(), 0));
    }
}
