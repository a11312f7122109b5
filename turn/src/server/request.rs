//! Requests: authentication, dispatch by method, and the response.

use super::auth::{ALGORITHMS, AuthenticatedUser};
use super::{FiveTuple, PacketOutcome, RelaySockets, Server};
use crate::limits::AMPLIFICATION_MAX;
use crate::shared::Refusal;
use crate::shared::counters::add;
use crate::stun::{Class, Message, Method, Writer, attribute};

/// An error response, and the counter for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RequestError {
    pub(super) code: u16,
    pub(super) reason: &'static str,
    pub(super) refusal: Refusal,
    /// Whether the response carries REALM and NONCE, so that the client can retry.
    challenges: bool,
}

impl RequestError {
    pub(super) const fn new(code: u16, refusal: Refusal, reason: &'static str) -> Self {
        Self { code, reason, refusal, challenges: false }
    }

    pub(super) const fn bad_request(reason: &'static str) -> Self {
        Self::new(400, Refusal::BadRequest, reason)
    }

    pub(super) const fn challenge(code: u16, refusal: Refusal) -> Self {
        Self { code, reason: "", refusal, challenges: true }
    }
}

/// An authenticated request.
pub(super) struct AuthenticatedRequest<'a> {
    pub(super) now_ms: u64,
    pub(super) five_tuple: &'a FiveTuple,
    pub(super) message: &'a Message<'a>,
    pub(super) auth: &'a AuthenticatedUser,
}

impl Server {
    /// Handles a request and writes the response.
    pub(super) fn request(
        &mut self,
        now_ms: u64,
        five_tuple: &FiveTuple,
        message: &Message<'_>,
        sockets: &mut dyn RelaySockets,
        reply: &mut Vec<u8>,
    ) -> PacketOutcome {
        // Clients with an allocation have authenticated and are bound by a quota, so the rate limit does not
        // apply to them. Calls continue during a flood from a shared address.
        if !self.by_five_tuple.contains_key(five_tuple) && !self.rate_limiter.admit(five_tuple.client.ip(), now_ms) {
            self.refuse(Refusal::RateLimited);
            return PacketOutcome::Nothing;
        }
        match message.method() {
            Method::BINDING => self.binding(five_tuple, message, reply),
            Method::ALLOCATE | Method::REFRESH | Method::CREATE_PERMISSION | Method::CHANNEL_BIND => {
                match self.shared.authenticate(now_ms, five_tuple, message) {
                    Ok(auth) => self.respond_authenticated(
                        &AuthenticatedRequest { now_ms, five_tuple, message, auth: &auth },
                        sockets,
                        reply,
                    ),
                    Err(error) => self.respond_unauthenticated(now_ms, five_tuple, message, error, reply),
                }
            }
            _ => {
                self.refuse(Refusal::Malformed);
                return PacketOutcome::Nothing;
            }
        }
        PacketOutcome::Reply
    }

    /// Handles a Binding request: the response has the client's address as seen from here.
    fn binding(&self, five_tuple: &FiveTuple, message: &Message<'_>, reply: &mut Vec<u8>) {
        let unknown = unknown_attributes(message);
        let class = if unknown.is_empty() { Class::Success } else { Class::Error };
        let mut writer = Writer::new(reply, Method::BINDING, class, message.transaction());
        if unknown.is_empty() {
            add(&self.counters.bindings, 1);
            writer.put_address(attribute::XOR_MAPPED_ADDRESS, five_tuple.client);
        } else {
            self.refuse(Refusal::BadRequest);
            // UNKNOWN-ATTRIBUTES has two bytes per attribute of four bytes or more, so the response stays far
            // below the amplification limit.
            writer.put_error(420, "").put(attribute::UNKNOWN_ATTRIBUTES, &unknown);
        }
        if message.has_fingerprint() {
            writer.put_fingerprint();
        }
    }

    /// Answers a request without valid credentials. The response is at most [`AMPLIFICATION_MAX`] times as long
    /// as the request. Of three forms it takes the first that fits: a challenge with a choice of algorithms, a
    /// plain challenge, a bare error code.
    fn respond_unauthenticated(
        &self,
        now_ms: u64,
        five_tuple: &FiveTuple,
        message: &Message<'_>,
        error: RequestError,
        reply: &mut Vec<u8>,
    ) {
        if error.code == 401 && crate::stun::integrity::Integrity::of(message).is_none() {
            add(&self.counters.challenges, 1);
        } else {
            self.refuse(error.refusal);
        }
        let bytes_max = message.bytes().len() * AMPLIFICATION_MAX;
        for (challenge, features) in [(error.challenges, true), (error.challenges, false), (false, false)] {
            let code = if error.challenges && !challenge { 400 } else { error.code };
            let mut writer = Writer::new(reply, message.method(), Class::Error, message.transaction());
            writer.put_error(code, if features { error.reason } else { "" });
            if challenge {
                let nonce = self.shared.nonces.issue(now_ms, five_tuple.client.ip(), features);
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

    /// Answers an authenticated request.
    fn respond_authenticated(
        &mut self,
        request: &AuthenticatedRequest<'_>,
        sockets: &mut dyn RelaySockets,
        reply: &mut Vec<u8>,
    ) {
        let message = request.message;
        let unknown = unknown_attributes(message);
        let mut writer = Writer::new(reply, message.method(), Class::Success, message.transaction());
        let done = if unknown.is_empty() {
            match message.method() {
                Method::ALLOCATE => self.allocate(request, sockets, &mut writer),
                Method::REFRESH => self.refresh(request, sockets, &mut writer),
                Method::CREATE_PERMISSION => self.create_permission(request),
                _ => self.channel_bind(request),
            }
        } else {
            Err(RequestError::new(420, Refusal::BadRequest, "unknown attributes"))
        };
        if let Err(error) = done {
            self.refuse(error.refusal);
            writer = Writer::new(reply, message.method(), Class::Error, message.transaction());
            writer.put_error(error.code, error.reason);
            if error.code == 420 {
                writer.put(attribute::UNKNOWN_ATTRIBUTES, &unknown);
            }
        }
        writer.put_integrity(request.auth.integrity, &request.auth.key);
        if message.has_fingerprint() {
            writer.put_fingerprint();
        }
    }
}

/// The value of UNKNOWN-ATTRIBUTES: all comprehension-required attributes that the server does not know.
fn unknown_attributes(message: &Message<'_>) -> Vec<u8> {
    let kinds = message.attributes().map(|found| found.kind);
    let unknown = kinds.filter(|kind| attribute::must_be_understood(*kind) && !attribute::is_known(*kind));
    unknown.flat_map(u16::to_be_bytes).collect()
}
