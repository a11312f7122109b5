//! Parses STUN messages in place. A parsed message is consistent: its length matches the packet, every
//! attribute lies within it, and FINGERPRINT is last and correct.

use std::net::SocketAddr;

use super::{FINGERPRINT_XOR, HEADER_BYTES, MAGIC_COOKIE, address, attribute};
use crate::limits::ATTRIBUTES_MAX;

/// Matches a response to its request. 96 bits.
pub type TransactionId = [u8; 12];

/// The class of a message (RFC 8489 section 5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names are RFC 8489's")]
pub enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// The method of a message (RFC 8489 section 5, RFC 8656 section 17).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Method(pub u16);

#[expect(missing_docs, reason = "the names are RFC 8656's")]
impl Method {
    pub const BINDING: Self = Self(0x001);
    pub const ALLOCATE: Self = Self(0x003);
    pub const REFRESH: Self = Self(0x004);
    pub const SEND: Self = Self(0x006);
    pub const DATA: Self = Self(0x007);
    pub const CREATE_PERMISSION: Self = Self(0x008);
    pub const CHANNEL_BIND: Self = Self(0x009);
}

/// Why a packet is not a valid STUN message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Shorter than a header, or without the magic cookie: another protocol.
    #[error("not a STUN message")]
    NotStun,
    /// The length in the header differs from the packet's.
    #[error("the length in the header is not the packet's")]
    Length,
    /// An attribute exceeds the message, or there are more than [`ATTRIBUTES_MAX`].
    #[error("an attribute does not fit")]
    Attribute,
    /// FINGERPRINT is not last, or its checksum does not match.
    #[error("the fingerprint is wrong")]
    Fingerprint,
}

/// An attribute, without padding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attribute<'a> {
    /// One of the numbers in [`attribute`], or an unknown one.
    pub kind: u16,
    /// The value, without padding.
    pub value: &'a [u8],
    /// Offset in the message, in bytes.
    pub at: usize,
}

/// A well-formed STUN message.
#[derive(Debug, Clone, Copy)]
pub struct Message<'a> {
    bytes: &'a [u8],
    method: Method,
    class: Class,
    /// End of the attributes before integrity and fingerprint. Attributes after the integrity must be ignored,
    /// as they are not protected (RFC 8489 section 14.5).
    end: usize,
}

fn u16_at(bytes: &[u8], at: usize) -> u16 {
    u16::from_be_bytes([bytes[at], bytes[at + 1]])
}

fn u32_at(bytes: &[u8], at: usize) -> u32 {
    u32::from_be_bytes([bytes[at], bytes[at + 1], bytes[at + 2], bytes[at + 3]])
}

/// Splits a message type into method and class. The two class bits lie between the method's bits (RFC 8489
/// section 5).
fn unpack(kind: u16) -> (Method, Class) {
    let method = (kind & 0x000F) | ((kind & 0x00E0) >> 1) | ((kind & 0x3E00) >> 2);
    let class = match ((kind >> 8) & 1, (kind >> 4) & 1) {
        (0, 0) => Class::Request,
        (0, _) => Class::Indication,
        (_, 0) => Class::Success,
        (_, _) => Class::Error,
    };
    (Method(method), class)
}

/// The inverse of `unpack`.
pub(super) fn pack(method: Method, class: Class) -> u16 {
    let class = match class {
        Class::Request => 0x0000,
        Class::Indication => 0x0010,
        Class::Success => 0x0100,
        Class::Error => 0x0110,
    };
    let method = method.0 & 0x0FFF;
    (method & 0x000F) | ((method & 0x0070) << 1) | ((method & 0x0F80) << 2) | class
}

impl<'a> Message<'a> {
    /// Parses `bytes`, which must be exactly one message.
    ///
    /// # Errors
    /// [`Malformed`], also for a FINGERPRINT that does not match.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, Malformed> {
        if bytes.len() < HEADER_BYTES || bytes[0] & 0xC0 != 0 || u32_at(bytes, 4) != MAGIC_COOKIE {
            return Err(Malformed::NotStun);
        }
        let length = usize::from(u16_at(bytes, 2));
        if length % 4 != 0 || HEADER_BYTES + length != bytes.len() {
            return Err(Malformed::Length);
        }
        let (method, class) = unpack(u16_at(bytes, 0));
        let end = Self::check_attributes(bytes)?;
        Ok(Self { bytes, method, class, end })
    }

    /// Checks all attributes once, so that later iteration cannot fail. Returns the offset of integrity or
    /// fingerprint, or the end.
    fn check_attributes(bytes: &[u8]) -> Result<usize, Malformed> {
        let mut at = HEADER_BYTES;
        let mut end = None;
        let mut count = 0;
        while at < bytes.len() {
            // The length is a multiple of four, so a whole attribute header is present.
            let (kind, length) = (u16_at(bytes, at), usize::from(u16_at(bytes, at + 2)));
            let next = at + 4 + length.next_multiple_of(4);
            count += 1;
            if next > bytes.len() || count > ATTRIBUTES_MAX {
                return Err(Malformed::Attribute);
            }
            match kind {
                attribute::MESSAGE_INTEGRITY | attribute::MESSAGE_INTEGRITY_SHA256 => {
                    end.get_or_insert(at);
                }
                attribute::FINGERPRINT => {
                    let right = length == 4
                        && next == bytes.len()
                        && u32_at(bytes, at + 4) == crc32fast::hash(&bytes[..at]) ^ FINGERPRINT_XOR;
                    if !right {
                        return Err(Malformed::Fingerprint);
                    }
                    end.get_or_insert(at);
                }
                _ => {}
            }
            at = next;
        }
        Ok(end.unwrap_or(at))
    }

    /// The method.
    #[must_use]
    pub fn method(&self) -> Method {
        self.method
    }

    /// Request, indication, success response or error response.
    #[must_use]
    pub fn class(&self) -> Class {
        self.class
    }

    /// The transaction id.
    #[must_use]
    pub fn transaction(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.bytes[8..HEADER_BYTES]);
        id
    }

    /// The message as received.
    #[must_use]
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The attributes before integrity and fingerprint, in order.
    pub fn attributes(&self) -> impl Iterator<Item = Attribute<'a>> + use<'a> {
        AttributeIter { bytes: &self.bytes[..self.end], at: HEADER_BYTES }
    }

    /// The first attribute of this type. Repetitions are ignored (RFC 8489 section 14).
    #[must_use]
    pub fn get(&self, kind: u16) -> Option<Attribute<'a>> {
        self.attributes().find(|attribute| attribute.kind == kind)
    }

    /// MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256. Both may be present; the latter then comes second.
    #[must_use]
    pub fn integrity(&self, kind: u16) -> Option<Attribute<'a>> {
        AttributeIter { bytes: self.bytes, at: self.end }.find(|attribute| attribute.kind == kind)
    }

    /// Whether the message has a FINGERPRINT. [`parse`](Self::parse) has verified it.
    #[must_use]
    pub fn has_fingerprint(&self) -> bool {
        AttributeIter { bytes: self.bytes, at: self.end }.any(|attribute| attribute.kind == attribute::FINGERPRINT)
    }

    /// A 32-bit value such as LIFETIME. `None` if absent, `Some(None)` if it has another length.
    #[must_use]
    pub fn number(&self, kind: u16) -> Option<Option<u32>> {
        self.get(kind).map(|found| (found.value.len() == 4).then(|| u32_at(found.value, 0)))
    }

    /// All addresses of this type; `None` in place of a malformed one.
    pub fn addresses(&self, kind: u16) -> impl Iterator<Item = Option<SocketAddr>> + use<'a> {
        let transaction = self.transaction();
        let found = self.attributes().filter(move |attribute| attribute.kind == kind);
        found.map(move |attribute| address::read_xor(attribute.value, &transaction))
    }

    /// The number in ERROR-CODE, such as 401.
    #[must_use]
    pub fn error_code(&self) -> Option<u16> {
        let value = self.get(attribute::ERROR_CODE)?.value;
        (value.len() >= 4).then(|| u16::from(value[2] & 7) * 100 + u16::from(value[3]))
    }
}

/// Iterates over attributes that have been checked.
struct AttributeIter<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Iterator for AttributeIter<'a> {
    type Item = Attribute<'a>;

    fn next(&mut self) -> Option<Attribute<'a>> {
        let at = self.at;
        if at >= self.bytes.len() {
            return None;
        }
        let (kind, length) = (u16_at(self.bytes, at), usize::from(u16_at(self.bytes, at + 2)));
        self.at = at + 4 + length.next_multiple_of(4);
        Some(Attribute { kind, value: &self.bytes[at + 4..at + 4 + length], at })
    }
}
