//! `GET /backfill/{roomId}` and `POST /get_missing_events/{roomId}`: walks along prev events.
//!
//! Both walk from the deepest event down, so that the events nearest to those of the other server come first, and end
//! at the limit of the local history. They visit at most [`limits::GRAPH_WALKED_EVENTS_MAX`] events.

use hearth_base::boxed;
use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_rooms::load::Event;
use hearth_rooms::read::server_view::ServerView;
use hearth_store::engine::Tx;
use hearth_store::tables::events;
use ruma::{OwnedEventId, OwnedRoomId, ServerName};
use serde_json::value::RawValue;

use crate::Federation;

/// The events that a server is missing.
#[derive(Debug)]
pub struct Missing {
    /// Known events of the other server: the walk ends there.
    pub earliest: Vec<OwnedEventId>,
    /// Events whose ancestors it is missing: the walk starts there.
    pub latest: Vec<OwnedEventId>,
    /// Maximum number of events, capped at [`limits::MISSING_EVENTS_MAX`].
    pub limit: usize,
    /// Minimum depth.
    pub min_depth: i64,
}

impl Federation {
    /// The events `from` and their ancestors, newest first, at most `limit` or [`limits::BACKFILL_EVENTS_MAX`].
    #[boxed]
    pub async fn serve_backfill(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        from: Vec<OwnedEventId>,
        limit: usize,
    ) -> Result<Vec<Box<RawValue>>> {
        check_size(from.len())?;
        let limit = limit.min(limits::BACKFILL_EVENTS_MAX);
        let look = move |tx: &mut dyn Tx, mut view: ServerView<'_>| {
            let mut walk = Walk::default();
            for id in &from {
                walk.go_to(&view, tx, id)?;
            }
            let found = walk.on(&view, tx, limit, |_| true)?;
            found.iter().map(|event| view.pdu(tx, event)).collect()
        };
        self.shows("serve_backfill", asker, room_id, look).await
    }

    /// The events between `earliest` and `latest`, oldest first, without these.
    #[boxed]
    pub async fn serve_missing_events(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        missing: Missing,
    ) -> Result<Vec<Box<RawValue>>> {
        check_size(missing.earliest.len() + missing.latest.len())?;
        let look = move |tx: &mut dyn Tx, mut view: ServerView<'_>| {
            let found = between(&view, tx, &missing)?;
            found.iter().rev().map(|event| view.pdu(tx, event)).collect()
        };
        self.shows("serve_missing_events", asker, room_id, look).await
    }
}

fn between(view: &ServerView<'_>, tx: &mut dyn Tx, missing: &Missing) -> Result<Vec<Arc<Event>>> {
    let mut walk = Walk::default();
    walk.seen.extend(missing.earliest.iter().chain(&missing.latest).cloned());
    for id in &missing.latest {
        let Some(event) = view.core().events.find(tx, id)?.filter(|event| view.has(event)) else { continue };
        for before in &event.pdu.prev_events {
            walk.go_to(view, tx, before)?;
        }
    }
    let limit = missing.limit.min(limits::MISSING_EVENTS_MAX);
    walk.on(view, tx, limit, |event| event.pdu.depth >= missing.min_depth)
}

fn check_size(events: usize) -> Result<()> {
    if events > limits::GRAPH_QUESTION_EVENTS_MAX {
        let message = format!("Name at most {} events at a time.", limits::GRAPH_QUESTION_EVENTS_MAX);
        return Err(Error::invalid(message));
    }
    Ok(())
}

/// A walk along prev events.
#[derive(Default)]
struct Walk {
    /// Visited events, so that none is visited twice.
    seen: HashSet<OwnedEventId>,
    /// Events to visit, the deepest first. Depth is set by the senders' servers, so equal depths are ordered by
    /// arrival, latest first.
    ahead: BinaryHeap<WalkStep>,
}

struct WalkStep(Arc<Event>);

impl WalkStep {
    fn place(&self) -> (i64, i64) {
        (self.0.pdu.depth, self.0.sn.0)
    }
}

impl PartialEq for WalkStep {
    fn eq(&self, other: &Self) -> bool {
        self.place() == other.place()
    }
}

impl Eq for WalkStep {}

impl PartialOrd for WalkStep {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for WalkStep {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.place().cmp(&other.place())
    }
}

impl Walk {
    /// Visits an event, if it is stored here in this room and has a place in the graph. The walk continues through a
    /// rejected one.
    fn go_to(&mut self, view: &ServerView<'_>, tx: &mut dyn Tx, id: &OwnedEventId) -> Result<()> {
        if self.seen.insert(id.clone())
            && let Some(event) = view.core().events.find(tx, id)?
            && event.room == view.room().sn
            && event.flags & events::OUTLIER == 0
        {
            self.ahead.push(WalkStep(event));
        }
        Ok(())
    }

    /// Walks until `limit` events are found, the walk ends, or the visit limit is reached.
    fn on(
        mut self,
        view: &ServerView<'_>,
        tx: &mut dyn Tx,
        limit: usize,
        wants: impl Fn(&Event) -> bool,
    ) -> Result<Vec<Arc<Event>>> {
        let mut found = Vec::new();
        for _ in 0..limits::GRAPH_WALKED_EVENTS_MAX {
            let Some(WalkStep(event)) = self.ahead.pop().filter(|_| found.len() < limit) else { break };
            // Ancestors of an event below the minimum depth are below it as well.
            if !wants(&event) {
                continue;
            }
            for before in &event.pdu.prev_events {
                self.go_to(view, tx, before)?;
            }
            if view.has(&event) {
                found.push(event);
            }
        }
        Ok(found)
    }
}
