//! Makes guests leave a room that no longer lets guests in (client-server API, "Guest access"). As in Synapse, this
//! happens for every change of the rule, whichever server it comes from.

use std::sync::Arc;

use hearth_base::{Reason, Result};
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self, AccountKind};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::users;
use ruma::UserId;
use ruma::events::TimelineEventType;

use super::append::Sender;
use super::load::Event;
use super::membership::{self, MembershipRequest};
use crate::RoomCore;

/// Makes the local guests leave a room if `event`, which has just been stored, forbids guests. Runs in the
/// transaction that stored it, so a crash cannot leave them in.
pub fn leave_after(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: &mut Room, event: &Event) -> Result<()> {
    let lets_in = || event.pdu.content_str("guest_access").is_some_and(|access| access == "can_join");
    if !event.pdu.is_state(&TimelineEventType::RoomGuestAccess, "") || lets_in() {
        return Ok(());
    }
    for user in memberships::local_joined(tx.tx(), room.sn)? {
        if accounts::get(tx.tx(), user)?.is_some_and(|account| account.kind == AccountKind::Guest) {
            leave(core, tx, room, user)?;
        }
    }
    Ok(())
}

fn leave(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: &mut Room, user: UserSn) -> Result<()> {
    let Some(Ok(user_id)) = users::name(tx.tx(), user)?.map(UserId::parse) else { return Ok(()) };
    let content = MembershipRequest::new(Membership::Leave, None).content()?;
    let left = membership::change(core, tx, room, &Sender::new(user, &user_id), &user_id, content);
    match left {
        // The new guest access rule stays in force all the same.
        Err(error) if error.reason() == Some(Reason::Forbidden) => {
            tracing::warn!(room.id = room.id, user.id = %user_id, %error, "Failed to remove a guest from a room.");
            Ok(())
        }
        left => left.map(drop),
    }
}
