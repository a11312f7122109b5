//! What becomes of datagrams that do not arrive (RFC 8656 section 11.5): what ICMP says of one that a client has sent to a peer,
//! the client gets to know, so that it can send less at a time, or turn to another path.
//!
//! Only a client that has sent something with DONT-FRAGMENT is told, as it wants to find out how much goes through at a time. The
//! RFC would have everybody told; but such an indication has no DATA, whereupon client libraries in wide use (pion's and webrtc-rs's)
//! stop to read and lose their call, and those of browsers only write a warning. And peers that do not answer are what every call
//! begins with.

use std::net::SocketAddr;

use super::{Path, RelayKey, Server};
use crate::limits::{UNREACHABLE_BURST, UNREACHABLE_INTERVAL_MS};
use crate::stun::{Class, Method, Writer, attribute};

const TOLERANCE_MS: u64 = UNREACHABLE_INTERVAL_MS * UNREACHABLE_BURST;

/// What ICMP says of a datagram that we sent, or ICMPv6, if that went to an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// The message's type.
    pub kind: u8,
    /// Its code.
    pub code: u8,
    /// How large a packet may be, in bytes, if that is what it is about.
    pub mtu: u32,
}

const UNREACHABLE_V4: u8 = 3;
const UNREACHABLE_V6: u8 = 1;
const TOO_BIG_V4: (u8, u8) = (UNREACHABLE_V4, 4);
const TOO_BIG_V6: u8 = 2;
const TIME_EXCEEDED_V4: u8 = 11;
const TIME_EXCEEDED_V6: u8 = 3;

impl Icmp {
    /// That a packet was larger than `mtu` bytes.
    #[must_use]
    pub fn too_big(v4: bool, mtu: u32) -> Self {
        let (kind, code) = if v4 { TOO_BIG_V4 } else { (TOO_BIG_V6, 0) };
        Self { kind, code, mtu }
    }

    /// The attribute's value, if clients are told of this.
    fn value(self, v4: bool) -> Option<[u8; 8]> {
        let (told, too_big) = if v4 {
            let told = [UNREACHABLE_V4, TIME_EXCEEDED_V4].contains(&self.kind);
            (told, (self.kind, self.code) == TOO_BIG_V4)
        } else {
            let told = [UNREACHABLE_V6, TOO_BIG_V6, TIME_EXCEEDED_V6].contains(&self.kind);
            (told, self.kind == TOO_BIG_V6)
        };
        told.then_some(())?;
        let mut value = [0; 8];
        // Seven bits of type, and nine of code.
        value[2..4].copy_from_slice(&(u16::from(self.kind) << 9 | u16::from(self.code)).to_be_bytes());
        if too_big {
            value[4..].copy_from_slice(&self.mtu.to_be_bytes());
        }
        Some(value)
    }
}

impl Server {
    /// Takes what was said of a datagram for `peer` that left through `relay`. Returns which client is to get what is in `reply`
    /// then. A client is told a few times a second at most: anybody may claim such things who knows the port.
    pub fn peer_unreachable(
        &mut self,
        now_ms: u64,
        relay: RelayKey,
        peer: SocketAddr,
        icmp: Icmp,
        reply: &mut Vec<u8>,
    ) -> Option<Path> {
        let value = icmp.value(peer.is_ipv4())?;
        let allocation = self.allocations.get_mut(relay.slot())?;
        let leg = allocation.leg(peer.ip()).filter(|leg| leg.key == relay)?;
        let peer = leg.as_clients_know(peer, &self.shared);
        allocation.permission(peer.ip(), now_ms).filter(|_| allocation.hears_icmp)?;
        if allocation.unreachable_due_ms.max(now_ms) >= now_ms + TOLERANCE_MS {
            return None;
        }
        allocation.unreachable_due_ms = allocation.unreachable_due_ms.max(now_ms) + UNREACHABLE_INTERVAL_MS;
        let path = allocation.path;
        let transaction = self.next_indication();
        let mut writer = Writer::new(reply, Method::DATA, Class::Indication, transaction);
        writer.put_address(attribute::XOR_PEER_ADDRESS, peer).put(attribute::ICMP, &value);
        Some(path)
    }
}
