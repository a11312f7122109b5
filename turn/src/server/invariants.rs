//! Invariants of the state machine, whatever packets it gets. For the fuzzer and tests only.

#![expect(clippy::panic, reason = "a violated invariant must fail the fuzzer or the test")]

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::allocation::Allocation;
use super::{RelayKey, Server};
use crate::peers::PeerVerdict;
use crate::stun::channel_data::CHANNELS;

impl Server {
    /// Panics if an invariant does not hold after [`expire`](Self::expire) at `now_ms`.
    pub(crate) fn assert_invariants(&self, now_ms: u64) {
        assert_eq!(self.by_five_tuple.len(), self.allocations.len(), "five-tuples and allocations correspond");
        for (slot, allocation) in &self.allocations {
            assert_eq!(
                self.by_five_tuple.get(&allocation.five_tuple),
                Some(&slot),
                "the five-tuple maps to its allocation"
            );
            self.assert_allocation(slot, allocation, now_ms);
        }
        let ids: HashSet<_> = self.allocations.iter().map(|(_, allocation)| allocation.id).collect();
        assert_eq!(ids.len(), self.allocations.len(), "ids differ");
        assert!(
            self.allocations.is_empty() || self.next_expiry_ms != u64::MAX,
            "an expiry is scheduled while there are allocations"
        );
    }

    /// The user of each allocation, with its number of relayed transport addresses.
    pub(crate) fn allocation_owners(&self) -> impl Iterator<Item = (&str, usize)> {
        self.allocations
            .iter()
            .map(|(_, allocation)| (&*allocation.user.name, allocation.relay_sockets.iter().flatten().count()))
    }

    fn assert_allocation(&self, slot: usize, allocation: &Allocation, now_ms: u64) {
        assert!(allocation.expires_ms > now_ms, "no expired allocation remains");
        assert!(self.next_expiry_ms <= allocation.expires_ms, "the next expiry is not later than this one");
        let longest_ms = u64::from(self.shared.lifetime_max_s) * 1_000;
        assert!(allocation.expires_ms <= now_ms + longest_ms && allocation.started_ms <= now_ms);
        let relay_sockets: Vec<_> = allocation
            .relay_sockets
            .iter()
            .enumerate()
            .filter_map(|(at, relay_socket)| Some((at, relay_socket.as_ref()?)))
            .collect();
        assert!(!relay_sockets.is_empty(), "an allocation has a relayed transport address");
        for (at, relay_socket) in &relay_sockets {
            assert_eq!(relay_socket.key, RelayKey::new(slot, *at));
            assert_eq!(relay_socket.address.local.is_ipv4(), relay_socket.address.public.is_ipv4());
            assert!(self.shared.ports.is_open(relay_socket.address.public), "its port is marked open");
        }
        let families: Vec<_> = allocation.families().collect();
        assert!(families.len() < 2 || families[0] != families[1], "the two addresses have different families");
        self.assert_permissions(allocation);
    }

    fn assert_permissions(&self, allocation: &Allocation) {
        let quotas = &self.shared.quotas;
        let (permissions, channels) = (&allocation.permissions, &allocation.channels);
        assert!(permissions.len() <= quotas.permissions_per_allocation, "too many permissions");
        assert!(channels.len() <= quotas.channels_per_allocation, "too many channels");
        let ips: HashSet<_> = permissions.iter().map(|permission| permission.ip).collect();
        assert_eq!(ips.len(), permissions.len(), "one permission per address");
        let numbers: HashSet<_> = channels.iter().map(|channel| channel.number).collect();
        let bound: HashSet<_> = channels.iter().map(|channel| channel.peer).collect();
        assert_eq!((numbers.len(), bound.len()), (channels.len(), channels.len()), "one channel per peer");
        assert!(channels.iter().all(|channel| CHANNELS.contains(&channel.number) && channel.peer.port() != 0));
        let here = self.shared.external_address();
        for permission in permissions {
            match self.shared.peers.judge(permission.ip, &here.own, &here.own) {
                PeerVerdict::Granted => assert!(!permission.own),
                PeerVerdict::OwnPortsOnly => {
                    assert!(permission.own, "a permission for an own address is limited to relay ports")
                }
                PeerVerdict::Refused => panic!("a permission for {}, which is forbidden", permission.ip),
            }
        }
    }

    /// A hash of all state kept for clients at `now_ms`.
    pub(crate) fn digest(&self, now_ms: u64) -> u64 {
        let mut sum = self.allocations.len() as u64;
        for (slot, allocation) in &self.allocations {
            let mut state = DefaultHasher::new();
            (slot, allocation.id, allocation.five_tuple, &allocation.user.name, allocation.expires_ms).hash(&mut state);
            allocation.relay_sockets.iter().flatten().for_each(|relay_socket| {
                (relay_socket.key, relay_socket.address.public, relay_socket.address.local).hash(&mut state)
            });
            for permission in allocation.permissions.iter().filter(|permission| permission.expires_ms > now_ms) {
                (permission.ip, permission.expires_ms, permission.own).hash(&mut state);
            }
            for channel in allocation.channels.iter().filter(|channel| channel.expires_ms > now_ms) {
                (channel.number, channel.peer, channel.expires_ms).hash(&mut state);
            }
            sum = sum.wrapping_add(state.finish());
        }
        sum
    }
}
