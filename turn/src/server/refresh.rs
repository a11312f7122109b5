//! Refresh (RFC 8656 section 8): more time for an allocation, or its end. Also which allocation a request is about.

use super::allocate::{granted_s, requested_family, requested_s};
use super::request::{Call, Failure};
use super::{Server, Sockets};
use crate::shared::Refusal;
use crate::shared::external_address::Family;
use crate::stun::{Writer, attribute};

impl Server {
    /// The allocation of the path that a request came on, if it is the caller's.
    pub(super) fn find(&self, call: &Call<'_>) -> Result<usize, Failure> {
        let missing = Failure::new(437, Refusal::Mismatch, "there is no allocation");
        let slot = *self.by_path.get(call.path).ok_or(missing)?;
        if self.allocations[slot].user.name == call.caller.user {
            Ok(slot)
        } else {
            Err(Failure::new(441, Refusal::Mismatch, "the allocation is somebody else's"))
        }
    }

    pub(super) fn refresh(
        &mut self,
        call: &Call<'_>,
        sockets: &mut dyn Sockets,
        writer: &mut Writer<'_>,
    ) -> Result<(), Failure> {
        let slot = self.find(call)?;
        let requested = requested_s(call.message)?;
        let family = requested_family(call.message, attribute::REQUESTED_ADDRESS_FAMILY)?;
        let allocation = &mut self.allocations[slot];
        if family.is_some_and(|wanted| allocation.families().all(|has| has != wanted)) {
            return Err(Failure::new(443, Refusal::BadRequest, "the allocation has no address of that family"));
        }
        if requested == Some(0) {
            // Of two addresses, a client may give up one.
            let both = allocation.families().count() == 2;
            match family {
                Some(family) if both => {
                    let mut legs = allocation.legs.iter_mut();
                    let gone = legs.find_map(|leg| leg.take_if(|leg| Family::of(leg.at.public.ip()) == family));
                    gone.iter().for_each(|leg| self.close(leg, sockets));
                }
                _ => self.end(slot, sockets),
            }
            writer.put_number(attribute::LIFETIME, 0);
            return Ok(());
        }
        let lifetime_s = granted_s(requested, self.shared.lifetime_max_s);
        allocation.lifetime_s = lifetime_s;
        allocation.expires_ms = call.now_ms + u64::from(lifetime_s) * 1_000;
        // It may be earlier than before.
        self.wake_ms = self.wake_ms.min(allocation.expires_ms);
        writer.put_number(attribute::LIFETIME, lifetime_s);
        Ok(())
    }
}
