//! The names in a notification: of the sender and of the room.

use hearth_base::Result;
use hearth_base::limits::users::PUSH_NAMED_MEMBERS_MAX;
use hearth_rooms::RoomCore;
use hearth_rooms::load::Event;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{memberships, state, users};
use serde_json::Value;

/// The names, as far as there are any.
#[derive(Debug, Default)]
pub(super) struct Names {
    pub(super) sender: Option<String>,
    pub(super) room: Option<String>,
    pub(super) alias: Option<String>,
}

/// The names for an event in a room that the user is in.
pub(super) fn of_room(core: &RoomCore, tx: &mut dyn Tx, room: &Room, user: UserSn, event: &Event) -> Result<Names> {
    let sender = field(core, tx, room, ("m.room.member", event.pdu.sender.as_str()), "displayname")?;
    let name = field(core, tx, room, ("m.room.name", ""), "name")?;
    let alias = field(core, tx, room, ("m.room.canonical_alias", ""), "alias")?;
    let name = match name.or_else(|| alias.clone()) {
        Some(name) => Some(name),
        None => of_members(core, tx, room, user)?,
    };
    Ok(Names { sender, room: name, alias })
}

fn field(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    (kind, key): (&str, &str),
    field: &str,
) -> Result<Option<String>> {
    let Some(sn) = state::current_named(tx, room.sn, kind, key)? else { return Ok(None) };
    Ok(core.events.get(tx, sn)?.pdu.content_str(field).filter(|text| !text.is_empty()))
}

/// A room without a name goes by that of its other members (client-server API, "Calculating the display name").
fn of_members(core: &RoomCore, tx: &mut dyn Tx, room: &Room, user: UserSn) -> Result<Option<String>> {
    let mut names = Vec::new();
    for member in memberships::first_others(tx, room.sn, user, PUSH_NAMED_MEMBERS_MAX)? {
        let Some(id) = users::name(tx, member)? else { continue };
        names.push(field(core, tx, room, ("m.room.member", &id), "displayname")?.unwrap_or(id));
    }
    Ok((!names.is_empty()).then(|| names.join(", ")))
}

/// The names for an invite, from the stripped state that came with it.
pub(super) fn of_invite(tx: &mut dyn Tx, room: &Room, user: UserSn, event: &Event) -> Result<Names> {
    let stripped = memberships::stripped(tx, room.sn, user)?.unwrap_or_default();
    // It may come from another server; what cannot be read has no names.
    let events = serde_json::from_slice::<Vec<Value>>(&stripped).unwrap_or_default();
    let field = |kind: &str, key: &str, field: &str| {
        let event = events.iter().find(|event| event["type"] == kind && event["state_key"] == key)?;
        event["content"][field].as_str().filter(|text| !text.is_empty()).map(str::to_owned)
    };
    let alias = field("m.room.canonical_alias", "", "alias");
    Ok(Names {
        sender: field("m.room.member", event.pdu.sender.as_str(), "displayname"),
        room: field("m.room.name", "", "name").or_else(|| alias.clone()),
        alias,
    })
}
