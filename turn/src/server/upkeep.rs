//! Changes without a packet: allocations expire, lose their stream, or are ended by the operator. Also the list
//! of allocations.

use super::allocation::RelaySocket;
use super::{AllocationId, AllocationView, FiveTuple, RelaySockets, Server};
use crate::shared::Refusal;

/// Interval for removing expired permissions and channels, in milliseconds. They are already ineffective;
/// removal only frees memory.
const SWEEP_MS: u64 = 60_000;

impl Server {
    /// When to call [`expire`](Self::expire), on the clock of `now_ms`. `None` while there is no allocation.
    #[must_use]
    pub fn next_timeout_ms(&self) -> Option<u64> {
        (self.next_expiry_ms != u64::MAX).then_some(self.next_expiry_ms)
    }

    /// Ends expired allocations and removes expired permissions and channels.
    pub fn expire(&mut self, now_ms: u64, sockets: &mut dyn RelaySockets) {
        if now_ms < self.next_expiry_ms {
            return;
        }
        let expired = self.allocations.iter().filter(|(_, allocation)| allocation.expires_ms <= now_ms);
        let expired: Vec<usize> = expired.map(|(slot, _)| slot).collect();
        for slot in expired {
            self.end(slot, sockets);
        }
        for (_, allocation) in &mut self.allocations {
            allocation.forget_expired(now_ms);
        }
        let next = self.allocations.iter().map(|(_, allocation)| allocation.expires_ms).min();
        self.next_expiry_ms = next.map_or(u64::MAX, |next| next.min(now_ms + SWEEP_MS));
    }

    /// Ends an allocation and adds its traffic to the user's totals.
    pub(super) fn end(&mut self, slot: usize, sockets: &mut dyn RelaySockets) {
        let allocation = self.allocations.remove(slot);
        for relay_socket in allocation.relay_sockets.iter().flatten() {
            self.close(relay_socket, sockets);
        }
        self.by_five_tuple.remove(&allocation.five_tuple);
        self.shared.users.release(&allocation.user, allocation.to_peers, allocation.to_clients);
    }

    pub(super) fn close(&self, relay_socket: &RelaySocket, sockets: &mut dyn RelaySockets) {
        self.shared.ports.set(relay_socket.address.public, false);
        sockets.close(relay_socket.key);
    }

    /// Handles the end of a client's stream, which ends its allocation (RFC 8656 section 3.1).
    pub fn stream_closed(&mut self, five_tuple: &FiveTuple, sockets: &mut dyn RelaySockets) {
        if let Some(slot) = self.by_five_tuple.get(five_tuple).copied() {
            self.end(slot, sockets);
        }
    }

    /// Whether the five-tuple has an allocation.
    #[must_use]
    pub fn has_allocation(&self, five_tuple: &FiveTuple) -> bool {
        self.by_five_tuple.contains_key(five_tuple)
    }

    /// Ends all allocations that match `which` (id and user). Returns their number.
    pub fn disconnect(&mut self, which: impl Fn(AllocationId, &str) -> bool, sockets: &mut dyn RelaySockets) -> usize {
        let found = self.allocations.iter().filter(|(_, allocation)| which(allocation.id, &allocation.user.name));
        let found: Vec<usize> = found.map(|(slot, _)| slot).collect();
        for slot in &found {
            self.end(*slot, sockets);
        }
        found.len()
    }

    /// A snapshot of all allocations.
    #[must_use]
    pub fn allocations(&self, now_ms: u64) -> Vec<AllocationView> {
        self.allocations.iter().map(|(_, allocation)| allocation.view(now_ms)).collect()
    }

    /// Counts datagrams that a socket or a stream did not take.
    pub fn count_lost(&self, datagrams: u64) {
        self.counters.refuse(Refusal::Backpressure, datagrams);
    }
}
