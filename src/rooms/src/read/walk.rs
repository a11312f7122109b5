//! Walks a room's timeline and selects the events that a reader may see and that a filter allows. Examines a bounded
//! number of events.

use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_store::engine::Tx;
use hearth_store::tables::events::{self, Direction};

use super::visibility::Viewer;
use crate::load::Event;

/// Events per query with a filter: the first query, and the largest.
const STEP_EVENTS: (usize, usize) = (128, 1_024);

/// Converts a direction from ruma's type.
pub(super) fn direction(direction: ruma::api::Direction) -> Direction {
    match direction {
        ruma::api::Direction::Forward => Direction::Forward,
        ruma::api::Direction::Backward => Direction::Backward,
    }
}

/// Parameters of a walk.
#[derive(Debug, Clone, Copy)]
pub struct WalkQuery {
    /// Exclusive lower bound of places.
    pub after: i64,
    /// Inclusive upper bound of places.
    pub upto: i64,
    /// The end at which to start.
    pub direction: Direction,
    /// Maximum number of events to select.
    pub limit: usize,
}

/// The result of a walk.
#[derive(Debug, Default)]
pub struct WalkResult {
    /// The selected events, in the order of the walk.
    pub events: Vec<Arc<Event>>,
    /// The cut at which to go on; none at the end of the timeline.
    pub next: Option<i64>,
}

/// Walks until enough events are selected, the range ends, or the bound on examined events is reached.
///
/// `wants` filters the events that the reader may see; none selects all.
pub fn walk(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    mut way: WalkQuery,
    wants: Option<&dyn Fn(&Event) -> bool>,
) -> Result<WalkResult> {
    let mut walked = WalkResult::default();
    let mut looked_at = 0;
    if way.limit == 0 {
        walked.next = Some(if way.direction == Direction::Forward { way.after } else { way.upto });
        return Ok(walked);
    }
    // Read one more event than requested, to learn whether another page follows. Without a filter that is mostly
    // enough.
    let mut step = if wants.is_none() { way.limit + 1 } else { STEP_EVENTS.0.max(way.limit + 1) };
    loop {
        let read = read(viewer, tx, &way, step)?;
        let is_last = read.len() < step;
        for event in read {
            if walked.events.len() == way.limit || looked_at == limits::PAGE_SCANNED_EVENTS_MAX {
                walked.next = Some(if way.direction == Direction::Forward { way.after } else { way.upto });
                return Ok(walked);
            }
            looked_at += 1;
            let Some(ord) = event.ord else { continue };
            match way.direction {
                Direction::Forward => way.after = ord,
                Direction::Backward => way.upto = ord - 1,
            }
            if wants.is_none_or(|wants| wants(&event)) && viewer.may_see(tx, &event)? {
                walked.events.push(event);
            }
        }
        if is_last {
            return Ok(walked);
        }
        step = (step * 2).clamp(way.limit + 1, STEP_EVENTS.1);
    }
}

fn read(viewer: &Viewer<'_>, tx: &mut dyn Tx, way: &WalkQuery, step: usize) -> Result<Vec<Arc<Event>>> {
    let mut found = Vec::with_capacity(step);
    events::timeline(tx, viewer.room(), (way.after, way.upto), way.direction, step, &mut |stored| {
        found.push(viewer.core().events.keep_stored(&stored)?);
        Ok(true)
    })?;
    Ok(found)
}
