//! Events as one reader gets them: the client format with what the server adds in `unsigned`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_base::{Error, Millis, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;
use ruma::RoomId;
use ruma::serde::Raw;
use serde_json::value::RawValue;

use super::bundle;
use super::erased;
use super::visibility::Viewer;
use crate::rooms::delayed::NO_DEVICE;
use crate::rooms::event::Pdu;
use crate::rooms::event::client::{Unsigned, show};
use crate::rooms::load::Event;
use crate::rooms::state::snapshot;

/// Bundled aggregations of one event, by relation type.
pub(super) type Bundle = BTreeMap<&'static str, Box<RawValue>>;

/// What an answer wants of its events.
#[derive(Debug, Clone, Copy)]
pub struct EventFormat<'a> {
    /// The room's id, where events carry it: everywhere but in `/sync`.
    pub room_id: Option<&'a RoomId>,
    /// With bundled aggregations (edits, threads, references).
    pub bundle: bool,
    /// With what a state event replaced, and how the reader stood to the room then. Costs a look into the past.
    pub past: bool,
    /// As servers send it to each other (`event_format` of a filter), with its id.
    pub federation: bool,
}

impl<'a> EventFormat<'a> {
    /// For events of a timeline.
    #[must_use]
    pub fn timeline(room_id: Option<&'a RoomId>) -> Self {
        Self { room_id, bundle: true, past: true, federation: false }
    }

    /// For the state of a room, of which there may be thousands of events: nothing that has to be looked up.
    #[must_use]
    pub fn state(room_id: Option<&'a RoomId>) -> Self {
        Self { room_id, bundle: false, past: false, federation: false }
    }
}

/// Writes events of one room, all of which the reader may see, in the form that the answer wants.
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

/// As [`events`], for a single event.
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

/// The events of serial numbers, such as those of a state, without what would have to be looked up for each.
pub fn state<T>(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    room_id: Option<&RoomId>,
    state: impl IntoIterator<Item = EventSn>,
) -> Result<Vec<Raw<T>>> {
    let (form, now) = (EventFormat::state(room_id), viewer.core().now_ms());
    state
        .into_iter()
        .map(|sn| {
            let event = viewer.core().events.get(tx, sn)?;
            one(viewer, tx, &form, &event, now, Bundle::new())
        })
        .collect()
}

/// One event with its bundle, which the caller has put together.
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
    if let Some(by) = event.redacted_by {
        let redaction = viewer.core().events.get(tx, by)?;
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

/// An event with its hashes, signatures and place in the graph.
///
/// `pdu` is the event as the reader may see it: redacted if its sender's account was erased.
fn as_servers_see_it<T>(tx: &mut dyn Tx, event: &Event, pdu: &Pdu, unsigned: &Unsigned) -> Result<Raw<T>> {
    let row = events::by_sn(tx, event.sn)?.ok_or_else(|| Error::broken("an event to be shown is missing"))?;
    let broken = |error| Error::fault("writing an event in federation format", error);
    let mut fields: serde_json::Map<String, serde_json::Value> = serde_json::from_slice(&row.json).map_err(broken)?;
    fields.insert("event_id".to_owned(), event.pdu.event_id.as_str().into());
    fields.insert("content".to_owned(), serde_json::to_value(&pdu.content).map_err(broken)?);
    fields.insert("unsigned".to_owned(), serde_json::to_value(unsigned).map_err(broken)?);
    Ok(Raw::from_json(serde_json::value::to_raw_value(&fields).map_err(broken)?))
}

/// The transaction id, for the very device that sent the event, so that it recognises its local echo.
fn transaction_id(viewer: &Viewer<'_>, event: &Event) -> Option<String> {
    let (device, txn) = event.txn.as_ref()?;
    (Some(*device) == viewer.reader().device).then(|| txn.clone())
}

/// The id under which the event waited, for its sender.
fn delay_id(viewer: &Viewer<'_>, event: &Event) -> Option<String> {
    let (device, id) = event.txn.as_ref()?;
    (*device == NO_DEVICE && event.sender == viewer.reader().user).then(|| id.clone())
}

/// The state event that a state event replaced.
fn replaced(viewer: &Viewer<'_>, tx: &mut dyn Tx, event: &Event) -> Result<Option<Arc<Event>>> {
    let (Some(key), true) = (event.state_key, event.snapshot.0 != 0) else { return Ok(None) };
    let sn = snapshot::get(tx, event.snapshot, key)?;
    sn.map(|sn| viewer.core().events.get(tx, sn)).transpose()
}
