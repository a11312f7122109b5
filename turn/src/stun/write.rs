//! Writes STUN messages into a reusable buffer.

use std::net::SocketAddr;

use super::address::{ADDRESS_BYTES_MAX, write_xor};
use super::integrity::{Integrity, Key};
use super::message::{Class, Method, TransactionId, pack};
use super::{FINGERPRINT_XOR, HEADER_BYTES, MAGIC_COOKIE, attribute};

/// A message under construction. Its header has the right length after every step.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    transaction: TransactionId,
}

impl<'a> Writer<'a> {
    /// Begins a message, and clears `out`.
    pub fn new(out: &'a mut Vec<u8>, method: Method, class: Class, transaction: TransactionId) -> Self {
        out.clear();
        out.extend_from_slice(&pack(method, class).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        out.extend_from_slice(&transaction);
        Self { out, transaction }
    }

    /// Length so far, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    fn set_length(&mut self) {
        let length = u16::try_from(self.out.len() - HEADER_BYTES).expect("messages that we write are short");
        self.out[2..4].copy_from_slice(&length.to_be_bytes());
    }

    /// Appends an attribute with its padding.
    ///
    /// # Panics
    /// If the message exceeds 65,535 bytes. The server's own messages stay far below that.
    pub fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(value.len()).expect("attributes that we write are short");
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(value);
        self.out.resize(self.out.len().next_multiple_of(4), 0);
        self.set_length();
        self
    }

    /// Appends a 32-bit value.
    pub fn put_number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    /// Appends an XORed address.
    pub fn put_address(&mut self, kind: u16, address: SocketAddr) -> &mut Self {
        let mut value = [0; ADDRESS_BYTES_MAX];
        let length = write_xor(address, &self.transaction, &mut value);
        self.put(kind, &value[..length])
    }

    /// Appends ERROR-CODE. The reason phrase helps people who read packet traces; clients ignore it.
    pub fn put_error(&mut self, code: u16, reason: &str) -> &mut Self {
        let value = [&[0, 0, code_byte(code / 100), code_byte(code % 100)], reason.as_bytes()].concat();
        self.put(attribute::ERROR_CODE, &value)
    }

    /// Appends MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256. Only FINGERPRINT may follow.
    pub fn put_integrity(&mut self, kind: Integrity, key: &Key) -> &mut Self {
        let size = match kind {
            Integrity::Sha1 => 20,
            Integrity::Sha256 => 32,
        };
        let length = u16::try_from(self.out.len() + 4 + size - HEADER_BYTES).expect("messages that we write are short");
        let mut code = [0; 32];
        let written = key.compute_hmac(kind, self.out, length, &mut code);
        self.put(kind.attribute(), &code[..written])
    }

    /// Appends FINGERPRINT. Nothing may follow.
    pub fn put_fingerprint(&mut self) -> &mut Self {
        // The checksum covers the header with its final length, so the attribute is added first.
        let at = self.out.len();
        self.put_number(attribute::FINGERPRINT, 0);
        let sum = crc32fast::hash(&self.out[..at]) ^ FINGERPRINT_XOR;
        self.out[at + 4..].copy_from_slice(&sum.to_be_bytes());
        self
    }
}

fn code_byte(value: u16) -> u8 {
    u8::try_from(value).expect("error codes have three digits")
}
