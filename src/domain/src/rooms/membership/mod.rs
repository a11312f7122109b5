//! Who is in a room: the one way in which member events come about. Each verb has its own file and ends here, also a member
//! event that a client writes by itself through the state endpoint.

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
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state, users};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};
use serde::Serialize;

pub(crate) use blocked::check_not_blocked;
pub(in crate::rooms) use invite::third_party;
pub(crate) use invite::{check_invitable, remotely_invited};
pub use join::JoinContent;
pub(crate) use restricted::vouch;

use super::append::{Sender, append};
use super::event::Draft;
use super::load::Event;
use super::{Rooms, content, find, member_profile, policy};
use crate::Requester;
use crate::core::Core;

/// Who vouches for a join of a restricted room.
pub(crate) const AUTHORISED_VIA: &str = "join_authorised_via_users_server";

/// The content of a member event as a request describes it; what the profile adds comes later.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct MembershipRequest {
    membership: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    is_direct: bool,
}

impl MembershipRequest {
    /// Wishes for a standing, giving a reason.
    pub(crate) fn new(membership: Membership, reason: Option<String>) -> Self {
        Self { membership: membership.name(), reason, is_direct: false }
    }

    /// Says that the room is a direct chat.
    pub(crate) fn direct(mut self, is_direct: bool) -> Self {
        self.is_direct = is_direct;
        self
    }

    /// As an event's content.
    pub(crate) fn content(self) -> Result<CanonicalJsonObject> {
        content::from_parts(self)
    }
}

impl Rooms {
    /// Changes how somebody else stands to a room that the requester is in, if `check` has nothing against how they stand now.
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

/// Changes how `target` stands to the room; `origin` is who does it. Fills in the profile and, for restricted rooms, who
/// vouches. When everything already is so, nothing happens and the existing event's id is the answer.
///
/// Refuses with `M_FORBIDDEN` what the room's rules do not allow, with `M_INVITE_BLOCKED` invites of users who take none,
/// `M_BAD_JSON` a content that is no membership.
pub(crate) fn change(
    core: &Arc<Core>,
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
    // Only we say who vouches: our signature stands for it.
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
        check_not_blocked(tx.tx(), target)?;
    }
    if membership == Membership::Join && target == origin.user_id {
        restricted::vouch(core, tx.tx(), room, target, membership_status(before.as_deref()), &mut content)?;
    }
    let event = append(core, tx, room, origin, Draft::state("m.room.member", target.as_str(), content))?;
    Ok(event.pdu.event_id.clone())
}

/// A user's member event in force.
pub(crate) fn current(core: &Core, tx: &mut dyn Tx, room: &Room, user: &UserId) -> Result<Option<Arc<Event>>> {
    let sn = state::current_named(tx, room.sn, "m.room.member", user.as_str())?;
    sn.map(|sn| core.events.get(tx, sn)).transpose()
}

/// The standing that a member event gives; those without one never had to do with the room.
pub(crate) fn membership_status(event: Option<&Event>) -> Option<Membership> {
    Membership::from_name(&event?.pdu.content_str("membership")?)
}

/// Whether a member event already says `content`, whoever vouched for it then.
pub(crate) fn same(event: &Event, content: &CanonicalJsonObject) -> bool {
    let before = content::from_client(event.pdu.content.get());
    before.is_ok_and(|mut before| {
        before.remove(AUTHORISED_VIA);
        before == *content
    })
}
