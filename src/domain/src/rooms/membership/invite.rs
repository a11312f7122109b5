//! Inviting somebody (client-server API, "Inviting to a room").

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_store::tables::memberships::Membership;
use ruma::{OwnedRoomId, OwnedUserId};

use super::Wish;
use crate::Requester;
use crate::core::Core;
use crate::rooms::append::Origin;
use crate::rooms::{Rooms, find};

impl Rooms {
    /// Invites a user. Inviting again changes nothing; `M_FORBIDDEN` for members, the banned, and those without the power.
    pub async fn invite(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        reason: Option<String>,
    ) -> Result<()> {
        check_reachable(&self.core, &target)?;
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = find::joined(tx.tx(), &room_id, who.user)?;
            match super::standing(super::current(&core, tx, &room, &target)?.as_deref()) {
                Some(Membership::Join) => return Err(Error::forbidden(format!("{target} is already in the room."))),
                Some(Membership::Ban) => {
                    return Err(Error::forbidden(format!("{target} is banned from the room; lift the ban first.")));
                }
                _ => {}
            }
            let origin = Origin::new(who.user, &who.user_id);
            let content = Wish::new(Membership::Invite, reason).content()?;
            super::change(&core, tx, &mut room, &origin, &target, content).map(drop)
        };
        self.core.store.write("room_invite", write).await
    }

    /// Refuses an invitation by e-mail address or telephone number, which needs an identity server that this one does not ask.
    pub fn invite_by_third_party(&self) -> Result<()> {
        Err(third_party())
    }
}

/// Why nobody is invited by e-mail address or telephone number.
pub(in crate::rooms) fn third_party() -> Error {
    let message = "This server does not invite by e-mail address or telephone number; invite by user id.";
    refuse(Reason::ThreepidDenied, message)
}

/// Refuses users whom an invite would not reach.
pub(in crate::rooms) fn check_reachable(core: &Core, target: &ruma::UserId) -> Result<()> {
    if core.is_local(target) {
        return Ok(());
    }
    Err(Error::forbidden(format!("{target} is on another server, and this server does not talk to others.")))
}
