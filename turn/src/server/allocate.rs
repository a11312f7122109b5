//! Allocate (RFC 8656 section 7).

use super::allocation::{Allocation, Leg};
use super::request::{Call, Failure};
use super::{Opened, Port, RelayKey, Server, Sockets, Token};
use crate::limits::LIFETIME_DEFAULT_S;
use crate::shared::Refusal;
use crate::shared::counters::add;
use crate::shared::external_address::Family;
use crate::stun::{Message, Writer, attribute};

/// REQUESTED-TRANSPORT's number for UDP.
const UDP: u8 = 17;
const NO_PORT: Failure = Failure::new(508, Refusal::Capacity, "no relay port to be had");
const NO_FAMILY: Failure = Failure::new(440, Refusal::BadRequest, "this relay has no address of that family");

/// What a client asks for.
struct AllocateRequest {
    family: Family,
    /// Whether it wants IPv6 as well.
    additional: bool,
    port: Port,
    lifetime_s: u32,
}

fn bad<T>(reason: &'static str) -> Result<T, Failure> {
    Err(Failure::bad(reason))
}

/// The time that a client gets which asks for this much.
pub(super) fn granted_s(requested_s: Option<u32>, lifetime_max_s: u32) -> u32 {
    requested_s.unwrap_or(0).min(lifetime_max_s).max(LIFETIME_DEFAULT_S.min(lifetime_max_s))
}

/// LIFETIME, if there is one.
pub(super) fn requested_s(message: &Message<'_>) -> Result<Option<u32>, Failure> {
    match message.number(attribute::LIFETIME) {
        Some(None) => bad("LIFETIME is not well-formed"),
        Some(found) => Ok(found),
        None => Ok(None),
    }
}

/// A family attribute, if there is one.
pub(super) fn requested_family(message: &Message<'_>, kind: u16) -> Result<Option<Family>, Failure> {
    let Some(found) = message.get(kind) else { return Ok(None) };
    let [number, _, _, _] = found.value else { return bad("the address family is not well-formed") };
    let unsupported = Failure::new(440, Refusal::BadRequest, "unknown address family");
    Family::from_number(*number).ok_or(unsupported).map(Some)
}

impl Server {
    fn wish(&self, message: &Message<'_>) -> Result<AllocateRequest, Failure> {
        match message.get(attribute::REQUESTED_TRANSPORT).map(|found| found.value) {
            None => return bad("REQUESTED-TRANSPORT is missing"),
            Some([UDP, _, _, _]) => {}
            Some([_, _, _, _]) => return Err(Failure::new(442, Refusal::BadRequest, "only UDP is relayed")),
            Some(_) => return bad("REQUESTED-TRANSPORT is not well-formed"),
        }
        let requested = requested_family(message, attribute::REQUESTED_ADDRESS_FAMILY)?;
        let additional = match message.get(attribute::ADDITIONAL_ADDRESS_FAMILY).map(|found| found.value) {
            None => false,
            Some([2, _, _, _]) => true,
            Some(_) => return bad("ADDITIONAL-ADDRESS-FAMILY can only be IPv6"),
        };
        let even = message.get(attribute::EVEN_PORT).map(|found| found.value);
        let token = message.get(attribute::RESERVATION_TOKEN).map(|found| found.value);
        if requested.is_some() && additional {
            return bad("REQUESTED- and ADDITIONAL-ADDRESS-FAMILY exclude each other");
        }
        let port = match (even, token) {
            (None, None) => Port::Any,
            (Some([flags, ..]), None) if flags & 0x80 == 0 => Port::Even,
            (Some([_, ..]), None) if additional => return bad("a port cannot be reserved in two address families"),
            (Some([_, ..]), None) => Port::EvenAndReserve(self.new_token()),
            (Some([]), None) => return bad("EVEN-PORT is not well-formed"),
            (Some(_), Some(_)) => return bad("EVEN-PORT and RESERVATION-TOKEN exclude each other"),
            (None, Some(_)) if requested.is_some() || additional => {
                return bad("RESERVATION-TOKEN and an address family exclude each other");
            }
            (None, Some(token)) => match token.try_into() {
                Ok(token) => Port::Reserved(token),
                Err(_) => return bad("RESERVATION-TOKEN is not well-formed"),
            },
        };
        let lifetime_s = granted_s(requested_s(message)?, self.shared.lifetime_max_s);
        let family = requested.unwrap_or_else(|| self.family_unasked(additional));
        Ok(AllocateRequest { family, additional, port, lifetime_s })
    }

    /// What a client gets that asks for no family: IPv4 (RFC 8656, section 7.2). Where there is no IPv4, the RFC has nothing but an
    /// error for it, and browsers never ask for a family; so they get what there is.
    fn family_unasked(&self, additional: bool) -> Family {
        let external_address = self.shared.external_address();
        let v6_alone = external_address.v4.is_none() && external_address.v6.is_some();
        if v6_alone && !additional { Family::V6 } else { Family::V4 }
    }

    fn new_token(&self) -> Token {
        let mut token = [0; 8];
        (self.entropy)(&mut token);
        token
    }

    /// Makes an allocation, or repeats the answer if this request has made one already.
    pub(super) fn allocate(
        &mut self,
        call: &Call<'_>,
        sockets: &mut dyn Sockets,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        if let Some(slot) = self.by_path.get(call.path) {
            let allocation = &self.allocations[*slot];
            let again =
                allocation.transaction == call.message.transaction() && allocation.user.name == call.caller.user;
            if !again {
                return Err(Failure::new(437, Refusal::Mismatch, "there is an allocation already"));
            }
            answer(allocation, writer);
            return Ok(());
        }
        let wish = self.wish(call.message)?;
        if self.shared.external_address().of(wish.family).is_none() && !matches!(wish.port, Port::Reserved(_)) {
            return Err(NO_FAMILY);
        }
        let user = self.shared.users.take(&call.caller.user, &self.shared.quotas);
        let user = user.map_err(|_| Failure::new(486, Refusal::Quota, "too many allocations"))?;
        let slot = self.allocations.vacant_key();
        let (legs, additional_failed) = match open_legs(&wish, slot, call, sockets) {
            Ok(opened) => opened,
            Err(failure) => {
                self.shared.users.take_back(&user);
                return Err(failure);
            }
        };
        self.made += 1;
        let expires_ms = call.now_ms + u64::from(wish.lifetime_s) * 1_000;
        let token = if let Port::EvenAndReserve(token) = wish.port { Some(token) } else { None };
        let allocation = Allocation {
            id: self.thread << 48 | self.made,
            path: *call.path,
            user,
            transaction: call.message.transaction(),
            lifetime_s: wish.lifetime_s,
            token,
            additional_failed,
            started_ms: call.now_ms,
            expires_ms,
            legs,
            permissions: Vec::new(),
            channels: Vec::new(),
            to_peers: super::Traffic::default(),
            to_clients: super::Traffic::default(),
            hears_icmp: false,
            unreachable_due_ms: 0,
        };
        allocation.legs.iter().flatten().for_each(|leg| self.shared.ports.set(leg.at.public, true));
        answer(&allocation, writer);
        self.allocations.insert(allocation);
        self.by_path.insert(*call.path, slot);
        self.wake_ms = self.wake_ms.min(expires_ms);
        add(&self.counters.allocations, 1);
        Ok(())
    }
}

/// Opens one socket, or two. Only the first has to succeed; for the second there is an error code to tell.
fn open_legs(
    wish: &AllocateRequest,
    slot: usize,
    call: &Call<'_>,
    sockets: &mut dyn Sockets,
) -> Result<([Option<Leg>; 2], Option<u16>), Failure> {
    let owner = &call.caller.user;
    let leg = |key, at: Opened| Leg { key, at };
    let first = RelayKey::new(slot, 0);
    let first = leg(first, sockets.open(first, wish.family, wish.port, owner, call.now_ms).ok_or(NO_PORT)?);
    if !wish.additional {
        return Ok(([Some(first), None], None));
    }
    let port = if wish.port == Port::Even { Port::Even } else { Port::Any };
    let second = RelayKey::new(slot, 1);
    let opened = sockets.open(second, Family::V6, port, owner, call.now_ms);
    let failed = if opened.is_none() { Some(440) } else { None };
    Ok(([Some(first), opened.map(|at| leg(second, at))], failed))
}

/// What the client is told about its allocation.
fn answer(allocation: &Allocation, writer: &mut Writer<'_>) {
    for leg in allocation.legs.iter().flatten() {
        writer.put_address(attribute::XOR_RELAYED_ADDRESS, leg.at.public);
    }
    writer.put_number(attribute::LIFETIME, allocation.lifetime_s);
    writer.put_address(attribute::XOR_MAPPED_ADDRESS, allocation.path.client);
    if let Some(token) = allocation.token {
        writer.put(attribute::RESERVATION_TOKEN, &token);
    }
    if let Some(code) = allocation.additional_failed {
        let hundreds = u8::try_from(code / 100).unwrap_or(0);
        let rest = u8::try_from(code % 100).unwrap_or(0);
        writer.put(attribute::ADDRESS_ERROR_CODE, &[Family::V6.number(), 0, hundreds, rest]);
    }
}
