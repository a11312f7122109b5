//! ICMP errors (RFC 8656 section 11.5): the client learns why a datagram did not reach its peer. It can then
//! send smaller datagrams, or choose another path.
//!
//! The RFC wants a report to every client. This server sends one only to clients that have used DONT-FRAGMENT,
//! which run path MTU discovery and expect it. The reason: such an indication has no DATA attribute. Widely
//! used client libraries (pion and webrtc-rs) then stop reading and lose the call, and browsers log a warning.
//! Unreachable peers are normal at the start of every call, as ICE tries all candidates.

use std::net::SocketAddr;

use super::{FiveTuple, RelayKey, Server};
use crate::limits::{UNREACHABLE_BURST, UNREACHABLE_INTERVAL_MS};
use crate::stun::{Class, Method, Writer, attribute};

const TOLERANCE_MS: u64 = UNREACHABLE_INTERVAL_MS * UNREACHABLE_BURST;

/// An ICMP error about a sent datagram; ICMPv6 if its destination is an IPv6 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Icmp {
    /// Type of the ICMP message.
    pub kind: u8,
    /// Code of the ICMP message.
    pub code: u8,
    /// The MTU of the next hop, in bytes. Meaningful only for "packet too big" and its IPv4 counterpart.
    pub mtu: u32,
}

const UNREACHABLE_V4: u8 = 3;
const UNREACHABLE_V6: u8 = 1;
const TOO_BIG_V4: (u8, u8) = (UNREACHABLE_V4, 4);
const TOO_BIG_V6: u8 = 2;
const TIME_EXCEEDED_V4: u8 = 11;
const TIME_EXCEEDED_V6: u8 = 3;

impl Icmp {
    /// The error for a datagram that exceeds `mtu` bytes.
    #[must_use]
    pub fn too_big(v4: bool, mtu: u32) -> Self {
        let (kind, code) = if v4 { TOO_BIG_V4 } else { (TOO_BIG_V6, 0) };
        Self { kind, code, mtu }
    }

    /// Value of the ICMP attribute (RFC 8656 section 18.13). `None` for types that are not reported.
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
        // Seven bits of type, nine bits of code.
        value[2..4].copy_from_slice(&(u16::from(self.kind) << 9 | u16::from(self.code)).to_be_bytes());
        if too_big {
            value[4..].copy_from_slice(&self.mtu.to_be_bytes());
        }
        Some(value)
    }
}

impl Server {
    /// Handles an ICMP error for a datagram to `peer` through `relay`. Writes a Data indication into `reply`
    /// and returns the client to send it to. Reports are rate limited per allocation, as an attacker who knows
    /// the port can forge ICMP errors.
    pub fn peer_unreachable(
        &mut self,
        now_ms: u64,
        relay: RelayKey,
        peer: SocketAddr,
        icmp: Icmp,
        reply: &mut Vec<u8>,
    ) -> Option<FiveTuple> {
        let value = icmp.value(peer.is_ipv4())?;
        let allocation = self.allocations.get_mut(relay.slot())?;
        let relay_socket = allocation.relay_socket(peer.ip()).filter(|relay_socket| relay_socket.key == relay)?;
        let peer = relay_socket.peer_for_client(peer, &self.shared);
        allocation.permission(peer.ip(), now_ms).filter(|_| allocation.reports_icmp)?;
        if allocation.unreachable_due_ms.max(now_ms) >= now_ms + TOLERANCE_MS {
            return None;
        }
        allocation.unreachable_due_ms = allocation.unreachable_due_ms.max(now_ms) + UNREACHABLE_INTERVAL_MS;
        let five_tuple = allocation.five_tuple;
        let transaction = self.next_indication();
        let mut writer = Writer::new(reply, Method::DATA, Class::Indication, transaction);
        writer.put_address(attribute::XOR_PEER_ADDRESS, peer).put(attribute::ICMP, &value);
        Some(five_tuple)
    }
}
