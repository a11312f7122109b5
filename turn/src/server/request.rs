//! A request: who makes it, which part of the machine it is for, and how the answer leaves.

use super::auth::{ALGORITHMS, Caller};
use super::{PacketOutcome, Path, Server, Sockets};
use crate::limits::AMPLIFICATION_MAX;
use crate::shared::Refusal;
use crate::shared::counters::add;
use crate::stun::{Class, Message, Method, Writer, attribute};

/// Why a request is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) refusal: Refusal,
    /// Whether the answer says how to do better: REALM and NONCE.
    challenges: bool,
}

impl Failure {
    pub(super) const fn new(code: u16, refusal: Refusal, reason: &'static str) -> Self {
        Self { code, reason, refusal, challenges: false }
    }

    pub(super) const fn bad(reason: &'static str) -> Self {
        Self::new(400, Refusal::BadRequest, reason)
    }

    pub(super) const fn challenge(code: u16, refusal: Refusal) -> Self {
        Self { code, reason: "", refusal, challenges: true }
    }
}

/// A request whose maker is known.
pub(super) struct Call<'a> {
    pub(super) now_ms: u64,
    pub(super) path: &'a Path,
    pub(super) message: &'a Message<'a>,
    pub(super) caller: &'a Caller,
}

impl Server {
    /// Answers a request.
    pub(super) fn request(
        &mut self,
        now_ms: u64,
        path: &Path,
        message: &Message<'_>,
        sockets: &mut dyn Sockets,
        reply: &mut Vec<u8>,
    ) -> PacketOutcome {
        // Whoever has an allocation has shown credentials, and has a quota.
        if !self.by_path.contains_key(path) && !self.flood.admits(path.client.ip(), now_ms) {
            self.refuse(Refusal::RateLimited);
            return PacketOutcome::Nothing;
        }
        match message.method() {
            Method::BINDING => self.binding(path, message, reply),
            Method::ALLOCATE | Method::REFRESH | Method::CREATE_PERMISSION | Method::CHANNEL_BIND => {
                match self.shared.authenticate(now_ms, path, message) {
                    Ok(caller) => self.authenticated(&Call { now_ms, path, message, caller: &caller }, sockets, reply),
                    Err(failure) => self.turn_away(now_ms, path, message, failure, reply),
                }
            }
            _ => {
                self.refuse(Refusal::Malformed);
                return PacketOutcome::Nothing;
            }
        }
        PacketOutcome::Reply
    }

    /// Tells a client what its address looks like from here.
    fn binding(&self, path: &Path, message: &Message<'_>, reply: &mut Vec<u8>) {
        let unknown = unknown_attributes(message);
        let class = if unknown.is_empty() { Class::Success } else { Class::Error };
        let mut writer = Writer::new(reply, Method::BINDING, class, message.transaction());
        if unknown.is_empty() {
            add(&self.counters.bindings, 1);
            writer.put_address(attribute::XOR_MAPPED_ADDRESS, path.client);
        } else {
            self.refuse(Refusal::BadRequest);
            // Two bytes for each attribute of four or more: far below what an answer to a stranger may have.
            writer.put_error(420, "").put(attribute::UNKNOWN_ATTRIBUTES, &unknown);
        }
        if message.has_fingerprint() {
            writer.put_fingerprint();
        }
    }

    /// Answers somebody who is not known, at most [`AMPLIFICATION_MAX`] times as long as they asked: with a challenge and
    /// a choice of algorithms, with a challenge alone, or with an error code alone, whichever fits first.
    fn turn_away(&self, now_ms: u64, path: &Path, message: &Message<'_>, failure: Failure, reply: &mut Vec<u8>) {
        if failure.code == 401 && crate::stun::integrity::Integrity::of(message).is_none() {
            add(&self.counters.challenges, 1);
        } else {
            self.refuse(failure.refusal);
        }
        let bytes_max = message.bytes().len() * AMPLIFICATION_MAX;
        for (challenge, features) in [(failure.challenges, true), (failure.challenges, false), (false, false)] {
            let code = if failure.challenges && !challenge { 400 } else { failure.code };
            let mut writer = Writer::new(reply, message.method(), Class::Error, message.transaction());
            writer.put_error(code, if features { failure.reason } else { "" });
            if challenge {
                let nonce = self.shared.nonces.issue(now_ms, path.client.ip(), features);
                writer.put(attribute::REALM, self.shared.realm.as_bytes()).put(attribute::NONCE, &nonce);
            }
            if challenge && features {
                writer.put(attribute::PASSWORD_ALGORITHMS, &ALGORITHMS);
            }
            if message.has_fingerprint() {
                writer.put_fingerprint();
            }
            if reply.len() <= bytes_max {
                return;
            }
        }
    }

    /// Answers somebody who is known.
    fn authenticated(&mut self, call: &Call<'_>, sockets: &mut dyn Sockets, reply: &mut Vec<u8>) {
        let message = call.message;
        let unknown = unknown_attributes(message);
        let mut writer = Writer::new(reply, message.method(), Class::Success, message.transaction());
        let done = if unknown.is_empty() {
            match message.method() {
                Method::ALLOCATE => self.allocate(call, sockets, &mut writer),
                Method::REFRESH => self.refresh(call, sockets, &mut writer),
                Method::CREATE_PERMISSION => self.create_permission(call),
                _ => self.channel_bind(call),
            }
        } else {
            Err(Failure::new(420, Refusal::BadRequest, "unknown attributes"))
        };
        if let Err(failure) = done {
            self.refuse(failure.refusal);
            writer = Writer::new(reply, message.method(), Class::Error, message.transaction());
            writer.put_error(failure.code, failure.reason);
            if failure.code == 420 {
                writer.put(attribute::UNKNOWN_ATTRIBUTES, &unknown);
            }
        }
        writer.put_integrity(call.caller.integrity, &call.caller.key);
        if message.has_fingerprint() {
            writer.put_fingerprint();
        }
    }
}

/// The numbers of all attributes that would have to be understood and are not, as UNKNOWN-ATTRIBUTES has them.
fn unknown_attributes(message: &Message<'_>) -> Vec<u8> {
    let kinds = message.attributes().map(|found| found.kind);
    let unknown = kinds.filter(|kind| attribute::must_be_understood(*kind) && !attribute::is_known(*kind));
    unknown.flat_map(u16::to_be_bytes).collect()
}
