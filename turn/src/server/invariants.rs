//! What must hold whatever anybody sends. Asked by the fuzzer and by tests; the relay itself has no use for it.

#![expect(clippy::panic, reason = "that is how a fuzzer and a test hear of what is wrong")]

use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash, Hasher};

use super::allocation::Allocation;
use super::{RelayKey, Server};
use crate::peers::PeerVerdict;
use crate::stun::channel_data::CHANNELS;

impl Server {
    /// Panics if something does not hold that has to after [`expire`](Self::expire) at `now_ms`.
    pub(crate) fn assert_sound(&self, now_ms: u64) {
        assert_eq!(self.by_path.len(), self.allocations.len(), "a path is an allocation's, and the other way round");
        for (slot, allocation) in &self.allocations {
            assert_eq!(self.by_path.get(&allocation.path), Some(&slot), "the path leads to its allocation");
            self.assert_allocation_sound(slot, allocation, now_ms);
        }
        let ids: HashSet<_> = self.allocations.iter().map(|(_, allocation)| allocation.id).collect();
        assert_eq!(ids.len(), self.allocations.len(), "ids differ");
        assert!(self.allocations.is_empty() || self.wake_ms != u64::MAX, "somebody wakes up to end what is there");
    }

    /// Whose allocations there are, and how many relay addresses each has.
    pub(crate) fn holders(&self) -> impl Iterator<Item = (&str, usize)> {
        self.allocations
            .iter()
            .map(|(_, allocation)| (&*allocation.user.name, allocation.legs.iter().flatten().count()))
    }

    fn assert_allocation_sound(&self, slot: usize, allocation: &Allocation, now_ms: u64) {
        assert!(allocation.expires_ms > now_ms, "nothing outlives its time");
        assert!(self.wake_ms <= allocation.expires_ms, "the time to end it is not missed");
        let longest_ms = u64::from(self.shared.lifetime_max_s) * 1_000;
        assert!(allocation.expires_ms <= now_ms + longest_ms && allocation.started_ms <= now_ms);
        let legs: Vec<_> =
            allocation.legs.iter().enumerate().filter_map(|(at, leg)| Some((at, leg.as_ref()?))).collect();
        assert!(!legs.is_empty(), "an allocation has a relay address");
        for (at, leg) in &legs {
            assert_eq!(leg.key, RelayKey::new(slot, *at));
            assert_eq!(leg.at.local.is_ipv4(), leg.at.public.is_ipv4());
            assert!(self.shared.ports.is_open(leg.at.public), "its port counts as open");
        }
        let families: Vec<_> = allocation.families().collect();
        assert!(families.len() < 2 || families[0] != families[1], "two addresses are of two families");
        self.assert_peers_sound(allocation);
    }

    fn assert_peers_sound(&self, allocation: &Allocation) {
        let quotas = &self.shared.quotas;
        let (permissions, channels) = (&allocation.permissions, &allocation.channels);
        assert!(permissions.len() <= quotas.permissions_per_allocation, "too many permissions");
        assert!(channels.len() <= quotas.channels_per_allocation, "too many channels");
        let ips: HashSet<_> = permissions.iter().map(|permission| permission.ip).collect();
        assert_eq!(ips.len(), permissions.len(), "one permission for each address");
        let numbers: HashSet<_> = channels.iter().map(|channel| channel.number).collect();
        let bound: HashSet<_> = channels.iter().map(|channel| channel.peer).collect();
        assert_eq!((numbers.len(), bound.len()), (channels.len(), channels.len()), "one number for each peer");
        assert!(channels.iter().all(|channel| CHANNELS.contains(&channel.number) && channel.peer.port() != 0));
        let here = self.shared.external_address();
        for permission in permissions {
            match self.shared.peers.judge(permission.ip, &here.own, &here.own) {
                PeerVerdict::Granted => assert!(!permission.own),
                PeerVerdict::OwnPortsOnly => assert!(permission.own, "our own addresses are more than an address"),
                PeerVerdict::Refused => panic!("a permission for {}, which may not be reached", permission.ip),
            }
        }
    }

    /// A number that stands for all that is kept for clients at `now_ms`.
    pub(crate) fn digest(&self, now_ms: u64) -> u64 {
        let mut sum = self.allocations.len() as u64;
        for (slot, allocation) in &self.allocations {
            let mut state = DefaultHasher::new();
            (slot, allocation.id, allocation.path, &allocation.user.name, allocation.expires_ms).hash(&mut state);
            allocation.legs.iter().flatten().for_each(|leg| (leg.key, leg.at.public, leg.at.local).hash(&mut state));
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
