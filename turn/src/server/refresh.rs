//! Refresh (RFC 8656 section 8), and finding the allocation of a request.

use super::allocate::{granted_lifetime_s, requested_family, requested_lifetime_s};
use super::request::{AuthenticatedRequest, RequestError};
use super::{RelaySockets, Server};
use crate::shared::Refusal;
use crate::shared::external_address::AddressFamily;
use crate::stun::{Writer, attribute};

impl Server {
    /// The allocation of the request's five-tuple. 437 if there is none, 441 if another user created it.
    pub(super) fn find_allocation(&self, request: &AuthenticatedRequest<'_>) -> Result<usize, RequestError> {
        let missing = RequestError::new(437, Refusal::Mismatch, "the five-tuple has no allocation");
        let slot = *self.by_five_tuple.get(request.five_tuple).ok_or(missing)?;
        if self.allocations[slot].user.name == request.auth.user {
            Ok(slot)
        } else {
            Err(RequestError::new(441, Refusal::Mismatch, "the allocation belongs to another user"))
        }
    }

    pub(super) fn refresh(
        &mut self,
        request: &AuthenticatedRequest<'_>,
        sockets: &mut dyn RelaySockets,
        writer: &mut Writer<'_>,
    ) -> Result<(), RequestError> {
        let slot = self.find_allocation(request)?;
        let requested = requested_lifetime_s(request.message)?;
        let family = requested_family(request.message, attribute::REQUESTED_ADDRESS_FAMILY)?;
        let allocation = &mut self.allocations[slot];
        if family.is_some_and(|wanted| allocation.families().all(|has| has != wanted)) {
            return Err(RequestError::new(443, Refusal::BadRequest, "the allocation has no address of that family"));
        }
        if requested == Some(0) {
            // A client with both families may give up one of them.
            let both = allocation.families().count() == 2;
            match family {
                Some(family) if both => {
                    let mut relay_sockets = allocation.relay_sockets.iter_mut();
                    let gone = relay_sockets.find_map(|relay_socket| {
                        relay_socket
                            .take_if(|relay_socket| AddressFamily::of(relay_socket.address.public.ip()) == family)
                    });
                    gone.iter().for_each(|relay_socket| self.close(relay_socket, sockets));
                }
                _ => self.end(slot, sockets),
            }
            writer.put_number(attribute::LIFETIME, 0);
            return Ok(());
        }
        let lifetime_s = granted_lifetime_s(requested, self.shared.lifetime_max_s);
        allocation.lifetime_s = lifetime_s;
        allocation.expires_ms = request.now_ms + u64::from(lifetime_s) * 1_000;
        // The new expiry may be earlier than the old one.
        self.next_expiry_ms = self.next_expiry_ms.min(allocation.expires_ms);
        writer.put_number(attribute::LIFETIME, lifetime_s);
        Ok(())
    }
}
