//! Which servers take part in a room, and which may know of it.

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::{self, Room};
use ruma::room::JoinRuleKind;
use ruma::{RoomId, ServerName};

use super::access::is_world_readable;
use super::summary::{allowed, join_rule};
use crate::RoomCore;
use crate::{acl, servers};

/// Resolves a room id for a server that takes part in the room now.
///
/// Refuses with `M_FORBIDDEN` all other servers, servers that the room's ACL denies, and every server when the room
/// does not exist or this server was never in it, so that the error does not reveal which rooms exist.
pub fn participating(core: &RoomCore, tx: &mut dyn Tx, room_id: &RoomId, server: &ServerName) -> Result<Room> {
    let refused = || Error::forbidden(format!("{server} is not in {room_id}."));
    let room = rooms::by_id(tx, room_id.as_str())?.ok_or_else(refused)?;
    check_participating(core, tx, &room, server)?;
    Ok(room)
}

/// As [`participating`], for a loaded room.
pub fn check_participating(core: &RoomCore, tx: &mut dyn Tx, room: &Room, server: &ServerName) -> Result<()> {
    if !servers::of(core, tx, room.sn)?.iter().any(|joined| joined == server) {
        return Err(Error::forbidden(format!("{server} is not in {}.", room.id)));
    }
    acl::check(core, tx, room.sn, server)
}

/// Returns whether a user of a server is joined or invited now.
fn has_guest(tx: &mut dyn Tx, room: RoomSn, server: &ServerName) -> Result<bool> {
    let mut found = false;
    memberships::names(tx, room, &mut |_, user_id, membership| {
        found = matches!(membership, Membership::Join | Membership::Invite) && is_of(user_id, server);
        Ok(!found)
    })?;
    Ok(found)
}

/// Returns whether a stored user id belongs to a server.
pub(super) fn is_of(user_id: &str, server: &ServerName) -> bool {
    user_id.split_once(':').is_some_and(|(_, of)| of == server.as_str())
}

/// Returns whether a server may know of a room on behalf of its users: one of them is joined or invited, could join
/// or knock, or the history is world-readable.
pub fn may_know(core: &RoomCore, tx: &mut dyn Tx, room: &Room, server: &ServerName) -> Result<bool> {
    if !acl::allows(core, tx, room.sn, server)? {
        return Ok(false);
    }
    if has_guest(tx, room.sn, server)? || is_world_readable(core, tx, room)? {
        return Ok(true);
    }
    let rule = join_rule(core, tx, room)?;
    if matches!(rule.kind(), JoinRuleKind::Public | JoinRuleKind::Knock | JoinRuleKind::KnockRestricted) {
        return Ok(true);
    }
    for gate in allowed(&rule) {
        let Some(gate) = rooms::by_id(tx, gate.as_str())? else { continue };
        if servers::of(core, tx, gate.sn)?.iter().any(|joined| joined == server) {
            return Ok(true);
        }
    }
    Ok(false)
}
