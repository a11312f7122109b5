//! The wire format of STUN (RFC 8489) and TURN (RFC 8656): reading borrows, writing fills a buffer of the caller's. Nothing
//! here decides anything.
//!
//! Our own rather than webrtc-rs's codec, against which the tests compare it: that one copies every attribute, and payloads
//! are attributes of Send indications; and it knows neither MESSAGE-INTEGRITY-SHA256 nor PASSWORD-ALGORITHMS.

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

/// Every STUN message has this in its header.
pub const MAGIC_COOKIE: u32 = 0x2112_A442;
/// Bytes of a STUN header.
pub const HEADER_BYTES: usize = 20;
/// What FINGERPRINT is XORed with (RFC 8489 section 14.7).
pub(crate) const FINGERPRINT_XOR: u32 = 0x5354_554E;
