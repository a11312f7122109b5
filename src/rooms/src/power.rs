//! Current power levels of a room.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use ruma::OwnedUserId;
use ruma::events::room::power_levels::{RoomPowerLevels, RoomPowerLevelsEventContent, RoomPowerLevelsSource};
use ruma::state_res::events::RoomCreateEvent;

use super::event::version;
use super::load::Event;
use crate::RoomCore;

/// Returns the power levels in force; the specification's defaults when the room has none, or none that can be
/// parsed.
pub fn levels(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<RoomPowerLevels> {
    let event = state::current_named(tx, room.sn, "m.room.power_levels", "")?;
    levels_by(core, tx, room, event)
}

/// As [`levels`], from another event than the current one.
pub fn levels_by(core: &RoomCore, tx: &mut dyn Tx, room: &Room, event: Option<EventSn>) -> Result<RoomPowerLevels> {
    let rules = version::stored_rules(&room.version)?;
    let source = match event {
        None => RoomPowerLevelsSource::None,
        Some(sn) => {
            let event = core.events.get(tx, sn)?;
            event.pdu.content_as::<RoomPowerLevelsEventContent>().map_or(RoomPowerLevelsSource::None, Into::into)
        }
    };
    Ok(RoomPowerLevels::new(source, &rules.authorization, creators(core, tx, room)?))
}

/// Returns the room's creators. From room version 12 on they are above all power levels.
pub fn creators(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<Vec<OwnedUserId>> {
    let rules = version::stored_rules(&room.version)?;
    let create = create_event(core, tx, room)?;
    let creators =
        RoomCreateEvent::new(&create.pdu).creators(&rules.authorization).map(|all| all.into_iter().collect());
    creators.map_err(|error| Error::broken(format!("reading who created {}: {error}", room.id)))
}

/// Returns the create event, which every room has. `M_NOT_FOUND` for rooms of which this server has no state.
pub fn create_event(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<Arc<Event>> {
    let sn = state::current_named(tx, room.sn, "m.room.create", "")?.ok_or_else(|| match room.snapshot {
        None => Error::not_found(format!("This server is not in {}.", room.id)),
        Some(_) => Error::broken(format!("{} has no create event", room.id)),
    })?;
    core.events.get(tx, sn)
}
