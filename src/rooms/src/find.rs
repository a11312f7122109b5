//! Resolves the room that a request names, and hides rooms that the user may not know of.

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::{aliases, rooms, rooms::Room};
use ruma::{OwnedRoomId, RoomAliasId, RoomId, RoomOrAliasId};

use crate::RoomCore;

/// Returns a room that this server knows.
pub fn known(tx: &mut dyn Tx, room_id: &RoomId) -> Result<Option<Room>> {
    rooms::by_id(tx, room_id.as_str())
}

/// Resolves a room id; `M_NOT_FOUND` when this server is not in the room.
pub fn resolve(tx: &mut dyn Tx, room_id: &RoomId) -> Result<Room> {
    known(tx, room_id)?.ok_or_else(|| Error::not_found(format!("This server knows no room {room_id}.")))
}

/// As [`resolve`], with the same error for rooms that the user has never had a membership of.
pub fn related(tx: &mut dyn Tx, room_id: &RoomId, user: UserSn) -> Result<Room> {
    let room = resolve(tx, room_id)?;
    match membership_status(tx, &room, user)? {
        Some(_) => Ok(room),
        None => Err(Error::not_found(format!("This server knows no room {room_id}."))),
    }
}

/// As [`resolve`], for requests that only members may make. Refuses everyone else with `M_FORBIDDEN`, also when the
/// room does not exist, so that the error does not reveal which rooms exist.
pub fn joined(tx: &mut dyn Tx, room_id: &RoomId, user: UserSn) -> Result<Room> {
    let refused = || Error::forbidden(format!("You are not in {room_id}; join it first."));
    let room = rooms::by_id(tx, room_id.as_str())?.ok_or_else(refused)?;
    if membership_status(tx, &room, user)? == Some(Membership::Join) { Ok(room) } else { Err(refused()) }
}

/// Returns a user's membership of a room; none when they never had one.
pub fn membership_status(tx: &mut dyn Tx, room: &Room, user: UserSn) -> Result<Option<Membership>> {
    Ok(memberships::get(tx, room.sn, user)?.map(|row| row.membership))
}

/// Returns whether this server is in a room. Only then is its copy of the room up to date.
pub fn is_resident(tx: &mut dyn Tx, room: &Room) -> Result<bool> {
    Ok(!memberships::local_joined(tx, room.sn)?.is_empty())
}

/// Resolves a room id or an alias.
pub fn by_name(core: &RoomCore, tx: &mut dyn Tx, name: &RoomOrAliasId) -> Result<Room> {
    match <&RoomId>::try_from(name) {
        Ok(room_id) => resolve(tx, room_id),
        Err(alias) => by_alias(core, tx, alias),
    }
}

/// Resolves an alias; `M_NOT_FOUND` when there is none.
pub fn by_alias(core: &RoomCore, tx: &mut dyn Tx, alias: &RoomAliasId) -> Result<Room> {
    if *alias.server_name() != *core.server_name {
        return Err(Error::not_found(format!("{alias} is not an alias of this server.")));
    }
    let (room, _) = aliases::find(tx, alias.as_str())?
        .ok_or_else(|| Error::not_found(format!("There is no room with the alias {alias}.")))?;
    rooms::by_sn(tx, room)?.ok_or_else(|| Error::broken(format!("the room behind {alias} is missing")))
}

/// Parses a room's stored id.
pub fn id(room: &Room) -> Result<OwnedRoomId> {
    RoomId::parse(room.id.as_str()).map_err(|error| Error::fault("reading a stored room id", error))
}

/// Refuses guests, for requests that need a full account.
pub fn no_guests(requester: &hearth_core::Requester) -> Result<()> {
    if requester.guest {
        return Err(refuse(Reason::GuestAccessForbidden, "Guests may not do that; register an account first."));
    }
    Ok(())
}
