//! The resident server: remote users join, knock, leave and are invited here (server-server API, "Joining Rooms" and
//! the following sections).
//!
//! Each request is first checked against the room: whether this server is in it, and whether the server ACL allows the
//! other server. The events enter rooms through `pdu`, like all others.

mod complexity;
mod invite;
mod join_response;
mod make_join;
mod open_invites;
mod rescind;
mod send_join;
mod third_party;

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::{acl, find};
use hearth_store::engine::Tx;
use hearth_store::tables::rooms::{self, Room};
use ruma::{RoomId, ServerName};

pub use invite::Invite;
pub use join_response::JoinResponseFormat;
pub use make_join::LocalTemplate;
pub use third_party::Bound;

use super::Federation;

/// A room that this server is in and the other may access. `M_NOT_FOUND` for others, `M_FORBIDDEN` by the server ACL.
fn room(core: &RoomCore, tx: &mut dyn Tx, room_id: &RoomId, origin: &ServerName) -> Result<Room> {
    let unknown = || Error::not_found(format!("This server is not in {room_id}."));
    let room = rooms::by_id(tx, room_id.as_str())?.ok_or_else(unknown)?;
    if !find::is_resident(tx, &room)? {
        return Err(unknown());
    }
    acl::check(core, tx, room.sn, origin)?;
    Ok(room)
}
