//! The public description of a room: name, topic, avatar, and whether a user could join.

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use ruma::directory::{PublicRoomsChunk, PublicRoomsChunkInit};
use ruma::room::JoinRuleKind;
use ruma::{OwnedMxcUri, RoomAliasId, UInt};

use crate::RoomCore;
use crate::find;

/// Builds the public description of a room.
pub fn card(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<PublicRoomsChunk> {
    let joined = memberships::counts(tx, room.sn)?
        .into_iter()
        .find(|(membership_status, _)| *membership_status == Membership::Join);
    let joined = joined.map_or(0, |(_, count)| count);
    let mut said = |kind: &str, field: &str| said(core, tx, room, kind, field);
    let mut card = PublicRoomsChunk::from(PublicRoomsChunkInit {
        num_joined_members: UInt::new_saturating(joined),
        room_id: find::id(room)?,
        world_readable: said("m.room.history_visibility", "history_visibility")?.as_deref() == Some("world_readable"),
        guest_can_join: said("m.room.guest_access", "guest_access")?.as_deref() == Some("can_join"),
    });
    card.name = said("m.room.name", "name")?.filter(|name| !name.is_empty());
    card.topic = said("m.room.topic", "topic")?.filter(|topic| !topic.is_empty());
    card.avatar_url = said("m.room.avatar", "url")?.filter(|url| !url.is_empty()).map(OwnedMxcUri::from);
    card.canonical_alias = said("m.room.canonical_alias", "alias")?.and_then(|alias| RoomAliasId::parse(alias).ok());
    card.room_type = said("m.room.create", "type")?.map(Into::into);
    card.join_rule = said("m.room.join_rules", "join_rule")?.map_or(JoinRuleKind::Invite, Into::into);
    Ok(card)
}

/// Returns a string field of a state event's content.
fn said(core: &RoomCore, tx: &mut dyn Tx, room: &Room, kind: &str, field: &str) -> Result<Option<String>> {
    let Some(sn) = state::current_named(tx, room.sn, kind, "")? else { return Ok(None) };
    Ok(core.events.get(tx, sn)?.pdu.content_str(field))
}
