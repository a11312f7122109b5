//! The context of push rule evaluation: the room and the user's member event at the time of the event. So an event
//! always evaluates to the same result, even after the user changes their name or the sender loses their power level.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::power;
use hearth_rooms::state::snapshot;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, SnapshotSn};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state_keys;
use ruma::push::PushConditionRoomCtx;
use ruma::{OwnedRoomId, RoomId, UInt, UserId};

/// A snapshot, and the context of events with this state before them.
pub(super) type KnownContext = (Option<SnapshotSn>, Arc<PushConditionRoomCtx>);

/// The state that rules read: the user's member event and the power levels.
type Parts = [Option<EventSn>; 2];

/// The contexts of one user for the events of one room.
#[derive(Debug)]
pub(super) struct Contexts<'a> {
    core: &'a RoomCore,
    room: Room,
    user_id: &'a UserId,
    keys: Option<[Option<KeySn>; 2]>,
    /// The current number of members. Rules rarely use it, and the number at an earlier time would need the full
    /// state.
    joined: Option<UInt>,
    by_snapshot: HashMap<Option<SnapshotSn>, Arc<PushConditionRoomCtx>>,
    by_parts: HashMap<Parts, Arc<PushConditionRoomCtx>>,
}

impl<'a> Contexts<'a> {
    pub(super) fn new(core: &'a RoomCore, room: Room, user_id: &'a UserId) -> Self {
        Self { core, room, user_id, keys: None, joined: None, by_snapshot: HashMap::new(), by_parts: HashMap::new() }
    }

    /// Returns the context of the room's current state, if it was computed.
    pub(super) fn current(&self) -> Option<KnownContext> {
        Some((self.room.snapshot, self.by_snapshot.get(&self.room.snapshot)?.clone()))
    }

    /// Sets the context that [`Contexts::current`] returned earlier.
    pub(super) fn remember(&mut self, known: Option<KnownContext>) {
        self.by_snapshot.extend(known);
    }

    /// Returns the context of an event with the state `at` before it.
    pub(super) fn at(&mut self, tx: &mut dyn Tx, at: Option<SnapshotSn>) -> Result<Arc<PushConditionRoomCtx>> {
        if let Some(known) = self.by_snapshot.get(&at) {
            return Ok(known.clone());
        }
        let parts = self.parts(tx, at)?;
        let context = match self.by_parts.get(&parts) {
            Some(known) => known.clone(),
            None => Arc::new(self.make(tx, parts)?),
        };
        self.by_parts.insert(parts, context.clone());
        self.by_snapshot.insert(at, context.clone());
        Ok(context)
    }

    fn parts(&mut self, tx: &mut dyn Tx, at: Option<SnapshotSn>) -> Result<Parts> {
        let mut parts = [None, None];
        if at.is_none() {
            return Ok(parts);
        }
        let keys = match self.keys {
            Some(keys) => keys,
            None => [
                state_keys::find(tx, "m.room.member", self.user_id.as_str())?,
                state_keys::find(tx, "m.room.power_levels", "")?,
            ],
        };
        self.keys = Some(keys);
        for (part, key) in parts.iter_mut().zip(keys) {
            if let Some(key) = key {
                *part = snapshot::get(tx, at, key)?;
            }
        }
        Ok(parts)
    }

    fn make(&mut self, tx: &mut dyn Tx, [member, levels]: Parts) -> Result<PushConditionRoomCtx> {
        let name = match member {
            Some(member) => self.core.events.get(tx, member)?.pdu.content_str("displayname"),
            None => None,
        };
        let levels = power::levels_by(self.core, tx, &self.room, levels)?;
        let joined = match self.joined {
            Some(joined) => joined,
            None => joined(tx, &self.room)?,
        };
        self.joined = Some(joined);
        let context =
            PushConditionRoomCtx::new(room_id(&self.room)?, joined, self.user_id.to_owned(), name.unwrap_or_default());
        Ok(context.with_power_levels(levels.into()))
    }
}

fn room_id(room: &Room) -> Result<OwnedRoomId> {
    RoomId::parse(room.id.as_str()).map_err(|error| Error::fault("reading a stored room id", error))
}

fn joined(tx: &mut dyn Tx, room: &Room) -> Result<UInt> {
    let counts = memberships::counts(tx, room.sn)?;
    let joined = counts.iter().find(|(membership, _)| *membership == Membership::Join);
    Ok(UInt::new_saturating(joined.map_or(0, |(_, count)| *count)))
}
