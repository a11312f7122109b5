//! Memberships: the only place that creates local member events. Each use case has its own file and ends here, and so
//! does a member event that a client sends through the state endpoint.

mod ban;
mod blocked;
mod forget;
mod invite;
mod join;
mod kick;
mod knock;
mod leave;
mod renew;
mod restricted;

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state, users};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};
use serde::Serialize;

pub use blocked::{InviteRule, InviteRules, check_not_blocked};
pub use invite::third_party;
pub use invite::{check_invitable, remotely_invited};
pub use join::JoinContent;
pub use restricted::vouch;

use super::append::{Sender, append};
use super::event::Draft;
use super::load::Event;
use super::{Rooms, content, find, member_profile, policy};
use crate::RoomCore;

/// The content field that names the user who authorises a restricted join.
pub const AUTHORISED_VIA: &str = "join_authorised_via_users_server";

/// The content of a member event as a request describes it, before the profile fields are added.
#[derive(Debug, Clone, Serialize)]
pub struct MembershipRequest {
    membership: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_direct: bool,
}

impl MembershipRequest {
    /// Creates a request for a membership, with a reason.
    pub fn new(membership: Membership, reason: Option<String>) -> Self {
        Self { membership: membership.name(), reason, is_direct: false }
    }

    /// Sets `is_direct`.
    pub fn direct(mut self, is_direct: bool) -> Self {
        self.is_direct = is_direct;
        self
    }

    /// Returns the event content.
    pub fn content(self) -> Result<CanonicalJsonObject> {
        content::from_parts(self)
    }
}

impl Rooms {
    /// Changes the membership of another user in a room of the requester, if `check` accepts the current membership.
    async fn impose(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        target: OwnedUserId,
        wish: MembershipRequest,
        check: impl FnOnce(Option<Membership>, &UserId) -> Result<()> + Clone + Send + 'static,
    ) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let mut room = find::joined(tx.tx(), &room_id, who.user)?;
            check(membership_status(current(&core, tx.tx(), &room, &target)?.as_deref()), &target)?;
            let origin = Sender::new(who.user, &who.user_id);
            change(&core, tx, &mut room, &origin, &target, wish.content()?).map(drop)
        };
        policy::write(&self.core, "room_impose", write).await
    }
}

/// Changes the membership of `target`; `origin` sends the event. Adds the profile fields and, in restricted rooms,
/// the authorising user. When nothing would change, returns the existing event's id.
///
/// Refuses with `M_FORBIDDEN` a change that the auth rules do not allow, with `M_INVITE_BLOCKED` invites of users who
/// block them, with `M_BAD_JSON` a content without a valid membership.
pub fn change(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Sender,
    target: &UserId,
    mut content: CanonicalJsonObject,
) -> Result<OwnedEventId> {
    let membership = content::text(&content, "membership").and_then(Membership::from_name);
    let membership =
        membership.ok_or_else(|| Error::bad_json("`membership` must be one of join, leave, invite, knock and ban."))?;
    let before = current(core, tx.tx(), room, target)?;
    // A client must not set this field: this server's signature vouches for the authorising user.
    content.remove(AUTHORISED_VIA);
    if matches!(membership, Membership::Join | Membership::Invite | Membership::Knock) && core.is_local(target) {
        let user = users::intern(tx, target.as_str())?;
        member_profile::face_of(tx.tx(), user)?.fill(&mut content);
    }
    if let Some(before) = &before
        && before.pdu.sender == origin.user_id
        && same(before, &content)
    {
        return Ok(before.pdu.event_id.clone());
    }
    if membership == Membership::Invite && core.is_local(target) {
        check_not_blocked(tx.tx(), target, &origin.user_id)?;
    }
    if membership == Membership::Join && target == origin.user_id {
        restricted::vouch(core, tx.tx(), room, target, membership_status(before.as_deref()), &mut content)?;
    }
    let event = append(core, tx, room, origin, Draft::state("m.room.member", target.as_str(), content))?;
    Ok(event.pdu.event_id.clone())
}

/// Returns a user's current member event.
pub fn current(core: &RoomCore, tx: &mut dyn Tx, room: &Room, user: &UserId) -> Result<Option<Arc<Event>>> {
    let sn = state::current_named(tx, room.sn, "m.room.member", user.as_str())?;
    sn.map(|sn| core.events.get(tx, sn)).transpose()
}

/// Returns the membership in a member event; none for users without one.
pub fn membership_status(event: Option<&Event>) -> Option<Membership> {
    Membership::from_name(&event?.pdu.content_str("membership")?)
}

/// Returns whether a member event already has `content`, apart from the authorising user.
pub fn same(event: &Event, content: &CanonicalJsonObject) -> bool {
    let before = content::from_client(event.pdu.content.get());
    before.is_ok_and(|mut before| {
        before.remove(AUTHORISED_VIA);
        before == *content
    })
}
