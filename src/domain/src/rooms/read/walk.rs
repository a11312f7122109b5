//! Walks along a room's timeline and picks what a reader may see and wants to, with a bound on what it looks at.

use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_store::engine::Tx;
use hearth_store::tables::events::{self, Direction};

use super::visibility::Viewer;
use crate::rooms::load::Event;

/// How many events a walk reads at first when a filter chooses among them, and at most.
const STEP_EVENTS: (usize, usize) = (128, 1_024);

/// A direction as clients name it.
pub(super) fn direction(direction: ruma::api::Direction) -> Direction {
    match direction {
        ruma::api::Direction::Forward => Direction::Forward,
        ruma::api::Direction::Backward => Direction::Backward,
    }
}

/// Where to walk.
#[derive(Debug, Clone, Copy)]
pub struct WalkQuery {
    /// Only places after this one.
    pub after: i64,
    /// Only places up to this one.
    pub upto: i64,
    /// From which end.
    pub direction: Direction,
    /// How many events to pick.
    pub limit: usize,
}

/// What a walk has found.
#[derive(Debug, Default)]
pub struct WalkResult {
    /// The picked events, in the order of walking.
    pub events: Vec<Arc<Event>>,
    /// The cut at which to go on; none when the timeline ends here.
    pub next: Option<i64>,
}

/// Walks until enough events are picked, the way ends, or the bound on events looked at is reached.
///
/// `wants` chooses among the events that the reader may see; without it all are picked.
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
    // One more than is wanted tells whether there is anything after the page. Without a filter that mostly suffices.
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
