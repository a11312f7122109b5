//! Read access to rooms: for members, for former members, and for every user where the history is world-readable.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{state, state_keys};
use ruma::RoomId;

use super::history::History;
use super::ignored;
use super::reader::Reader;
use super::visibility::Viewer;
use crate::RoomCore;
use crate::load::Event;
use crate::state::snapshot::{self, StateIds};

/// A room opened for a reader.
#[derive(Debug)]
pub struct Access<'a> {
    /// The room.
    pub room: Room,
    /// The reader's view of its events.
    pub viewer: Viewer<'a>,
}

/// Opens a room for reading.
///
/// Refuses with `M_FORBIDDEN` a user who may not read it, also when the room does not exist, so that the error does
/// not reveal which rooms exist.
pub fn open<'a>(core: &'a RoomCore, tx: &mut dyn Tx, room_id: &RoomId, reader: Reader<'a>) -> Result<Access<'a>> {
    let refused =
        || Error::forbidden(format!("You are not in {room_id}, and it is not open to the world: join it first."));
    let room = rooms::by_id(tx, room_id.as_str())?.ok_or_else(refused)?;
    let viewer = Viewer::new(core, tx, room.sn, reader)?;
    if !viewer.is_joined() && viewer.departure().is_none() && !is_world_readable(core, tx, &room)? {
        return Err(refused());
    }
    let ignored = ignored::by(tx, reader.user)?;
    Ok(Access { room, viewer: viewer.ignoring(ignored) })
}

/// Returns whether the room's history is world-readable now.
pub fn is_world_readable(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<bool> {
    let Some(sn) = state::current_named(tx, room.sn, "m.room.history_visibility", "")? else { return Ok(false) };
    Ok(History::of(&core.events.get(tx, sn)?.pdu) == History::WorldReadable)
}

impl Access<'_> {
    /// Returns the last place of the timeline that the reader may see, unless the history is world-readable.
    pub fn newest(&self, tx: &mut dyn Tx) -> Result<i64> {
        match self.viewer.departure() {
            Some(left) if !is_world_readable(self.viewer.core(), tx, &self.room)? => Ok(left.ord),
            _ => Ok(i64::MAX),
        }
    }

    /// Returns the full state that the reader may see: the current one, or for former members the one when they left.
    pub fn state(&self, tx: &mut dyn Tx) -> Result<StateIds> {
        let Some(left) = self.viewer.departure() else {
            return Ok(state::current(tx, self.room.sn)?.into_iter().collect());
        };
        let leave = self.viewer.core().events.get(tx, left.event)?;
        let mut ids = snapshot::full(tx, leave.snapshot)?;
        ids.extend(leave.state_key.map(|key| (key, leave.sn)));
        Ok(ids)
    }

    /// Returns one state event of [`Access::state`].
    pub fn state_event(&self, tx: &mut dyn Tx, kind: &str, state_key: &str) -> Result<Option<Arc<Event>>> {
        let core = self.viewer.core();
        let sn = match self.viewer.departure() {
            None => state::current_named(tx, self.room.sn, kind, state_key)?,
            Some(left) => {
                let leave = core.events.get(tx, left.event)?;
                match state_keys::find(tx, kind, state_key)? {
                    key if key.is_some() && key == leave.state_key => Some(leave.sn),
                    Some(key) => snapshot::get(tx, leave.snapshot, key)?,
                    None => None,
                }
            }
        };
        sn.map(|sn| core.events.get(tx, sn)).transpose()
    }
}
