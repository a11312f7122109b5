//! ChannelData: four bytes before a payload (RFC 8656 section 12.4). The cheapest way through a relay.

use std::ops::Range;

/// Channel numbers that a client may bind. RFC 8656 section 12 ends at 0x4FFF so that peers can tell channels from DTLS and
/// RTP; clients of RFC 5766, coturn's and some of WebRTC's among them, go on to 0x7FFF, which harms nobody here.
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7FFF;
/// Bytes before the payload.
pub const HEADER_BYTES: usize = 4;

/// Whether a packet that begins with this byte is ChannelData. Others are STUN (0 to 3) or nothing of ours.
#[must_use]
pub fn is_channel_data(first: u8) -> bool {
    (0x40..=0x7F).contains(&first)
}

/// Channel and place of the payload. `None` if the packet is too short for what it says it holds; what follows the
/// payload is padding.
#[must_use]
pub fn read(packet: &[u8]) -> Option<(u16, Range<usize>)> {
    let [c0, c1, l0, l1, rest @ ..] = packet else { return None };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    (length <= rest.len()).then(|| (u16::from_be_bytes([*c0, *c1]), HEADER_BYTES..HEADER_BYTES + length))
}

/// The four bytes before a payload.
#[must_use]
pub fn header(channel: u16, payload_bytes: u16) -> [u8; HEADER_BYTES] {
    let ([c0, c1], [l0, l1]) = (channel.to_be_bytes(), payload_bytes.to_be_bytes());
    [c0, c1, l0, l1]
}
