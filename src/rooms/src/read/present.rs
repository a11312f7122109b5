//! Serialises events for one reader: the client format with `unsigned`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_base::limits::rooms::{SHOWN_AT_ONCE_EVENTS_MAX, STATE_AT_ONCE_BYTES_MAX};
use hearth_base::{Error, Millis, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;
use ruma::RoomId;
use ruma::serde::Raw;
use serde_json::value::RawValue;

use super::bundle;
use super::byte_budget::ByteBudget;
use super::deferred;
use super::erased;
use super::visibility::Viewer;
use crate::delayed::NO_DEVICE;
use crate::event::Pdu;
use crate::event::client::{Unsigned, show};
use crate::load::Event;
use crate::state::snapshot;

/// Bundled aggregations of one event, by relation type.
pub(super) type Bundle = BTreeMap<&'static str, Box<RawValue>>;

/// The event format of a response.
#[derive(Debug, Clone, Copy)]
pub struct EventFormat<'a> {
    /// The room id to include in events: set everywhere but in `/sync`.
    pub room_id: Option<&'a RoomId>,
    /// Include bundled aggregations (edits, threads, references).
    pub bundle: bool,
    /// Include the replaced state event and the reader's membership at the event. Costs look-ups per event.
    pub past: bool,
    /// Use the federation format (`event_format` of a filter), with the event id.
    pub federation: bool,
}

impl<'a> EventFormat<'a> {
    /// The format for timeline events.
    #[must_use]
    pub fn timeline(room_id: Option<&'a RoomId>) -> Self {
        Self { room_id, bundle: true, past: true, federation: false }
    }

    /// The format for room state: without look-ups, because there may be thousands of events.
    #[must_use]
    pub fn state(room_id: Option<&'a RoomId>) -> Self {
        Self { room_id, bundle: false, past: false, federation: false }
    }
}

/// Serialises events of one room. The caller has checked that the reader may see all of them.
pub fn events<T>(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    events: &[Arc<Event>],
) -> Result<Vec<Raw<T>>> {
    let mut bundles = if form.bundle { bundle::of(viewer, tx, form, events)? } else { HashMap::new() };
    let now = viewer.core().now_ms();
    let mut shown = Vec::with_capacity(events.len());
    for event in events {
        let bundle = bundles.remove(&event.sn).unwrap_or_default();
        shown.push(one(viewer, tx, form, event, now, bundle)?);
    }
    Ok(shown)
}

/// Serialises the first of `events`, as many as fit into `budget`. The caller continues with the first one that did not.
pub fn fitting<T>(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    events: &[Arc<Event>],
    budget: &mut ByteBudget,
) -> Result<Vec<Raw<T>>> {
    let now = viewer.core().now_ms();
    let mut shown = Vec::with_capacity(events.len());
    for piece in events.chunks(SHOWN_AT_ONCE_EVENTS_MAX) {
        let mut bundles = if form.bundle { bundle::of(viewer, tx, form, piece)? } else { HashMap::new() };
        for event in piece {
            let bundle = bundles.remove(&event.sn).unwrap_or_default();
            let event = one(viewer, tx, form, event, now, bundle)?;
            if !budget.take(event.json().get().len()) {
                return Ok(shown);
            }
            shown.push(event);
        }
    }
    Ok(shown)
}

/// As [`events()`], for a single event.
pub fn event<T>(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    event: &Arc<Event>,
) -> Result<Raw<T>> {
    let bundle = match form.bundle {
        true => bundle::of(viewer, tx, form, std::slice::from_ref(event))?.remove(&event.sn),
        false => None,
    };
    let now = viewer.core().now_ms();
    one(viewer, tx, form, event, now, bundle.unwrap_or_default())
}

/// Serialises events by serial number, such as those of a state, without look-ups per event: the first ones, and a mark for
/// each further one. The caller's answer goes through [`Rooms::complete`](crate::Rooms::complete).
pub fn state<T>(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    room_id: Option<&RoomId>,
    state: impl IntoIterator<Item = EventSn>,
) -> Result<Vec<Raw<T>>> {
    let mut budget = ByteBudget::within(STATE_AT_ONCE_BYTES_MAX);
    state_within(viewer, tx, &EventFormat::state(room_id), state, &mut budget)
}

/// As [`state()`], in another format, and with a budget for what is serialised at once that several rooms share.
pub fn state_within<T>(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    state: impl IntoIterator<Item = EventSn>,
    budget: &mut ByteBudget,
) -> Result<Vec<Raw<T>>> {
    let now = viewer.core().now_ms();
    let mut shown = Vec::new();
    for sn in state {
        if budget.left() > 0 {
            let event = viewer.core().events.get(tx, sn)?;
            let event = one(viewer, tx, form, &event, now, Bundle::new())?;
            if budget.take(event.json().get().len()) {
                shown.push(event);
                continue;
            }
            // What follows is not even read.
            budget.spend(budget.left());
        }
        shown.push(deferred::mark(viewer, form, sn)?);
    }
    Ok(shown)
}

/// Serialises one event with its bundle.
pub(super) fn one<T>(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    event: &Event,
    now: Millis,
    relations: Bundle,
) -> Result<Raw<T>> {
    let mut unsigned = Unsigned {
        age: Some(now.cast_signed().saturating_sub_unsigned(event.pdu.origin_server_ts)),
        transaction_id: transaction_id(viewer, event),
        delay_id: delay_id(viewer, event),
        relations,
        ..Unsigned::default()
    };
    if form.past {
        unsigned.membership = Some(viewer.membership_at(tx, event)?.name());
        if let Some(replaced) = replaced(viewer, tx, event)? {
            unsigned.replaces_state = Some(replaced.pdu.event_id.to_string());
            unsigned.prev_content = Some(erased::shown_to(viewer, tx, &replaced)?.content.clone());
        }
    }
    if let Some(by) = event.redacted_by
        // A user who has left does not learn by whom, when and why something was redacted later.
        && let redaction = viewer.core().events.get(tx, by)?
        && viewer.may_see_redaction(tx, &redaction)?
    {
        let age = Some(now.cast_signed().saturating_sub_unsigned(redaction.pdu.origin_server_ts));
        let because = Unsigned { age, transaction_id: transaction_id(viewer, &redaction), ..Unsigned::default() };
        unsigned.redacted_because = Some(show::<()>(&redaction.pdu, form.room_id, &because).into_json());
    }
    let pdu = erased::shown_to(viewer, tx, event)?;
    if form.federation {
        return as_servers_see_it(tx, event, &pdu, &unsigned);
    }
    Ok(show(&pdu, form.room_id, &unsigned))
}

/// Serialises an event with its hashes, signatures and graph fields.
///
/// `pdu` is the event as the reader may see it: redacted if its sender was erased.
fn as_servers_see_it<T>(tx: &mut dyn Tx, event: &Event, pdu: &Pdu, unsigned: &Unsigned) -> Result<Raw<T>> {
    let row = events::by_sn(tx, event.sn)?.ok_or_else(|| Error::broken("an event to be shown is missing"))?;
    let broken = |error| Error::fault("writing an event in federation format", error);
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&row.json).map_err(broken)?;
    fields.insert("event_id".to_owned(), event.pdu.event_id.as_str().into());
    fields.insert("content".to_owned(), serde_json::to_value(&pdu.content).map_err(broken)?);
    fields.insert("unsigned".to_owned(), serde_json::to_value(unsigned).map_err(broken)?);
    Ok(Raw::from_json(serde_json::value::to_raw_value(&fields).map_err(broken)?))
}

/// Returns the transaction id, only for the device that sent the event, to match its local echo.
fn transaction_id(viewer: &Viewer<'_>, event: &Event) -> Option<String> {
    let (device, txn) = event.txn.as_ref()?;
    (Some(*device) == viewer.reader().device).then(|| txn.clone())
}

/// Returns the delay id, only for the sender.
fn delay_id(viewer: &Viewer<'_>, event: &Event) -> Option<String> {
    let (device, id) = event.txn.as_ref()?;
    (*device == NO_DEVICE && event.sender == viewer.reader().user).then(|| id.clone())
}

/// Returns the state event that a state event replaced.
fn replaced(viewer: &Viewer<'_>, tx: &mut dyn Tx, event: &Event) -> Result<Option<Arc<Event>>> {
    let (Some(key), true) = (event.state_key, event.snapshot.is_some()) else { return Ok(None) };
    let sn = snapshot::get(tx, event.snapshot, key)?;
    sn.map(|sn| viewer.core().events.get(tx, sn)).transpose()
}
