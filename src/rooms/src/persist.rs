//! Stores an event that has passed its checks, with all its effects: the only way into a room for
//! local events (`append.rs`) and for remote ones (`federation/admit`). Runs no checks.

use std::sync::Arc;

use hearth_base::{Error, Position, Result};
use hearth_store::WriteTx;
use hearth_store::ids::{DeviceSn, EventSn, KeySn, RoomSn, SnapshotSn, UserSn};
use hearth_store::tables::events::{self, EventRow};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{state, state_keys, users};

use super::event::Pdu;
use super::load::Event;
use super::relate::{self, Relation};
use super::state::snapshot::{self, Changes};
use super::{effects, redaction, search};
use crate::RoomCore;

/// An event to store.
#[derive(Debug)]
pub struct NewEvent {
    /// The parsed PDU.
    pub pdu: Pdu,
    /// Canonical JSON with signatures.
    pub json: Vec<u8>,
    /// Serial number of its sender, if the caller has it.
    pub sender: Option<UserSn>,
    /// The local device that sent it, and the transaction id.
    pub txn: Option<(DeviceSn, String)>,
    /// Its serial number, if it is already stored as an outlier.
    pub known: Option<EventSn>,
}

/// An event's place and the result of its PDU checks: the columns of `events` with these names.
#[derive(Debug, Clone, Copy)]
pub struct EventStatus {
    /// Place in the timeline, if it has one.
    pub ord: Option<i64>,
    /// Snapshot of the state before it; 0 for none.
    pub snapshot: Option<SnapshotSn>,
    /// Bit set; see `hearth_store::tables::events`.
    pub flags: i64,
}

/// How a new event changes the head of its room.
#[derive(Debug, Clone, Default)]
pub struct HeadChange {
    /// The forward extremities that remain in addition to the event.
    pub others: Vec<EventSn>,
    /// Whether the event is a forward extremity. It is not if a known event already refers to it.
    pub is_end: bool,
    /// Changes of the current state, except the event itself: the outcome of a state resolution.
    pub flips: Changes,
    /// Whether the event becomes the current state for its key.
    pub is_current: bool,
}

/// Stores an event, or gives an outlier its place. Applies no effects; returns the serial number.
pub fn event(
    core: &RoomCore,
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    new: NewEvent,
    at: Position,
    event_status: EventStatus,
) -> Result<(Arc<Event>, Option<Relation>)> {
    let relation = relate::relation(&new.pdu).filter(|_| event_status.ord.is_some());
    let thread = relate::thread_of(core, tx.tx(), room, relation.as_ref())?;
    if let Some(sn) = new.known {
        return Ok((place(core, tx, sn, thread, event_status)?, relation));
    }
    let NewEvent { pdu, json, sender, txn, .. } = new;
    let state_key = match &pdu.state_key {
        Some(state_key) => Some(state_keys::intern(tx, &pdu.kind.to_string(), state_key)?),
        None => None,
    };
    let sender = match sender {
        Some(sender) => sender,
        None => users::intern(tx, pdu.sender.as_str())?,
    };
    let (device, txn) = txn.unzip();
    let row = EventRow {
        sn: EventSn::from(at),
        room,
        ord: event_status.ord,
        id: pdu.event_id.to_string(),
        sender,
        state_key,
        depth: pdu.depth,
        snapshot: event_status.snapshot,
        flags: event_status.flags,
        redacted_by: None,
        thread,
        device,
        txn,
        json,
    };
    events::insert(tx.tx(), &row)?;
    let backlog = core.search.clone();
    tx.after_commit(move || backlog.stored());
    let mut event = Event::new(row, pdu);
    event.pdu.rejected = event_status.flags & events::REJECTED != 0;
    Ok((core.events.add(event), relation))
}

/// Gives an outlier its place.
fn place(
    core: &RoomCore,
    tx: &mut WriteTx<'_>,
    sn: EventSn,
    thread: Option<EventSn>,
    event_status: EventStatus,
) -> Result<Arc<Event>> {
    let row = events::by_sn(tx.tx(), sn)?.ok_or_else(|| Error::broken(format!("event {} is missing", sn.0)))?;
    // A redaction that was applied to the outlier stays in force.
    let (was, flags) = (row.flags, event_status.flags | row.flags & events::REDACTED);
    let row = EventRow { ord: event_status.ord, snapshot: event_status.snapshot, flags, thread, ..row };
    events::place(tx.tx(), &row)?;
    // Evict at once for later reads of this transaction; the caller evicts again after the commit.
    core.events.placed(sn);
    let event = Event::from_row(row)?;
    search::reinstated(tx.tx(), was, &event)?;
    Ok(Arc::new(event))
}

/// Gives a withheld event a place at the end of the timeline.
pub(super) fn show(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, event: &Event) -> Result<()> {
    let at = tx.position();
    let status = EventStatus { ord: Some(at.as_i64()), snapshot: event.snapshot, flags: event.flags };
    place(core, tx, event.sn, event.thread, status)?;
    let (core, sn) = (core.clone(), event.sn);
    tx.after_commit(move || core.events.placed(sn));
    Ok(())
}

/// Stores an event at the end of its room's timeline and applies its effects: moves the room's head by `step`,
/// applies relations and redactions, and wakes the affected long polls. `before` is the state before the event.
pub fn live(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    new: NewEvent,
    before: Option<SnapshotSn>,
    step: HeadChange,
) -> Result<Arc<Event>> {
    let at = tx.position();
    let was_known = new.known;
    let ord = (!redaction::is_withheld(core, tx.tx(), room, &new.pdu)?).then_some(at.as_i64());
    let event_status = EventStatus { ord, snapshot: before, flags: 0 };
    let (event, relation) = self::event(core, tx, room.sn, new, at, event_status)?;
    let mut changes = step.flips;
    if let Some(key) = event.state_key.filter(|_| step.is_current) {
        changes.insert(key, Some(event.sn));
    }
    if step.is_end {
        room.depth = if step.others.is_empty() { event.pdu.depth } else { room.depth.max(event.pdu.depth) };
        room.extremities = step.others;
        room.extremities.push(event.sn);
    }
    change_state(tx, room, &changes, at)?;
    rooms::advance(tx.tx(), room)?;
    relate::note(core, tx, &event, relation)?;
    effects::follow(core, tx, room, &event, at, &changes)?;
    // This server has all of its own events, so none of them is the missing target of a pending redaction.
    if !core.is_local(&event.pdu.sender) {
        redaction::apply_pending(core, tx, room, &event, true)?;
    }
    if let Some(sn) = was_known {
        let core = core.clone();
        // Evict again after the commit: a reader with an older snapshot may have cached the event in between.
        tx.after_commit(move || core.events.placed(sn));
    }
    Ok(event)
}

/// Applies changes to the current state.
pub fn change_state(tx: &mut WriteTx<'_>, room: &mut Room, changes: &Changes, at: Position) -> Result<()> {
    if changes.is_empty() {
        return Ok(());
    }
    for (key, event) in changes {
        state::change(tx.tx(), room.sn, *key, *event, at)?;
    }
    room.snapshot = Some(snapshot::store(tx, room.snapshot, changes.clone())?);
    Ok(())
}

/// The state after an event, in two parts: the snapshot before it, and what the event itself sets.
pub type StateAfter = (Option<SnapshotSn>, Option<(KeySn, EventSn)>);

/// Returns the state after an event; `None` when it is unknown or not certain, as for outliers.
#[must_use]
pub fn state_after(event: &Event) -> Option<StateAfter> {
    let is_create = event.pdu.is_state(&ruma::events::TimelineEventType::RoomCreate, "");
    if event.flags & (events::OUTLIER | events::UNSURE_STATE) != 0 || (event.snapshot.is_none() && !is_create) {
        return None;
    }
    let own = event.state_key.filter(|_| !event.pdu.rejected).map(|key| (key, event.sn));
    Some((event.snapshot, own))
}
