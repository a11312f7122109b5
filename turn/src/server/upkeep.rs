//! What happens without a packet: allocations end by time, with their stream, or because somebody says so; and they can be
//! looked at.

use super::allocation::Leg;
use super::{AllocationId, AllocationView, Path, Server, Sockets};
use crate::shared::Refusal;

/// Expired permissions and channels, which nobody uses, are dropped this often, in milliseconds.
const SWEEP_MS: u64 = 60_000;

impl Server {
    /// When [`expire`](Self::expire) has something to do, on the clock of `now_ms`. `None`: not without another packet.
    #[must_use]
    pub fn next_timeout_ms(&self) -> Option<u64> {
        (self.wake_ms != u64::MAX).then_some(self.wake_ms)
    }

    /// Ends what has expired.
    pub fn expire(&mut self, now_ms: u64, sockets: &mut dyn Sockets) {
        if now_ms < self.wake_ms {
            return;
        }
        let over = self.allocations.iter().filter(|(_, allocation)| allocation.expires_ms <= now_ms);
        let over: Vec<usize> = over.map(|(slot, _)| slot).collect();
        for slot in over {
            self.end(slot, sockets);
        }
        for (_, allocation) in &mut self.allocations {
            allocation.forget_expired(now_ms);
        }
        let next = self.allocations.iter().map(|(_, allocation)| allocation.expires_ms).min();
        self.wake_ms = next.map_or(u64::MAX, |next| next.min(now_ms + SWEEP_MS));
    }

    /// Ends an allocation. What was relayed is added to its user's totals.
    pub(super) fn end(&mut self, slot: usize, sockets: &mut dyn Sockets) {
        let allocation = self.allocations.remove(slot);
        for leg in allocation.legs.iter().flatten() {
            self.close(leg, sockets);
        }
        self.by_path.remove(&allocation.path);
        self.shared.users.release(&allocation.user, allocation.to_peers, allocation.to_clients);
    }

    pub(super) fn close(&self, leg: &Leg, sockets: &mut dyn Sockets) {
        self.shared.ports.set(leg.at.public, false);
        sockets.close(leg.key);
    }

    /// The stream of this path is closed: its allocation ends (RFC 8656 section 3.1).
    pub fn closed(&mut self, path: &Path, sockets: &mut dyn Sockets) {
        if let Some(slot) = self.by_path.get(path).copied() {
            self.end(slot, sockets);
        }
    }

    /// Whether there is an allocation on this path.
    #[must_use]
    pub fn has_allocation(&self, path: &Path) -> bool {
        self.by_path.contains_key(path)
    }

    /// Ends allocations of which `which` says so, and returns how many.
    pub fn disconnect(&mut self, which: impl Fn(AllocationId, &str) -> bool, sockets: &mut dyn Sockets) -> usize {
        let found = self.allocations.iter().filter(|(_, allocation)| which(allocation.id, &allocation.user.name));
        let found: Vec<usize> = found.map(|(slot, _)| slot).collect();
        for slot in &found {
            self.end(*slot, sockets);
        }
        found.len()
    }

    /// All allocations, as they are now.
    #[must_use]
    pub fn allocations(&self, now_ms: u64) -> Vec<AllocationView> {
        self.allocations.iter().map(|(_, allocation)| allocation.view(now_ms)).collect()
    }

    /// Counts data that the network or a stream did not take.
    pub fn count_lost(&self, datagrams: u64) {
        self.counters.refuse(Refusal::Backpressure, datagrams);
    }
}
