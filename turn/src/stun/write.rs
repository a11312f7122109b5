//! Writing a STUN message into a buffer that is used again and again.

use std::net::SocketAddr;

use super::address::{ADDRESS_BYTES_MAX, write_xor};
use super::integrity::{Integrity, Key};
use super::message::{Class, Method, TransactionId, pack};
use super::{FINGERPRINT_XOR, HEADER_BYTES, MAGIC_COOKIE, attribute};

/// A message being written. The length in its header is right after every step.
#[derive(Debug)]
pub struct Writer<'a> {
    out: &'a mut Vec<u8>,
    transaction: TransactionId,
}

impl<'a> Writer<'a> {
    /// Begins a message; whatever `out` held is gone.
    pub fn new(out: &'a mut Vec<u8>, method: Method, class: Class, transaction: TransactionId) -> Self {
        out.clear();
        out.extend_from_slice(&pack(method, class).to_be_bytes());
        out.extend_from_slice(&[0, 0]);
        out.extend_from_slice(&MAGIC_COOKIE.to_be_bytes());
        out.extend_from_slice(&transaction);
        Self { out, transaction }
    }

    /// Bytes so far.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.out.len()
    }

    fn set_length(&mut self) {
        let length = u16::try_from(self.out.len() - HEADER_BYTES).expect("messages that we write are short");
        self.out[2..4].copy_from_slice(&length.to_be_bytes());
    }

    /// Adds an attribute and its padding.
    ///
    /// # Panics
    /// If the message would get longer than its header can say; nothing that a relay writes comes near that.
    pub fn put(&mut self, kind: u16, value: &[u8]) -> &mut Self {
        let length = u16::try_from(value.len()).expect("attributes that we write are short");
        self.out.extend_from_slice(&kind.to_be_bytes());
        self.out.extend_from_slice(&length.to_be_bytes());
        self.out.extend_from_slice(value);
        self.out.resize(self.out.len().next_multiple_of(4), 0);
        self.set_length();
        self
    }

    /// Adds a number of four bytes.
    pub fn put_number(&mut self, kind: u16, value: u32) -> &mut Self {
        self.put(kind, &value.to_be_bytes())
    }

    /// Adds an XORed address.
    pub fn put_address(&mut self, kind: u16, address: SocketAddr) -> &mut Self {
        let mut value = [0; ADDRESS_BYTES_MAX];
        let length = write_xor(address, &self.transaction, &mut value);
        self.put(kind, &value[..length])
    }

    /// Adds ERROR-CODE with a reason for the person who reads a packet trace.
    pub fn put_error(&mut self, code: u16, reason: &str) -> &mut Self {
        let value = [&[0, 0, code_byte(code / 100), code_byte(code % 100)], reason.as_bytes()].concat();
        self.put(attribute::ERROR_CODE, &value)
    }

    /// Adds MESSAGE-INTEGRITY or MESSAGE-INTEGRITY-SHA256. Only a FINGERPRINT may follow.
    pub fn put_integrity(&mut self, kind: Integrity, key: &Key) -> &mut Self {
        let size = match kind {
            Integrity::Sha1 => 20,
            Integrity::Sha256 => 32,
        };
        let length = u16::try_from(self.out.len() + 4 + size - HEADER_BYTES).expect("messages that we write are short");
        let mut code = [0; 32];
        let written = key.code(kind, self.out, length, &mut code);
        self.put(kind.attribute(), &code[..written])
    }

    /// Adds FINGERPRINT; nothing may follow.
    pub fn put_fingerprint(&mut self) -> &mut Self {
        // The checksum covers the header as it will be, with the length of the fingerprint in it.
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
