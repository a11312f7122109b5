//! Room summaries for users who could join, also used for the rooms of a space.

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::state;
use ruma::directory::PublicRoomsChunk;
use ruma::events::room::join_rules::{AllowRule, JoinRule, RoomJoinRulesEventContent};
use ruma::room::JoinRuleKind;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId};
use serde::Serialize;

use crate::RoomCore;
use crate::directory::card::card;
use crate::{LocalRooms, find};

/// A room summary on the wire. ruma's own type omits the join rule of public rooms.
#[derive(Debug, Clone, Serialize)]
pub struct Summary {
    /// The fields of the public directory. Its join rule stays at the default, which is not serialised.
    #[serde(flatten)]
    pub card: PublicRoomsChunk,
    /// The join rule.
    pub join_rule: JoinRuleKind,
    /// The rooms whose members may join, for restricted join rules.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub allowed_room_ids: Vec<OwnedRoomId>,
    /// The encryption algorithm, if the room is encrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub encryption: Option<String>,
    /// The room version; empty when another server did not send it.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub room_version: String,
    /// The reader's membership.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<&'static str>,
}

impl LocalRooms {
    /// Returns a room summary. `M_NOT_FOUND` for rooms that the reader could neither join nor read; `who` is none for
    /// a request without an account here.
    #[boxed]
    pub async fn summary(&self, who: Option<&Requester>, name: OwnedRoomOrAliasId) -> Result<Summary> {
        let (core, reader) = (self.core.clone(), who.map(|who| who.user));
        let look = move |tx: &mut hearth_store::ReadTx<'_>| {
            let hidden = || Error::not_found(format!("There is no room {name} that you could enter."));
            let room = find::by_name(&core, tx.tx(), &name).map_err(|error| match error {
                Error::Refusal(_) => hidden(),
                fault => fault,
            })?;
            if !is_accessible(&core, tx.tx(), &room, reader)? {
                return Err(hidden());
            }
            let mut summary = summary(&core, tx.tx(), &room)?;
            if let Some(reader) = reader {
                let membership_status = find::membership_status(tx.tx(), &room, reader)?;
                summary.membership = Some(membership_status.unwrap_or(Membership::Leave).name());
            }
            Ok(summary)
        };
        self.core.store.read("rooms_summary", look).await
    }
}

/// Returns a room summary without the reader's membership.
pub fn summary(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<Summary> {
    let encryption = match state::current_named(tx, room.sn, "m.room.encryption", "")? {
        Some(sn) => core.events.get(tx, sn)?.pdu.content_str("algorithm"),
        None => None,
    };
    let mut card = card(core, tx, room)?;
    Ok(Summary {
        join_rule: std::mem::take(&mut card.join_rule),
        card,
        allowed_room_ids: allowed(&join_rule(core, tx, room)?),
        encryption,
        room_version: room.version.clone(),
        membership: None,
    })
}

/// Returns whether a user may know of a room: they are joined or invited, could join or knock, or the history is
/// world-readable.
pub(super) fn is_accessible(core: &RoomCore, tx: &mut dyn Tx, room: &Room, reader: Option<UserSn>) -> Result<bool> {
    if let Some(reader) = reader {
        let membership_status = find::membership_status(tx, room, reader)?;
        if matches!(membership_status, Some(Membership::Join | Membership::Invite)) {
            return Ok(true);
        }
    }
    let rule = join_rule(core, tx, room)?;
    if matches!(rule.kind(), JoinRuleKind::Public | JoinRuleKind::Knock | JoinRuleKind::KnockRestricted) {
        return Ok(true);
    }
    if let Some(reader) = reader
        && is_in_any(tx, &allowed(&rule), reader)?
    {
        return Ok(true);
    }
    super::access::is_world_readable(core, tx, room)
}

/// As [`is_accessible`], for a room summary from another server. That server has already decided whether a user of
/// this server may know of it.
pub fn is_enterable(tx: &mut dyn Tx, summary: &Summary, room: Option<&Room>, reader: Option<UserSn>) -> Result<bool> {
    if let (Some(room), Some(reader)) = (room, reader)
        && matches!(find::membership_status(tx, room, reader)?, Some(Membership::Join | Membership::Invite))
    {
        return Ok(true);
    }
    let is_open =
        matches!(summary.join_rule, JoinRuleKind::Public | JoinRuleKind::Knock | JoinRuleKind::KnockRestricted);
    if is_open || summary.card.world_readable {
        return Ok(true);
    }
    match reader {
        Some(reader) => is_in_any(tx, &summary.allowed_room_ids, reader),
        None => Ok(false),
    }
}

/// Returns whether a user is in any of these rooms.
fn is_in_any(tx: &mut dyn Tx, gates: &[OwnedRoomId], user: UserSn) -> Result<bool> {
    for gate in gates {
        let Some(gate) = rooms::by_id(tx, gate.as_str())? else { continue };
        if memberships::get(tx, gate.sn, user)?.is_some_and(|row| row.membership == Membership::Join) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the current join rule; `invite` when it is missing or malformed.
pub(super) fn join_rule(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<JoinRule> {
    let Some(sn) = state::current_named(tx, room.sn, "m.room.join_rules", "")? else { return Ok(JoinRule::Invite) };
    let content = core.events.get(tx, sn)?.pdu.content_as::<RoomJoinRulesEventContent>();
    Ok(content.map_or(JoinRule::Invite, |content| content.join_rule))
}

pub(super) fn allowed(rule: &JoinRule) -> Vec<OwnedRoomId> {
    let (JoinRule::Restricted(restricted) | JoinRule::KnockRestricted(restricted)) = rule else { return Vec::new() };
    let rooms = restricted.allow.iter().filter_map(|rule| match rule {
        AllowRule::RoomMembership(gate) => Some(gate.room_id.clone()),
        _ => None,
    });
    rooms.collect()
}
