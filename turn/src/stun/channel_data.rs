//! ChannelData messages: a payload with a header of four bytes (RFC 8656 section 12.4).

use std::ops::Range;

/// Channel numbers that a client may bind. RFC 8656 section 12 ends at 0x4FFF, so that peers can tell channels
/// from DTLS and RTP. Clients written for RFC 5766 use numbers up to 0x7FFF, coturn's and some WebRTC clients
/// among them; the wider range does no harm.
pub const CHANNELS: std::ops::RangeInclusive<u16> = 0x4000..=0x7FFF;
/// Bytes of the header.
pub const HEADER_BYTES: usize = 4;

/// Whether a packet that begins with this byte is ChannelData. STUN messages begin with 0 to 3.
#[must_use]
pub fn is_channel_data(first: u8) -> bool {
    (0x40..=0x7F).contains(&first)
}

/// The channel number and the range of the payload. `None` if the packet is shorter than its length field.
/// Bytes after the payload are padding.
#[must_use]
pub fn read(packet: &[u8]) -> Option<(u16, Range<usize>)> {
    let [c0, c1, l0, l1, rest @ ..] = packet else { return None };
    let length = usize::from(u16::from_be_bytes([*l0, *l1]));
    (length <= rest.len()).then(|| (u16::from_be_bytes([*c0, *c1]), HEADER_BYTES..HEADER_BYTES + length))
}

/// The header of a payload.
#[must_use]
pub fn header(channel: u16, payload_bytes: u16) -> [u8; HEADER_BYTES] {
    let ([c0, c1], [l0, l1]) = (channel.to_be_bytes(), payload_bytes.to_be_bytes());
    [c0, c1, l0, l1]
}
