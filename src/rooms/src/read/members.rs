//! Room members: member events for lazy-loading clients, and the short list of joined members.

use hearth_base::boxed;
use std::collections::BTreeMap;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events::{self, Direction};
use hearth_store::tables::memberships::{self, Membership};
use ruma::events::TimelineEventType;
use ruma::events::room::member::{MembershipState, RoomMemberEvent};
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;

use super::access::{self, Access};
use super::context::state_after;
use super::present;
use super::token::Token;
use super::visibility::membership_of;
use crate::Rooms;
use crate::member_profile::MemberProfile;

/// Filter for members.
#[derive(Debug, Clone, Default)]
pub struct MembersQuery {
    /// The point in the timeline; none for now.
    pub at: Option<Token>,
    /// Only members with this membership.
    pub only: Option<MembershipState>,
    /// Only members without this membership.
    pub except: Option<MembershipState>,
}

impl MembersQuery {
    fn wants(&self, membership: Membership) -> bool {
        let is = |state: &MembershipState| state.as_str() == membership.name();
        self.only.as_ref().is_none_or(is) && !self.except.as_ref().is_some_and(is)
    }
}

impl Rooms {
    /// Returns the member events of a room.
    #[boxed]
    pub async fn members(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        question: MembersQuery,
    ) -> Result<Vec<Raw<RoomMemberEvent>>> {
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let found = members(tx, &access, &question)?;
            present::state(&mut access.viewer, tx, Some(room_id), found)
        };
        self.reading_list("rooms_members", who, room_id, look).await
    }

    /// Returns the joined members with their profiles in the room. `M_FORBIDDEN` for former members.
    #[boxed]
    pub async fn joined_members(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
    ) -> Result<BTreeMap<OwnedUserId, MemberProfile>> {
        let look = |tx: &mut dyn Tx, room_id: &RoomId, access: Access<'_>| {
            let core = access.viewer.core();
            if !access.viewer.is_joined() && !access::is_world_readable(core, tx, &access.room)? {
                return Err(Error::forbidden(format!("You are not in {room_id} any more.")));
            }
            let mut joined = BTreeMap::new();
            for row in memberships::of_room(tx, access.room.sn)? {
                if row.membership != Membership::Join {
                    continue;
                }
                let event = core.events.get(tx, row.event)?;
                let user = event.pdu.state_key.as_deref().and_then(|user| UserId::parse(user).ok());
                joined.extend(user.map(|user| (user, face(event.pdu.content.get()))));
            }
            Ok(joined)
        };
        self.reading_list("rooms_joined_members", who, room_id, look).await
    }
}

/// Returns the profile fields of a member event; ignores fields that are not strings.
pub(super) fn face(content: &str) -> MemberProfile {
    #[derive(Deserialize)]
    struct Content {
        displayname: Option<serde_json::Value>,
        avatar_url: Option<serde_json::Value>,
    }
    let text = |value: Option<serde_json::Value>| value.and_then(|value| value.as_str().map(str::to_owned));
    serde_json::from_str::<Content>(content).map_or_else(
        |_| MemberProfile::default(),
        |content| MemberProfile { displayname: text(content.displayname), avatar_url: text(content.avatar_url) },
    )
}

fn members(tx: &mut dyn Tx, access: &Access<'_>, question: &MembersQuery) -> Result<Vec<EventSn>> {
    let past = match question.at {
        Some(at) => newest_before(tx, access, at.cut())?,
        None => None,
    };
    if past.is_none() && access.viewer.departure().is_none() {
        let rows = memberships::of_room(tx, access.room.sn)?;
        return Ok(rows.into_iter().filter(|row| question.wants(row.membership)).map(|row| row.event).collect());
    }
    let state = match past {
        Some(event) => {
            let event = access.viewer.core().events.get(tx, event)?;
            state_after(tx, &event)?
        }
        None => access.state(tx)?,
    };
    let mut found = Vec::new();
    for sn in state.into_values() {
        let event = access.viewer.core().events.get(tx, sn)?;
        if event.pdu.kind == TimelineEventType::RoomMember
            && membership_of(&event.pdu).is_some_and(|membership| question.wants(membership))
        {
            found.push(sn);
        }
    }
    Ok(found)
}

/// Returns the newest event at or before a cut; none if it is the newest event that the reader may see, where the
/// current state serves as well. `M_NOT_FOUND` before the start of the room, as in Synapse.
fn newest_before(tx: &mut dyn Tx, access: &Access<'_>, cut: i64) -> Result<Option<EventSn>> {
    let limit = access.newest(tx)?;
    let newest = events::newest_ord(tx, access.room.sn, limit)?;
    if newest.is_none_or(|newest| newest <= cut) {
        return Ok(None);
    }
    let mut found = None;
    let way = (i64::MIN, cut.min(limit));
    let unknown = || Error::not_found("The room has no events before the point that `at` names.");
    events::timeline(tx, access.room.sn, way, Direction::Backward, 1, &mut |stored| {
        found = Some(stored.sn()?);
        Ok(false)
    })?;
    found.map(Some).ok_or_else(unknown)
}
