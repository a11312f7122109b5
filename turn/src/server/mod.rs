//! The TURN server as a state machine: packets in, packets out, next timeout. It reads no clock, opens no
//! socket and starts no thread. Relay sockets are its only dependency on the outside and come as
//! [`RelaySockets`]. Each thread has one machine for its own clients.
//!
//! Implements RFC 8656 over RFC 8489, without TCP allocations (RFC 6062) and mobility (RFC 8016): calls do not
//! use them, and both have been attack surface in other servers. ICMP errors (section 11.5) go only to clients
//! that can use them, see `unreachable`.

mod allocate;
mod allocation;
mod auth;
mod channel;
mod data;
mod five_tuple;
#[cfg(any(test, fuzzing))]
mod invariants;
mod nonce;
mod permission;
mod refresh;
mod request;
mod unreachable;
mod upkeep;

#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::Arc;

use slab::Slab;

use allocation::Allocation;
pub use allocation::{AllocationId, AllocationView, Traffic};
pub use five_tuple::{FiveTuple, Transport};
pub(crate) use nonce::Nonces;
pub use unreachable::Icmp;

use crate::settings::Entropy;
use crate::shared::external_address::AddressFamily;
use crate::shared::rate_limit::SourceRateLimiter;
use crate::shared::{Counters, Refusal, Shared};
use crate::stun::{Class, Message, Method, channel_data};

/// Identifies a relay socket. An allocation has up to two, one per address family.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayKey(pub u32);

impl RelayKey {
    fn new(slot: usize, index: usize) -> Self {
        Self(u32::try_from(slot * 2 + index).expect("the quota keeps allocations far below this"))
    }

    fn slot(self) -> usize {
        self.0 as usize / 2
    }
}

/// The value of RESERVATION-TOKEN.
pub type ReservationToken = [u8; 8];

/// The port requested for a relay socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PortRequest {
    /// Any port.
    Any,
    /// An even port.
    Even,
    /// An even port; the next one is reserved under the token.
    EvenAndReserve(ReservationToken),
    /// The port reserved under the token, of either family.
    Reserved(ReservationToken),
}

/// The relayed transport address of an open socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RelayedAddress {
    /// The address that the socket is bound to.
    pub local: SocketAddr,
    /// The address that peers see. Differs from `local` behind NAT.
    pub public: SocketAddr,
}

/// Opens and closes relay sockets for the state machine.
pub trait RelaySockets {
    /// Opens a socket. `None` if no port is available. `owner` is the user; only the user who reserved a port
    /// may take it.
    fn open(
        &mut self,
        key: RelayKey,
        family: AddressFamily,
        port: PortRequest,
        owner: &str,
        now_ms: u64,
    ) -> Option<RelayedAddress>;
    /// Closes a socket. The state machine does not use the key afterwards, until it opens it again.
    fn close(&mut self, key: RelayKey);
}

/// What to do after a packet from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketOutcome {
    /// Nothing to send.
    Nothing,
    /// Send the reply buffer to the client.
    Reply,
    /// Send a part of the packet to a peer.
    ToPeer {
        /// The relay socket to send from.
        relay: RelayKey,
        /// The destination.
        peer: SocketAddr,
        /// The range of the packet to send.
        payload: Range<usize>,
        /// Whether to set the IP header's DF bit.
        dont_fragment: bool,
    },
}

/// The state machine.
pub struct Server {
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    entropy: Entropy,
    rate_limiter: SourceRateLimiter,
    allocations: Slab<Allocation>,
    by_five_tuple: HashMap<FiveTuple, usize>,
    /// Upper bits of allocation ids, so that ids of different threads differ.
    thread: u64,
    created: u64,
    /// When [`expire`](Self::expire) has to run next. Never later than the first expiry; it may be earlier,
    /// which costs one scan.
    next_expiry_ms: u64,
    /// Counter from which the transaction ids of Data indications derive.
    indications: u64,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("allocations", &self.allocations.len()).finish_non_exhaustive()
    }
}

impl Server {
    /// Creates a machine without allocations. `thread` must differ between machines that share `shared`.
    pub fn new(shared: Arc<Shared>, counters: Arc<Counters>, thread: u16, entropy: Entropy) -> Self {
        let mut seed = [0; 8];
        entropy(&mut seed);
        Self {
            shared,
            counters,
            entropy,
            rate_limiter: SourceRateLimiter::new(),
            allocations: Slab::new(),
            by_five_tuple: HashMap::new(),
            thread: u64::from(thread),
            created: 0,
            next_expiry_ms: u64::MAX,
            indications: u64::from_be_bytes(seed),
        }
    }

    /// Handles a packet from a client. `now_ms` comes from any monotonic clock. A response is written into
    /// `reply`.
    pub fn client_sent(
        &mut self,
        now_ms: u64,
        five_tuple: &FiveTuple,
        packet: &[u8],
        sockets: &mut dyn RelaySockets,
        reply: &mut Vec<u8>,
    ) -> PacketOutcome {
        let Some(&first) = packet.first() else { return PacketOutcome::Nothing };
        if channel_data::is_channel_data(first) {
            return self.channel_data(now_ms, five_tuple, packet);
        }
        let Ok(message) = Message::parse(packet) else {
            self.refuse(Refusal::Malformed);
            return PacketOutcome::Nothing;
        };
        match (message.class(), message.method()) {
            (Class::Indication, Method::SEND) => self.send_indication(now_ms, five_tuple, &message),
            (Class::Request, _) => self.request(now_ms, five_tuple, &message, sockets, reply),
            // Binding indications only keep a NAT binding alive. The server sends no requests, so responses
            // belong to none.
            _ => PacketOutcome::Nothing,
        }
    }

    /// Whether a packet may open or close relay sockets. The caller must send queued datagrams before it passes
    /// such a packet in: a queued datagram may refer to a socket that the packet closes.
    #[must_use]
    pub fn may_change_sockets(packet: &[u8]) -> bool {
        // Everything but ChannelData and Send indications.
        packet.first().is_some_and(|first| *first < 0x40) && packet.get(..2) != Some(&[0x00, 0x16])
    }

    fn refuse(&self, why: Refusal) {
        self.counters.refuse(why, 1);
    }
}
