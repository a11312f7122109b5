//! Puts an event of this server into a room: places it, checks it, stores it with everything that follows from it, and
//! wakes whoever is concerned. All inside one write closure, so there is no instant at which half an event exists.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::{Error, Position, Result};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{DeviceSn, EventSn, KeySn, UserSn};
use hearth_store::tables::events::EventRow;
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{events, state, state_keys};
use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::state_res::{
    auth_types_for_event, check_state_dependent_auth_rules, check_state_independent_auth_rules,
};
use ruma::{OwnedEventId, RoomId, UserId};
use serde_json::value::RawValue;

use super::event::author::{Authored, Draft, Place, author};
use super::event::version;
use super::load::Event;
use super::state::snapshot::{self, Changes};
use super::{effects, relate};
use crate::core::Core;

/// Who sends an event, and how they will recognise it.
#[derive(Debug, Clone)]
pub struct Origin {
    /// The sender's serial number.
    pub sender: UserSn,
    /// The sender.
    pub user_id: ruma::OwnedUserId,
    /// The device and transaction id, for the sender's local echo.
    pub txn: Option<(DeviceSn, String)>,
}

impl Origin {
    /// An origin without a transaction.
    #[must_use]
    pub fn new(sender: UserSn, user_id: &UserId) -> Self {
        Self { sender, user_id: user_id.to_owned(), txn: None }
    }
}

/// Authors `draft` in `room` and appends it. `room` is moved forward, so that several events can follow in one closure.
///
/// Refuses with `M_FORBIDDEN` what the room's authorisation rules do not allow.
pub fn append(core: &Arc<Core>, tx: &mut WriteTx<'_>, room: &mut Room, origin: &Origin, draft: Draft) -> Result<Arc<Event>> {
    let rules = version::stored_rules(&room.version)?;
    let content = raw_content(&draft)?;
    let kind = TimelineEventType::from(draft.kind.as_str());
    let state_key = draft.state_key.clone();
    let auth = select_auth(core, tx.tx(), room, rules, (&kind, state_key.as_deref(), &content), &origin.user_id)?;
    let room_id = RoomId::parse(room.id.as_str()).map_err(|error| Error::fault("reading a stored room id", error))?;
    let prev_events = head_ids(core, tx.tx(), &room.extremities)?;
    let is_hashed_create = rules.authorization.room_create_event_id_as_room_id && kind == TimelineEventType::RoomCreate;
    let place = Place {
        room_id: (!is_hashed_create).then_some(&*room_id),
        prev_events,
        auth_events: auth.iter().map(|event| event.pdu.event_id.clone()).collect(),
        depth: room.depth.saturating_add(1),
    };
    let signer = (&*core.server_name, core.key.pair());
    let authored = author(signer, rules, &origin.user_id, core.now_ms(), place, draft)?;
    check(core, tx.tx(), room, rules, &authored, &auth)?;
    store(core, tx, room, origin, authored)
}

fn raw_content(draft: &Draft) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&draft.content).map_err(|error| Error::fault("writing an event's content", error))
}

fn head_ids(core: &Core, tx: &mut dyn Tx, heads: &[EventSn]) -> Result<Vec<OwnedEventId>> {
    let newest = heads.iter().rev().take(hearth_base::limits::PREV_EVENTS_AUTHORED_MAX);
    newest.map(|sn| Ok(core.events.get(tx, *sn)?.pdu.event_id.clone())).collect()
}

/// The events of the current state that authorise an event (server-server API, "Auth events selection").
fn select_auth(
    core: &Core,
    tx: &mut dyn Tx,
    room: &Room,
    rules: &RoomVersionRules,
    (kind, state_key, content): (&TimelineEventType, Option<&str>, &RawValue),
    sender: &UserId,
) -> Result<Vec<Arc<Event>>> {
    let wanted = auth_types_for_event(kind, sender, state_key, content, &rules.authorization).map_err(Error::bad_json)?;
    let mut found = Vec::with_capacity(wanted.len());
    for (kind, key) in wanted {
        if let Some(sn) = state::current_named(tx, room.sn, &kind.to_string(), &key)? {
            found.push(core.events.get(tx, sn)?);
        }
    }
    Ok(found)
}

/// The two checks that an event of our own has to pass: by its auth events, and by the current state.
fn check(
    core: &Core,
    tx: &mut dyn Tx,
    room: &Room,
    rules: &RoomVersionRules,
    authored: &Authored,
    auth: &[Arc<Event>],
) -> Result<()> {
    let by_id: HashMap<_, _> = auth.iter().map(|event| (&*event.pdu.event_id, &event.pdu)).collect();
    let create = RefCell::new(Vec::new());
    let tx = RefCell::new(tx);
    let failed = RefCell::new(None);
    let current = |kind: &StateEventType, key: &str| {
        let tx: &mut dyn Tx = &mut **tx.borrow_mut();
        let found = state::current_named(tx, room.sn, &kind.to_string(), key)
            .and_then(|sn| sn.map(|sn| core.events.get(tx, sn)).transpose());
        found.unwrap_or_else(|error| {
            failed.replace(Some(error));
            None
        })
    };
    // From version 12 on the create event is not among the auth events, yet the rules look at it.
    if let Some(event) = current(&StateEventType::RoomCreate, "") {
        create.borrow_mut().push(event);
    }
    let create = create.into_inner();
    let find = |id: &ruma::EventId| {
        by_id.get(id).copied().or_else(|| create.iter().map(|event| &event.pdu).find(|pdu| *pdu.event_id == *id))
    };
    let verdict = check_state_independent_auth_rules(&rules.authorization, &authored.pdu, find).and_then(|()| {
        check_state_dependent_auth_rules(&rules.authorization, &authored.pdu, |kind, key| {
            current(kind, key).map(|event| event.pdu.clone())
        })
    });
    if let Some(error) = failed.into_inner() {
        return Err(error);
    }
    verdict.map_err(|why| Error::forbidden(format!("The rules of this room do not allow that: {why}")))
}

/// Stores an event that has passed its checks, and what follows from it.
fn store(
    core: &Arc<Core>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Origin,
    authored: Authored,
) -> Result<Arc<Event>> {
    let Authored { pdu, json } = authored;
    let at = tx.position();
    let sn = EventSn::from(at);
    let key = match &pdu.state_key {
        Some(state_key) => Some(state_keys::intern(tx, &pdu.kind.to_string(), state_key)?),
        None => None,
    };
    let row = EventRow {
        sn,
        room: room.sn,
        ord: Some(at.as_i64()),
        id: pdu.event_id.to_string(),
        sender: origin.sender,
        state_key: key,
        depth: pdu.depth,
        snapshot: room.snapshot,
        flags: 0,
        redacted_by: None,
        thread: relate::thread_of(core, tx.tx(), room.sn, &pdu)?,
        device: origin.txn.as_ref().map(|(device, _)| *device),
        txn: origin.txn.as_ref().map(|(_, txn)| txn.clone()),
        json,
    };
    events::insert(tx.tx(), &row)?;
    let event = core.events.keep(row)?;
    if let Some(key) = key {
        advance_state(tx, room, key, sn, at)?;
    }
    room.extremities = vec![sn];
    room.depth = event.pdu.depth;
    rooms::advance(tx.tx(), room)?;
    relate::note(core, tx, &event)?;
    effects::follow(core, tx, room, &event, at)?;
    Ok(event)
}

fn advance_state(tx: &mut WriteTx<'_>, room: &mut Room, key: KeySn, sn: EventSn, at: Position) -> Result<()> {
    // The create event's own state before it is empty; its snapshot number is 0, which no snapshot has.
    let before = (room.snapshot.0 != 0).then_some(room.snapshot);
    room.snapshot = snapshot::store(tx, before, Changes::from([(key, Some(sn))]))?;
    state::change(tx.tx(), room.sn, key, Some(sn), at)
}
