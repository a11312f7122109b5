//! The heroes of a room: the members after whom a room without a name is called (client-server API, "Calculating the
//! display name").

use hearth_base::limits::users::SUMMARY_HEROES_MAX;
use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state, users};
use ruma::{OwnedUserId, UserId};

use crate::RoomCore;

/// Returns the first members other than the reader: joined and invited ones, or if there are none, former ones. None
/// in a room with a name or a canonical alias.
pub fn of(core: &RoomCore, tx: &mut dyn Tx, room: &Room, reader: UserSn) -> Result<Vec<OwnedUserId>> {
    let mut heroes = Vec::new();
    if is_set(core, tx, room, "m.room.name", "name")? || is_set(core, tx, room, "m.room.canonical_alias", "alias")? {
        return Ok(heroes);
    }
    for user in memberships::first_others(tx, room.sn, reader, SUMMARY_HEROES_MAX)? {
        let name = users::name(tx, user)?.ok_or_else(|| Error::broken("a member has no user id"))?;
        heroes.push(UserId::parse(name).map_err(|error| Error::fault("reading a stored user id", error))?);
    }
    Ok(heroes)
}

/// Returns whether a state event is set and not empty: removing a name leaves an event without one.
fn is_set(core: &RoomCore, tx: &mut dyn Tx, room: &Room, kind: &str, field: &str) -> Result<bool> {
    let Some(sn) = state::current_named(tx, room.sn, kind, "")? else { return Ok(false) };
    Ok(core.events.get(tx, sn)?.pdu.content_str(field).is_some_and(|text| !text.is_empty()))
}
