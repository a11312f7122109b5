//! Bundled aggregations (client-server API, "Aggregations of child events"): the edits, thread and references of an
//! event, sent along with it.
//!
//! One query finds the edits and references of many events at once, and mostly finds none; threads are counted
//! without reading their events ([`replies`]). Reactions are not bundled: the specification has removed that, clients
//! fetch or sync them.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::limits::rooms::{BUNDLE_EDITS_MAX, BUNDLE_REFERENCES_MAX};
use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::relations::{self, ChildRow};
use ruma::events::AnyMessageLikeEvent;
use ruma::serde::Raw;
use serde::Serialize;
use serde_json::value::RawValue;

use super::erased::is_erased_for;
use super::present::{self, Bundle, EventFormat};
use super::replies::{self, Replies};
use super::visibility::Viewer;
use crate::load::Event;
use crate::relate::relation;

/// The `m.thread` bundle.
#[derive(Serialize)]
struct Thread {
    latest_event: Raw<AnyMessageLikeEvent>,
    count: u64,
    current_user_participated: bool,
}

/// The `m.reference` bundle.
#[derive(Serialize)]
struct References<'a> {
    chunk: Vec<Reference<'a>>,
}

#[derive(Serialize)]
struct Reference<'a> {
    event_id: &'a str,
}

/// Returns the bundles of `events`, for those that have any.
pub(super) fn of(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    events: &[Arc<Event>],
) -> Result<HashMap<EventSn, Bundle>> {
    let parents = ids(events);
    let children = children(viewer, tx, &parents)?;
    let replies = replies::of(viewer, tx, &parents)?;
    let mut bundles = HashMap::new();
    if children.is_empty() && replies.is_empty() {
        return Ok(bundles);
    }
    let mut threads = Vec::new();
    for event in events {
        let id = event.pdu.event_id.as_str();
        if let Some(children) = children.get(id) {
            let mut bundle = Bundle::new();
            bundle.extend(edit(viewer, tx, form, event, children)?.map(|edit| ("m.replace", edit)));
            bundle.extend(references(viewer, tx, children)?.map(|references| ("m.reference", references)));
            if !bundle.is_empty() {
                bundles.insert(event.sn, bundle);
            }
        }
        if let Some(replies) = replies.get(id)
            && let Some((latest, replies)) = replies::seen(viewer, tx, event, *replies)?
        {
            threads.push((event, latest, replies));
        }
    }
    for (event, thread) in summaries(viewer, tx, form, &threads)? {
        bundles.entry(event).or_default().insert("m.thread", thread);
    }
    Ok(bundles)
}

/// Returns the ids of the events that can have bundles.
fn ids(events: &[Arc<Event>]) -> Vec<&str> {
    events.iter().filter(|event| takes_bundles(event)).map(|event| event.pdu.event_id.as_str()).collect()
}

/// Returns the edits and references of each of `parents`, by parent id, oldest first. Omits events from ignored
/// users.
fn children(viewer: &Viewer<'_>, tx: &mut dyn Tx, parents: &[&str]) -> Result<HashMap<String, Vec<ChildRow>>> {
    let mut found: HashMap<String, Vec<ChildRow>> = HashMap::new();
    for child in relations::edits_and_references(tx, viewer.room(), parents)? {
        if !viewer.ignores(child.relation.sender) {
            found.entry(child.relation.parent.clone()).or_default().push(child);
        }
    }
    Ok(found)
}

/// State events, edits and reactions have no bundles.
fn takes_bundles(event: &Event) -> bool {
    event.state_key.is_none()
        && !relation(&event.pdu).is_some_and(|own| matches!(own.rel_type.as_str(), "m.replace" | "m.annotation"))
}

fn edit(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    event: &Event,
    children: &[ChildRow],
) -> Result<Option<Box<RawValue>>> {
    let now = viewer.core().now_ms();
    let newest = latest_edit(viewer, tx, event, children)?;
    newest.map(|edit| Ok(present::one::<()>(viewer, tx, form, &edit, now, Bundle::new())?.into_json())).transpose()
}

/// Returns the edit of an event that the reader sees in its place.
pub(super) fn edit_of(viewer: &mut Viewer<'_>, tx: &mut dyn Tx, event: &Event) -> Result<Option<Arc<Event>>> {
    if !takes_bundles(event) {
        return Ok(None);
    }
    let id = event.pdu.event_id.as_str();
    let Some(children) = children(viewer, tx, &[id])?.remove(id) else { return Ok(None) };
    latest_edit(viewer, tx, event, &children)
}

/// Returns the valid edit with the latest `origin_server_ts`: same sender and type ("Validity of replacement
/// events").
fn latest_edit(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    event: &Event,
    children: &[ChildRow],
) -> Result<Option<Arc<Event>>> {
    if event.is_redacted() {
        return Ok(None);
    }
    let edits = children.iter().rev().map(|child| &child.relation).filter(|relation| {
        relation.rel_type == "m.replace"
            && relation.sender == event.sender
            && *event.pdu.kind.to_string() == relation.event_type
    });
    let mut newest: Option<Arc<Event>> = None;
    for relation in edits.take(BUNDLE_EDITS_MAX) {
        let candidate = viewer.core().events.get(tx, relation.child)?;
        let key = |event: &Event| (event.pdu.origin_server_ts, event.pdu.event_id.clone());
        if has_new_content(&candidate)
            && newest.as_deref().is_none_or(|newest| key(newest) < key(&candidate))
            && viewer.may_see(tx, &candidate)?
            && !is_erased_for(viewer, tx, &candidate)?
        {
            newest = Some(candidate);
        }
    }
    Ok(newest)
}

/// The new content of an encrypted edit is inside the ciphertext, so the server cannot check it.
fn has_new_content(edit: &Event) -> bool {
    let content = edit.pdu.content.get();
    content.contains("\"m.new_content\"") || edit.pdu.kind == ruma::events::TimelineEventType::RoomEncrypted
}

/// Returns the references that the reader may see: a user who has left learns of no later ones.
fn references(viewer: &mut Viewer<'_>, tx: &mut dyn Tx, children: &[ChildRow]) -> Result<Option<Box<RawValue>>> {
    let referring = children.iter().filter(|child| child.relation.rel_type == "m.reference");
    let mut chunk = Vec::new();
    for child in referring.take(BUNDLE_REFERENCES_MAX) {
        if viewer.may_see_at(tx, child.relation.child, child.ord)? {
            chunk.push(Reference { event_id: &child.id });
        }
    }
    if chunk.is_empty() { Ok(None) } else { raw(&References { chunk }).map(Some) }
}

/// Serialises thread summaries. Fetches the edits of all latest replies in one query.
fn summaries(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    threads: &[(&Arc<Event>, Arc<Event>, Replies)],
) -> Result<Vec<(EventSn, Box<RawValue>)>> {
    if threads.is_empty() {
        return Ok(Vec::new());
    }
    let latest: Vec<Arc<Event>> = threads.iter().map(|(_, latest, _)| latest.clone()).collect();
    let edits = children(viewer, tx, &ids(&latest))?;
    let (now, reader) = (viewer.core().now_ms(), viewer.reader().user);
    threads
        .iter()
        .map(|(root, latest, replies)| {
            let mut bundle = Bundle::new();
            if let Some(children) = edits.get(latest.pdu.event_id.as_str()) {
                bundle.extend(edit(viewer, tx, form, latest, children)?.map(|edit| ("m.replace", edit)));
            }
            let thread = Thread {
                latest_event: present::one(viewer, tx, form, latest, now, bundle)?,
                count: replies.count,
                current_user_participated: root.sender == reader || replies.mine,
            };
            Ok((root.sn, raw(&thread)?))
        })
        .collect()
}

fn raw(value: &impl Serialize) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(value).map_err(|error| Error::fault("writing bundled aggregations", error))
}
