//! Walks a room's timeline and selects the events that a reader may see and that a filter allows. Examines a bounded
//! number of events, and selects a bounded number of bytes.

use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_store::engine::Tx;
use hearth_store::tables::events::{self, Direction};

use super::byte_budget::ByteBudget;
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

impl WalkResult {
    /// Drops all but the first `kept` events, so that the next page begins with the first dropped one. Returns whether
    /// there was any to drop.
    pub fn truncate(&mut self, kept: usize, direction: Direction) -> bool {
        let Some(ord) = self.events.get(kept).and_then(|dropped| dropped.ord) else { return false };
        self.next = Some(cut_before(ord, direction));
        self.events.truncate(kept);
        true
    }
}

/// The cut at which a page begins with the event at place `ord`.
pub(super) fn cut_before(ord: i64, direction: Direction) -> i64 {
    match direction {
        Direction::Forward => ord.saturating_sub(1),
        Direction::Backward => ord,
    }
}

/// Walks until enough events are selected, by number or by [`limits::PAGE_BYTES_MAX`], the range ends, or the bound on
/// examined events is reached.
///
/// `wants` filters the events that the reader may see; none selects all.
pub fn walk(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    mut way: WalkQuery,
    wants: Option<&dyn Fn(&Event) -> bool>,
) -> Result<WalkResult> {
    let mut walked = WalkResult::default();
    let (mut looked_at, mut budget) = (0, ByteBudget::page());
    if way.limit == 0 {
        walked.next = Some(if way.direction == Direction::Forward { way.after } else { way.upto });
        return Ok(walked);
    }
    // Read one more event than requested, to learn whether another page follows. Without a filter that is mostly
    // enough.
    let mut step = if wants.is_none() { way.limit + 1 } else { STEP_EVENTS.0.max(way.limit + 1) };
    loop {
        let (read, is_last) = read(viewer, tx, &way, step)?;
        for event in read {
            if walked.events.len() == way.limit || looked_at == limits::PAGE_SCANNED_EVENTS_MAX {
                walked.next = Some(if way.direction == Direction::Forward { way.after } else { way.upto });
                return Ok(walked);
            }
            looked_at += 1;
            let Some(ord) = event.ord else { continue };
            let is_wanted = wants.is_none_or(|wants| wants(&event)) && viewer.may_see(tx, &event)?;
            if is_wanted && !budget.take(event.bytes()) {
                walked.next = Some(cut_before(ord, way.direction));
                return Ok(walked);
            }
            match way.direction {
                Direction::Forward => way.after = ord,
                Direction::Backward => way.upto = ord - 1,
            }
            if is_wanted {
                walked.events.push(event);
            }
        }
        if is_last {
            return Ok(walked);
        }
        step = (step * 2).clamp(way.limit + 1, STEP_EVENTS.1);
    }
}

/// Reads up to `step` events, fewer if they are large. Also returns whether the range ends with them.
fn read(viewer: &Viewer<'_>, tx: &mut dyn Tx, way: &WalkQuery, step: usize) -> Result<(Vec<Arc<Event>>, bool)> {
    let (mut found, mut bytes) = (Vec::with_capacity(step), 0);
    events::timeline(tx, viewer.room(), (way.after, way.upto), way.direction, step, &mut |stored| {
        let event = viewer.core().events.keep_stored(&stored)?;
        bytes += event.bytes();
        found.push(event);
        Ok(bytes < limits::PAGE_BYTES_MAX)
    })?;
    let is_last = found.len() < step && bytes < limits::PAGE_BYTES_MAX;
    Ok((found, is_last))
}
