//! The relay as a state machine: packets in, packets out, the next timeout. It reads no clock, opens no socket and has no
//! thread; the one thing that it asks of the world, relay sockets, comes as [`Sockets`]. One machine serves the clients of
//! one thread.
//!
//! RFC 8656 over RFC 8489, without TCP relaying (RFC 6062) and mobility (RFC 8016), which have been the ways into other
//! relays. ICMP is passed on (section 11.5) to those who can use it only: see `unreachable`.

mod allocate;
mod allocation;
mod auth;
mod channel;
mod data;
#[cfg(any(test, fuzzing))]
mod invariants;
mod nonce;
mod path;
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
pub(crate) use nonce::Nonces;
pub use path::{Path, Transport};
pub use unreachable::Icmp;

use crate::settings::Entropy;
use crate::shared::external_address::Family;
use crate::shared::flood::Flood;
use crate::shared::{Counters, Refusal, Shared};
use crate::stun::{Class, Message, Method, channel_data};

/// Names a relay socket: each allocation may have two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RelayKey(pub u32);

impl RelayKey {
    fn new(slot: usize, leg: usize) -> Self {
        Self(u32::try_from(slot * 2 + leg).expect("the quota keeps allocations far below this"))
    }

    fn slot(self) -> usize {
        self.0 as usize / 2
    }
}

/// What RESERVATION-TOKEN holds.
pub type Token = [u8; 8];

/// Which port a relay socket shall have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Port {
    /// Any.
    Any,
    /// An even one.
    Even,
    /// An even one, and the next is kept bound under the token for a while.
    EvenAndReserve(Token),
    /// The one kept under the token, whatever its family.
    Reserved(Token),
}

/// A relay socket that has been opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Opened {
    /// What it is bound to.
    pub local: SocketAddr,
    /// What peers see.
    pub public: SocketAddr,
}

/// Opens and closes relay sockets.
pub trait Sockets {
    /// Opens one, or says that there is none to be had. `owner` may take what the same owner reserved.
    fn open(&mut self, key: RelayKey, family: Family, port: Port, owner: &str, now_ms: u64) -> Option<Opened>;
    /// Closes one; nothing may be sent through it or received from it afterwards.
    fn close(&mut self, key: RelayKey);
}

/// What is to be done after a packet from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PacketOutcome {
    /// Nothing.
    Nothing,
    /// The reply buffer goes back to the client.
    Reply,
    /// A part of the packet goes to a peer.
    ToPeer {
        /// Through this socket.
        relay: RelayKey,
        /// To this address.
        peer: SocketAddr,
        /// This part of the packet.
        payload: Range<usize>,
        /// In one piece or not at all.
        dont_fragment: bool,
    },
}

/// The machine.
pub struct Server {
    shared: Arc<Shared>,
    counters: Arc<Counters>,
    entropy: Entropy,
    flood: Flood,
    allocations: Slab<Allocation>,
    by_path: HashMap<Path, usize>,
    /// Makes ids of allocations different from those of other threads.
    thread: u64,
    made: u64,
    /// Not later than when the next allocation expires.
    wake_ms: u64,
    /// Where the transaction ids of Data indications come from.
    indications: u64,
}

impl std::fmt::Debug for Server {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Server").field("allocations", &self.allocations.len()).finish_non_exhaustive()
    }
}

impl Server {
    /// A machine without allocations. `thread` tells it from others with the same `shared`; `entropy` fills a buffer with
    /// unpredictable bytes.
    pub fn new(shared: Arc<Shared>, counters: Arc<Counters>, thread: u16, entropy: Entropy) -> Self {
        let mut seed = [0; 8];
        entropy(&mut seed);
        Self {
            shared,
            counters,
            entropy,
            flood: Flood::new(),
            allocations: Slab::new(),
            by_path: HashMap::new(),
            thread: u64::from(thread),
            made: 0,
            wake_ms: u64::MAX,
            indications: u64::from_be_bytes(seed),
        }
    }

    /// Takes a packet of a client. `now_ms` is any clock that only goes forward; an answer is written into `reply`.
    pub fn client_sent(
        &mut self,
        now_ms: u64,
        path: &Path,
        packet: &[u8],
        sockets: &mut dyn Sockets,
        reply: &mut Vec<u8>,
    ) -> PacketOutcome {
        let Some(&first) = packet.first() else { return PacketOutcome::Nothing };
        if channel_data::is_channel_data(first) {
            return self.channel_data(now_ms, path, packet);
        }
        let Ok(message) = Message::parse(packet) else {
            self.refuse(Refusal::Malformed);
            return PacketOutcome::Nothing;
        };
        match (message.class(), message.method()) {
            (Class::Indication, Method::SEND) => self.send_indication(now_ms, path, &message),
            (Class::Request, _) => self.request(now_ms, path, &message, sockets, reply),
            // Other indications keep an address translator's mapping open; answers are to nothing that we asked.
            _ => PacketOutcome::Nothing,
        }
    }

    /// Whether a packet may change which relay sockets there are: what was decided before it must have been sent.
    #[must_use]
    pub fn may_change_sockets(packet: &[u8]) -> bool {
        // Anything but ChannelData and Send indications.
        packet.first().is_some_and(|first| *first < 0x40) && packet.get(..2) != Some(&[0x00, 0x16])
    }

    fn refuse(&self, why: Refusal) {
        self.counters.refuse(why, 1);
    }
}
