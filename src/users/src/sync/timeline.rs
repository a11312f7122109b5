//! The newest events of a room that a reader may see and that the filter allows.

use std::sync::Arc;

use hearth_base::limits::users::{TIMELINE_PASSED_OVER_MAX, TIMELINE_STEP_EVENTS_MAX};
use hearth_base::{Position, Result, limits};
use hearth_rooms::gaps;
use hearth_rooms::load::Event;
use hearth_rooms::read::choice::EventChoice;
use hearth_rooms::read::visibility::Viewer;
use hearth_store::engine::Tx;
use hearth_store::tables::events::{self, Direction};

use super::read::SyncScope;

/// Timeline events per room when the filter sets no limit.
const LIMIT_DEFAULT: u64 = 10;

/// A section of a timeline.
#[derive(Debug)]
pub(super) struct TimelinePiece {
    /// Events, oldest first.
    pub(super) events: Vec<Arc<Event>>,
    /// Whether there are more events between the client's position and this section.
    pub(super) limited: bool,
    /// All events at or before this place are outside the section.
    pub(super) before: i64,
}

/// Returns the number of events that the client wants.
pub(super) fn limit(scope: &SyncScope<'_>) -> usize {
    let wanted = scope.query.filter.room.timeline.limit.map_or(LIMIT_DEFAULT, u64::from);
    usize::try_from(wanted).unwrap_or(usize::MAX).min(limits::PAGE_EVENTS_MAX)
}

/// Returns the newest events after `after`, up to the filter's limit.
pub(super) fn newest(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    viewer: &mut Viewer<'_>,
    after: Option<Position>,
    upto: i64,
) -> Result<TimelinePiece> {
    let filter = &scope.query.filter.room.timeline;
    let limit = limit(scope);
    let choice = EventChoice::from(filter);
    let after = after.map_or(i64::MIN, Position::as_i64);
    // Stop at a gap: events below it do not directly precede those above it. The client can page backwards through
    // it.
    let gap = gaps::between(tx, viewer.room(), (after, upto))?;
    let after = gap.as_ref().map_or(after, |gap| gap.next.max(after));
    let mut piece = TimelinePiece { events: Vec::new(), limited: false, before: upto };
    let mut passed_over = 0;
    'pages: loop {
        // Read one more than wanted, to learn whether there is more. After many skipped events, read larger steps.
        let want = (limit + 1 - piece.events.len()).max(passed_over.min(TIMELINE_STEP_EVENTS_MAX));
        let page = page(scope, tx, viewer, (after, piece.before), want)?;
        let is_last = page.len() < want;
        for event in page {
            let Some(ord) = event.ord else { continue };
            if !(choice.is_open() || choice.wants(&event.pdu)) || !viewer.may_see(tx, &event)? {
                passed_over += 1;
                piece.before = ord - 1;
            } else if piece.events.len() < limit {
                piece.before = ord - 1;
                piece.events.push(event);
            } else {
                piece.limited = true;
                break 'pages;
            }
        }
        if is_last {
            piece.limited |= gap.is_some();
            break;
        }
        if passed_over > TIMELINE_PASSED_OVER_MAX {
            piece.limited = true;
            break;
        }
    }
    piece.events.reverse();
    Ok(piece)
}

fn page(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    viewer: &Viewer<'_>,
    range: (i64, i64),
    want: usize,
) -> Result<Vec<Arc<Event>>> {
    let mut page = Vec::with_capacity(want.min(64));
    events::timeline(tx, viewer.room(), range, Direction::Backward, want, &mut |row| {
        page.push(scope.sync.core.events.keep_stored(&row)?);
        Ok(true)
    })?;
    Ok(page)
}
