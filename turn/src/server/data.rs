//! The data path: Send indications and ChannelData to peers, Data indications and ChannelData to clients. Runs
//! for every datagram, so it copies no payload, allocates no memory and takes no lock.

use std::net::SocketAddr;
use std::ops::Range;

use super::allocation::Allocation;
use super::{FiveTuple, PacketOutcome, RelayKey, Server};
use crate::shared::counters::add;
use crate::shared::{Refusal, Shared};
use crate::stun::address::{ADDRESS_BYTES_MAX, write_xor};
use crate::stun::{HEADER_BYTES, MAGIC_COOKIE, Message, TransactionId, attribute, channel_data};

/// Message type of a Data indication.
const DATA_INDICATION: u16 = 0x0017;

impl Server {
    /// Handles ChannelData from a client.
    pub(super) fn channel_data(&mut self, now_ms: u64, five_tuple: &FiveTuple, packet: &[u8]) -> PacketOutcome {
        let Some((number, payload)) = channel_data::read(packet) else {
            self.refuse(Refusal::Malformed);
            return PacketOutcome::Nothing;
        };
        let Some(slot) = self.by_five_tuple.get(five_tuple).copied() else {
            self.refuse(Refusal::Permission);
            return PacketOutcome::Nothing;
        };
        let Some(peer) = self.allocations[slot].channel(number, now_ms).map(|channel| channel.peer) else {
            self.refuse(Refusal::Permission);
            return PacketOutcome::Nothing;
        };
        self.relay_to_peer(now_ms, slot, peer, payload, false)
    }

    /// Handles a Send indication. Indications are not authenticated (RFC 8656 section 11.2): the five-tuple
    /// must belong to an allocation, and the peer must have a permission.
    pub(super) fn send_indication(
        &mut self,
        now_ms: u64,
        five_tuple: &FiveTuple,
        message: &Message<'_>,
    ) -> PacketOutcome {
        let peer = message.addresses(attribute::XOR_PEER_ADDRESS).next().flatten();
        let (Some(peer), Some(data)) = (peer, message.get(attribute::DATA)) else {
            self.refuse(Refusal::Malformed);
            return PacketOutcome::Nothing;
        };
        let foreign = |kind| attribute::must_be_understood(kind) && !attribute::is_known(kind);
        if message.attributes().any(|found| foreign(found.kind)) {
            self.refuse(Refusal::Malformed);
            return PacketOutcome::Nothing;
        }
        let Some(slot) = self.by_five_tuple.get(five_tuple).copied() else {
            self.refuse(Refusal::Permission);
            return PacketOutcome::Nothing;
        };
        let start = data.at + 4;
        let dont_fragment = message.get(attribute::DONT_FRAGMENT).is_some();
        self.allocations[slot].reports_icmp |= dont_fragment;
        self.relay_to_peer(now_ms, slot, peer, start..start + data.value.len(), dont_fragment)
    }

    fn relay_to_peer(
        &mut self,
        now_ms: u64,
        slot: usize,
        peer: SocketAddr,
        payload: Range<usize>,
        dont_fragment: bool,
    ) -> PacketOutcome {
        let allocation = &mut self.allocations[slot];
        let Some((relay, peer)) = route(&self.shared, allocation, now_ms, peer) else {
            self.refuse(Refusal::Permission);
            return PacketOutcome::Nothing;
        };
        if !allocation.user.take_bandwidth(payload.len(), now_ms, self.shared.quotas.bytes_per_s_per_user) {
            self.refuse(Refusal::Bandwidth);
            return PacketOutcome::Nothing;
        }
        allocation.to_peers.count(payload.len());
        add(&self.counters.packets_to_peers, 1);
        add(&self.counters.bytes_to_peers, payload.len() as u64);
        PacketOutcome::ToPeer { relay, peer, payload, dont_fragment }
    }

    /// Handles a datagram from a peer. It is at `payload` in `buffer`, with [`HEADROOM_BYTES`] free before it
    /// and [`TAILROOM_BYTES`] after, so that the header can be written in place. Returns the client and the
    /// range of the buffer to send to it.
    ///
    /// [`HEADROOM_BYTES`]: crate::limits::HEADROOM_BYTES
    /// [`TAILROOM_BYTES`]: crate::limits::TAILROOM_BYTES
    pub fn peer_sent(
        &mut self,
        now_ms: u64,
        relay: RelayKey,
        peer: SocketAddr,
        buffer: &mut [u8],
        payload: Range<usize>,
    ) -> Option<(FiveTuple, Range<usize>)> {
        let allocation = self.allocations.get_mut(relay.slot())?;
        let relay_socket = allocation.relay_socket(peer.ip()).filter(|relay_socket| relay_socket.key == relay)?;
        let peer = relay_socket.peer_for_client(peer, &self.shared);
        let permitted = allocation.permission(peer.ip(), now_ms);
        if !permitted.is_some_and(|permission| !permission.own || self.shared.ports.is_open(peer)) {
            self.refuse(Refusal::Permission);
            return None;
        }
        if !allocation.user.take_bandwidth(payload.len(), now_ms, self.shared.quotas.bytes_per_s_per_user) {
            self.refuse(Refusal::Bandwidth);
            return None;
        }
        allocation.to_clients.count(payload.len());
        add(&self.counters.packets_to_clients, 1);
        add(&self.counters.bytes_to_clients, payload.len() as u64);
        let (five_tuple, channel) =
            (allocation.five_tuple, allocation.channel_to(peer, now_ms).map(|channel| channel.number));
        let range = match channel {
            Some(number) => wrap_channel(number, five_tuple.transport.is_stream(), buffer, payload)?,
            None => wrap_indication(peer, self.next_indication(), buffer, payload)?,
        };
        Some((five_tuple, range))
    }

    /// A transaction id for an indication. Indications get no response, so the id need not be unpredictable,
    /// only different.
    pub(super) fn next_indication(&mut self) -> TransactionId {
        self.indications = self.indications.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut transaction = [0; 12];
        transaction[..8].copy_from_slice(&mix(self.indications).to_be_bytes());
        transaction[8..].copy_from_slice(&(mix(!self.indications) as u32).to_be_bytes());
        transaction
    }
}

/// The relay socket and the destination for a datagram to `peer`, if it has a permission.
fn route(shared: &Shared, allocation: &Allocation, now_ms: u64, peer: SocketAddr) -> Option<(RelayKey, SocketAddr)> {
    let permission = allocation.permission(peer.ip(), now_ms)?;
    let relay_socket = allocation.relay_socket(peer.ip())?;
    if !permission.own {
        return (peer.port() != 0).then_some((relay_socket.key, peer));
    }
    // Another client of this relay: send to its local address. Many routers do not support hairpinning, so a
    // datagram to the public address might not come back.
    let turned = if peer.ip() == relay_socket.address.public.ip() {
        SocketAddr::new(relay_socket.address.local.ip(), peer.port())
    } else {
        peer
    };
    shared.ports.is_open(peer).then_some((relay_socket.key, turned))
}

/// Writes the ChannelData header before a payload, and padding after it on streams.
fn wrap_channel(number: u16, pad: bool, buffer: &mut [u8], payload: Range<usize>) -> Option<Range<usize>> {
    let start = payload.start.checked_sub(channel_data::HEADER_BYTES)?;
    let header = channel_data::header(number, u16::try_from(payload.len()).ok()?);
    buffer.get_mut(start..payload.start)?.copy_from_slice(&header);
    let end = if pad { payload.start + payload.len().next_multiple_of(4) } else { payload.end };
    buffer.get_mut(payload.end..end)?.fill(0);
    Some(start..end)
}

/// Writes a Data indication around a payload: header and XOR-PEER-ADDRESS before it, padding after it.
fn wrap_indication(
    peer: SocketAddr,
    transaction: TransactionId,
    buffer: &mut [u8],
    payload: Range<usize>,
) -> Option<Range<usize>> {
    let mut address = [0; ADDRESS_BYTES_MAX];
    let address_bytes = write_xor(peer, &transaction, &mut address);
    let before = HEADER_BYTES + 4 + address_bytes + 4;
    let start = payload.start.checked_sub(before)?;
    let end = payload.start + payload.len().next_multiple_of(4);
    let length = u16::try_from(end - start - HEADER_BYTES).ok()?;
    let mut head = [0; HEADER_BYTES + 4 + ADDRESS_BYTES_MAX + 4];
    head[..2].copy_from_slice(&DATA_INDICATION.to_be_bytes());
    head[2..4].copy_from_slice(&length.to_be_bytes());
    head[4..8].copy_from_slice(&MAGIC_COOKIE.to_be_bytes());
    head[8..20].copy_from_slice(&transaction);
    head[20..22].copy_from_slice(&attribute::XOR_PEER_ADDRESS.to_be_bytes());
    head[22..24].copy_from_slice(&u16::try_from(address_bytes).ok()?.to_be_bytes());
    head[24..24 + address_bytes].copy_from_slice(&address[..address_bytes]);
    head[before - 4..before - 2].copy_from_slice(&attribute::DATA.to_be_bytes());
    head[before - 2..before].copy_from_slice(&u16::try_from(payload.len()).ok()?.to_be_bytes());
    buffer.get_mut(start..payload.start)?.copy_from_slice(&head[..before]);
    buffer.get_mut(payload.end..end)?.fill(0);
    Some(start..end)
}

/// Mixes a counter into 64 evenly distributed bits (the finaliser of SplitMix64).
fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    bits ^ (bits >> 31)
}
