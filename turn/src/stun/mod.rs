//! The wire format of STUN (RFC 8489) and TURN (RFC 8656). Reading borrows from the packet; writing fills the
//! caller's buffer. This module makes no decisions.
//!
//! It is not webrtc-rs's codec, against which the tests compare it. That one copies every attribute, and the
//! payload of a Send indication is an attribute; it also lacks MESSAGE-INTEGRITY-SHA256 and
//! PASSWORD-ALGORITHMS.

pub mod address;
pub mod attribute;
pub mod channel_data;
pub mod integrity;
pub mod message;
pub mod write;

#[cfg(test)]
mod tests;

pub use integrity::{Algorithm, Key};
pub use message::{Attribute, Class, Malformed, Message, Method, TransactionId};
pub use write::Writer;

/// Fixed value in the header of every STUN message (RFC 8489 section 5).
pub const MAGIC_COOKIE: u32 = 0x2112_A442;
/// Bytes of a STUN header.
pub const HEADER_BYTES: usize = 20;
/// XORed with the CRC-32 of FINGERPRINT (RFC 8489 section 14.7).
pub(crate) const FINGERPRINT_XOR: u32 = 0x5354_554E;
