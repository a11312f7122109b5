//! Stripped state: what an invited or knocking user may see of a room before they join (client-server API, "Stripped
//! state").

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{events, state};
use ruma::UserId;
use ruma::events::AnyStrippedStateEvent;
use ruma::serde::Raw;
use serde_json::value::RawValue;

use super::event::client::strip;
use super::load::Event;
use crate::RoomCore;

/// Event types in stripped state, all with an empty state key.
pub const SHOWN: &[&str] = &[
    "m.room.create",
    "m.room.join_rules",
    "m.room.name",
    "m.room.avatar",
    "m.room.topic",
    "m.room.canonical_alias",
    "m.room.encryption",
];

/// Returns the state that goes with a member event to another server, as full events so that the server can check
/// them (server-server API, "Inviting to a room", since 1.16). `sender` is the sender of the member event.
pub fn events(tx: &mut dyn Tx, room: &Room, sender: &UserId) -> Result<Vec<Box<RawValue>>> {
    let named = SHOWN.iter().map(|kind| (*kind, "")).chain([("m.room.member", sender.as_str())]);
    let mut shown = Vec::with_capacity(SHOWN.len() + 1);
    for (kind, key) in named {
        let Some(sn) = state::current_named(tx, room.sn, kind, key)? else { continue };
        let json = events::by_sn(tx, sn)?.map(|row| row.json);
        let json = json.ok_or_else(|| Error::broken(format!("event {} is missing", sn.0)))?;
        shown.push(serde_json::from_slice(&json).map_err(|error| Error::fault("reading a stored event", error))?);
    }
    Ok(shown)
}

/// Returns the stripped state for a member event: the [`SHOWN`] types, the sender's own member event, and the event
/// itself.
pub fn state(core: &RoomCore, tx: &mut dyn Tx, room: &Room, event: &Event) -> Result<Vec<u8>> {
    let mut shown: Vec<Raw<AnyStrippedStateEvent>> = Vec::with_capacity(SHOWN.len() + 2);
    for kind in SHOWN {
        if let Some(sn) = state::current_named(tx, room.sn, kind, "")? {
            shown.push(strip(&core.events.get(tx, sn)?.pdu));
        }
    }
    if event.pdu.state_key.as_deref() != Some(event.pdu.sender.as_str())
        && let Some(sn) = state::current_named(tx, room.sn, "m.room.member", event.pdu.sender.as_str())?
    {
        shown.push(strip(&core.events.get(tx, sn)?.pdu));
    }
    shown.push(strip(&event.pdu));
    serde_json::to_vec(&shown).map_err(|error| Error::fault("writing stripped state", error))
}
