//! Access checks for EDUs about remote users.

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::{acl, find};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{memberships, rooms, rooms::Room, users};
use ruma::{RoomId, ServerName, UserId};

/// The room and the user, if the user and a local user are joined and the room's server ACL allows the user's server.
pub(super) fn in_room(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room_id: &RoomId,
    user_id: &UserId,
    origin: &ServerName,
) -> Result<Option<(Room, UserSn)>> {
    let Some(room) = rooms::by_id(tx, room_id.as_str())? else { return Ok(None) };
    let Some(user) = users::find(tx, user_id.as_str())? else { return Ok(None) };
    let is_there = find::membership_status(tx, &room, user)? == Some(Membership::Join)
        && !core.locals.get(tx, room.sn)?.is_empty()
        && acl::allows(core, tx, room.sn, origin)?;
    Ok(is_there.then_some((room, user)))
}

/// The user, if they share a room with a local user.
pub(super) fn near(core: &RoomCore, tx: &mut dyn Tx, user_id: &UserId) -> Result<Option<UserSn>> {
    let Some(user) = users::find(tx, user_id.as_str())? else { return Ok(None) };
    for room in memberships::joined_rooms(tx, user)? {
        if !core.locals.get(tx, room)?.is_empty() {
            return Ok(Some(user));
        }
    }
    Ok(None)
}
