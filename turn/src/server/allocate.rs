//! Allocate (RFC 8656 section 7).

use super::allocation::{Allocation, RelaySocket};
use super::request::{AuthenticatedRequest, RequestError};
use super::{PortRequest, RelayKey, RelaySockets, RelayedAddress, ReservationToken, Server};
use crate::limits::LIFETIME_DEFAULT_S;
use crate::shared::Refusal;
use crate::shared::counters::add;
use crate::shared::external_address::AddressFamily;
use crate::stun::{Message, Writer, attribute};

/// Protocol number of UDP in REQUESTED-TRANSPORT.
const UDP: u8 = 17;
const NO_PORT: RequestError = RequestError::new(508, Refusal::Capacity, "no relay port is available");
const NO_FAMILY: RequestError = RequestError::new(440, Refusal::BadRequest, "this relay has no address of that family");

/// The parameters of an Allocate request.
struct AllocateRequest {
    family: AddressFamily,
    /// Whether ADDITIONAL-ADDRESS-FAMILY asks for an IPv6 address as well.
    additional: bool,
    port: PortRequest,
    lifetime_s: u32,
}

fn bad<T>(reason: &'static str) -> Result<T, RequestError> {
    Err(RequestError::bad_request(reason))
}

/// The lifetime to grant, in seconds: at least the default of RFC 8656, at most the configured limit.
pub(super) fn granted_lifetime_s(requested_lifetime_s: Option<u32>, lifetime_max_s: u32) -> u32 {
    requested_lifetime_s.unwrap_or(0).min(lifetime_max_s).max(LIFETIME_DEFAULT_S.min(lifetime_max_s))
}

/// LIFETIME in seconds, if present. 400 if it is malformed.
pub(super) fn requested_lifetime_s(message: &Message<'_>) -> Result<Option<u32>, RequestError> {
    match message.number(attribute::LIFETIME) {
        Some(None) => bad("LIFETIME is not well-formed"),
        Some(found) => Ok(found),
        None => Ok(None),
    }
}

/// An address family attribute, if present. 440 for an unknown family.
pub(super) fn requested_family(message: &Message<'_>, kind: u16) -> Result<Option<AddressFamily>, RequestError> {
    let Some(found) = message.get(kind) else { return Ok(None) };
    let [number, _, _, _] = found.value else { return bad("the address family is not well-formed") };
    let unsupported = RequestError::new(440, Refusal::BadRequest, "unknown address family");
    AddressFamily::from_number(*number).ok_or(unsupported).map(Some)
}

impl Server {
    fn parse_allocate(&self, message: &Message<'_>) -> Result<AllocateRequest, RequestError> {
        match message.get(attribute::REQUESTED_TRANSPORT).map(|found| found.value) {
            None => return bad("REQUESTED-TRANSPORT is missing"),
            Some([UDP, _, _, _]) => {}
            Some([_, _, _, _]) => return Err(RequestError::new(442, Refusal::BadRequest, "only UDP is relayed")),
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
            (None, None) => PortRequest::Any,
            (Some([flags, ..]), None) if flags & 0x80 == 0 => PortRequest::Even,
            (Some([_, ..]), None) if additional => return bad("a port cannot be reserved in two address families"),
            (Some([_, ..]), None) => PortRequest::EvenAndReserve(self.new_token()),
            (Some([]), None) => return bad("EVEN-PORT is not well-formed"),
            (Some(_), Some(_)) => return bad("EVEN-PORT and RESERVATION-TOKEN exclude each other"),
            (None, Some(_)) if requested.is_some() || additional => {
                return bad("RESERVATION-TOKEN and an address family exclude each other");
            }
            (None, Some(token)) => match token.try_into() {
                Ok(token) => PortRequest::Reserved(token),
                Err(_) => return bad("RESERVATION-TOKEN is not well-formed"),
            },
        };
        let lifetime_s = granted_lifetime_s(requested_lifetime_s(message)?, self.shared.lifetime_max_s);
        let family = requested.unwrap_or_else(|| self.default_family(additional));
        Ok(AllocateRequest { family, additional, port, lifetime_s })
    }

    /// The family for a request that names none: IPv4 (RFC 8656 section 7.2). On a host without IPv4 the RFC
    /// asks for an error. Browsers never name a family and would have no relay there, so they get IPv6 instead.
    fn default_family(&self, additional: bool) -> AddressFamily {
        let external_address = self.shared.external_address();
        let v6_alone = external_address.v4.is_none() && external_address.v6.is_some();
        if v6_alone && !additional { AddressFamily::V6 } else { AddressFamily::V4 }
    }

    fn new_token(&self) -> ReservationToken {
        let mut token = [0; 8];
        (self.entropy)(&mut token);
        token
    }

    /// Creates an allocation. A retransmission of the request that created it gets the same response again, as
    /// UDP may have lost the first one.
    pub(super) fn allocate(
        &mut self,
        request: &AuthenticatedRequest<'_>,
        sockets: &mut dyn RelaySockets,
        writer: &mut Writer<'_>,
    ) -> Result<(), RequestError> {
        if let Some(slot) = self.by_five_tuple.get(request.five_tuple) {
            let allocation = &self.allocations[*slot];
            let again =
                allocation.transaction == request.message.transaction() && allocation.user.name == request.auth.user;
            if !again {
                return Err(RequestError::new(437, Refusal::Mismatch, "the five-tuple has an allocation already"));
            }
            answer(allocation, writer);
            return Ok(());
        }
        let requested = self.parse_allocate(request.message)?;
        if self.shared.external_address().of(requested.family).is_none()
            && !matches!(requested.port, PortRequest::Reserved(_))
        {
            return Err(NO_FAMILY);
        }
        let user = self.shared.users.acquire(&request.auth.user, &self.shared.quotas);
        let user = user.map_err(|_| RequestError::new(486, Refusal::Quota, "too many allocations"))?;
        let slot = self.allocations.vacant_key();
        let (relay_sockets, additional_failed) = match open_relay_sockets(&requested, slot, request, sockets) {
            Ok(opened) => opened,
            Err(error) => {
                self.shared.users.cancel(&user);
                return Err(error);
            }
        };
        self.created += 1;
        let expires_ms = request.now_ms + u64::from(requested.lifetime_s) * 1_000;
        let token = if let PortRequest::EvenAndReserve(token) = requested.port { Some(token) } else { None };
        let allocation = Allocation {
            id: self.thread << 48 | self.created,
            five_tuple: *request.five_tuple,
            user,
            transaction: request.message.transaction(),
            lifetime_s: requested.lifetime_s,
            token,
            additional_failed,
            started_ms: request.now_ms,
            expires_ms,
            relay_sockets,
            permissions: Vec::new(),
            channels: Vec::new(),
            to_peers: super::Traffic::default(),
            to_clients: super::Traffic::default(),
            reports_icmp: false,
            unreachable_due_ms: 0,
        };
        allocation
            .relay_sockets
            .iter()
            .flatten()
            .for_each(|relay_socket| self.shared.ports.set(relay_socket.address.public, true));
        answer(&allocation, writer);
        self.allocations.insert(allocation);
        self.by_five_tuple.insert(*request.five_tuple, slot);
        self.next_expiry_ms = self.next_expiry_ms.min(expires_ms);
        add(&self.counters.allocations, 1);
        Ok(())
    }
}

/// Opens one relay socket, or two. Only the first has to succeed: if the additional one fails, the response
/// carries ADDRESS-ERROR-CODE (RFC 8656 section 7.2).
fn open_relay_sockets(
    requested: &AllocateRequest,
    slot: usize,
    request: &AuthenticatedRequest<'_>,
    sockets: &mut dyn RelaySockets,
) -> Result<([Option<RelaySocket>; 2], Option<u16>), RequestError> {
    let owner = &request.auth.user;
    let relay_socket = |key, at: RelayedAddress| RelaySocket { key, address: at };
    let first = RelayKey::new(slot, 0);
    let first = relay_socket(
        first,
        sockets.open(first, requested.family, requested.port, owner, request.now_ms).ok_or(NO_PORT)?,
    );
    if !requested.additional {
        return Ok(([Some(first), None], None));
    }
    let port = if requested.port == PortRequest::Even { PortRequest::Even } else { PortRequest::Any };
    let second = RelayKey::new(slot, 1);
    let opened = sockets.open(second, AddressFamily::V6, port, owner, request.now_ms);
    let failed = if opened.is_none() { Some(440) } else { None };
    Ok(([Some(first), opened.map(|at| relay_socket(second, at))], failed))
}

/// Writes the attributes of a success response.
fn answer(allocation: &Allocation, writer: &mut Writer<'_>) {
    for relay_socket in allocation.relay_sockets.iter().flatten() {
        writer.put_address(attribute::XOR_RELAYED_ADDRESS, relay_socket.address.public);
    }
    writer.put_number(attribute::LIFETIME, allocation.lifetime_s);
    writer.put_address(attribute::XOR_MAPPED_ADDRESS, allocation.five_tuple.client);
    if let Some(token) = allocation.token {
        writer.put(attribute::RESERVATION_TOKEN, &token);
    }
    if let Some(code) = allocation.additional_failed {
        let hundreds = u8::try_from(code / 100).unwrap_or(0);
        let rest = u8::try_from(code % 100).unwrap_or(0);
        writer.put(attribute::ADDRESS_ERROR_CODE, &[AddressFamily::V6.number(), 0, hundreds, rest]);
    }
}
