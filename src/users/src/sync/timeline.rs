//! The newest events of a room that a reader may see and that the filter allows.

use std::cell::Cell;
use std::sync::Arc;

use hearth_base::limits::users::{TIMELINE_PASSED_OVER_MAX, TIMELINE_STEP_EVENTS_MAX};
use hearth_base::{Position, Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::gaps;
use hearth_rooms::load::Event;
use hearth_rooms::read::ByteBudget;
use hearth_rooms::read::choice::EventChoice;
use hearth_rooms::read::present::{self, EventFormat};
use hearth_rooms::read::visibility::Viewer;
use hearth_store::engine::Tx;
use hearth_store::tables::events::{self, Direction};
use ruma::events::AnySyncTimelineEvent;
use ruma::serde::Raw;

use super::read::SyncScope;

/// Timeline events per room when the filter sets no limit.
const LIMIT_DEFAULT: u64 = 10;

/// A section of a timeline.
#[derive(Debug)]
pub(super) struct TimelinePiece {
    /// Events, oldest first.
    pub(super) events: Vec<Arc<Event>>,
    /// The same events, serialised.
    pub(super) shown: Vec<Raw<AnySyncTimelineEvent>>,
    /// Whether there are more events between the client's position and this section.
    pub(super) limited: bool,
    /// All events at or before this place are outside the section.
    pub(super) before: i64,
}

/// The bytes that the timelines of one answer may still take, shared by its rooms.
///
/// Each room may take an equal part of what is left, so that what the first ones do not need is for the others, and busy
/// rooms do not empty the timelines of quiet ones. As long as anything is left, a room gets at least its newest event.
#[derive(Debug)]
pub(super) struct TimelineBytes {
    left: Cell<usize>,
    rooms: Cell<usize>,
}

impl TimelineBytes {
    pub(super) fn new() -> Self {
        Self { left: Cell::new(limits::SYNC_TIMELINES_BYTES_MAX), rooms: Cell::new(1) }
    }

    /// Sets how many rooms still share the rest, including the next one.
    pub(super) fn share_by(&self, rooms: usize) {
        self.rooms.set(rooms.max(1));
    }

    fn part(&self) -> ByteBudget {
        match self.left.get() {
            0 => ByteBudget::within(0),
            left => ByteBudget::at_least_one((left / self.rooms.get()).min(limits::PAGE_BYTES_MAX)),
        }
    }

    fn spend(&self, bytes: usize) {
        self.left.set(self.left.get().saturating_sub(bytes));
    }
}

/// How to read a timeline.
pub(super) struct TimelineQuery<'a> {
    pub(super) core: &'a RoomCore,
    /// The events to include.
    pub(super) choice: EventChoice<'a>,
    /// The number of events to include.
    pub(super) limit: usize,
    pub(super) format: EventFormat<'static>,
    /// The bytes that this timeline shares with others.
    pub(super) bytes: &'a TimelineBytes,
}

impl<'a> TimelineQuery<'a> {
    fn of(scope: &'a SyncScope<'_>) -> Self {
        Self {
            core: &scope.sync.core,
            choice: EventChoice::from(&scope.query.filter.room.timeline),
            limit: limit(scope),
            format: EventFormat { federation: scope.wants_federation_format(), ..EventFormat::timeline(None) },
            bytes: &scope.timeline_bytes,
        }
    }
}

/// Returns the number of events that the client wants.
pub(super) fn limit(scope: &SyncScope<'_>) -> usize {
    let wanted = scope.query.filter.room.timeline.limit.map_or(LIMIT_DEFAULT, u64::from);
    usize::try_from(wanted).unwrap_or(usize::MAX).min(limits::PAGE_EVENTS_MAX)
}

/// Returns the newest events after `after`, up to the filter's limit, and as many as fit into the room's part of the answer.
pub(super) fn newest(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    viewer: &mut Viewer<'_>,
    after: Option<Position>,
    upto: i64,
) -> Result<TimelinePiece> {
    read(&TimelineQuery::of(scope), tx, viewer, after, upto)
}

/// As [`newest`], for any query.
pub(super) fn read(
    query: &TimelineQuery<'_>,
    tx: &mut dyn Tx,
    viewer: &mut Viewer<'_>,
    after: Option<Position>,
    upto: i64,
) -> Result<TimelinePiece> {
    let (limit, choice) = (query.limit, query.choice);
    let after = after.map_or(i64::MIN, Position::as_i64);
    // Stop at a gap: events below it do not directly precede those above it. The client can page backwards through
    // it.
    let gap = gaps::between(tx, viewer.room(), (after, upto))?;
    let after = gap.as_ref().map_or(after, |gap| gap.next.max(after));
    let mut piece = TimelinePiece { events: Vec::new(), shown: Vec::new(), limited: false, before: upto };
    let (mut passed_over, mut budget) = (0, query.bytes.part());
    'pages: loop {
        // Read one more than wanted, to learn whether there is more. After many skipped events, read larger steps.
        let want = (limit + 1 - piece.events.len()).max(passed_over.min(TIMELINE_STEP_EVENTS_MAX));
        let (page, is_last) = page(query, tx, viewer, (after, piece.before), want)?;
        for event in page {
            let Some(ord) = event.ord else { continue };
            if !(choice.is_open() || choice.wants(&event.pdu)) || !viewer.may_see(tx, &event)? {
                passed_over += 1;
                piece.before = ord - 1;
            } else if piece.events.len() < limit && budget.take(event.bytes()) {
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
    show(query, tx, viewer, &mut piece)?;
    Ok(piece)
}

/// Serialises a section that is still newest first, leaves out the oldest events that do not fit, and turns it round.
fn show(query: &TimelineQuery<'_>, tx: &mut dyn Tx, viewer: &mut Viewer<'_>, piece: &mut TimelinePiece) -> Result<()> {
    let mut budget = query.bytes.part();
    piece.shown = present::fitting(viewer, tx, &query.format, &piece.events, &mut budget)?;
    if let Some(ord) = piece.events.get(piece.shown.len()).and_then(|left_out| left_out.ord) {
        piece.before = ord;
        piece.limited = true;
        piece.events.truncate(piece.shown.len());
    }
    query.bytes.spend(piece.shown.iter().map(|event| event.json().get().len()).sum());
    piece.events.reverse();
    piece.shown.reverse();
    Ok(())
}

/// The section with one event only, which is in no timeline.
pub(super) fn single(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    viewer: &mut Viewer<'_>,
    event: &Arc<Event>,
    before: i64,
) -> Result<TimelinePiece> {
    read_single(&TimelineQuery::of(scope), tx, viewer, event, before)
}

/// As [`single`], for any query.
pub(super) fn read_single(
    query: &TimelineQuery<'_>,
    tx: &mut dyn Tx,
    viewer: &mut Viewer<'_>,
    event: &Arc<Event>,
    before: i64,
) -> Result<TimelinePiece> {
    let events = if query.limit == 0 { Vec::new() } else { vec![event.clone()] };
    let shown = present::events(viewer, tx, &query.format, &events)?;
    Ok(TimelinePiece { events, shown, limited: false, before })
}

/// Reads up to `want` events, fewer if they are large. Also returns whether the range ends with them.
fn page(
    query: &TimelineQuery<'_>,
    tx: &mut dyn Tx,
    viewer: &Viewer<'_>,
    range: (i64, i64),
    want: usize,
) -> Result<(Vec<Arc<Event>>, bool)> {
    let (mut page, mut bytes) = (Vec::with_capacity(want.min(64)), 0);
    events::timeline(tx, viewer.room(), range, Direction::Backward, want, &mut |row| {
        let event = query.core.events.keep_stored(&row)?;
        bytes += event.bytes();
        page.push(event);
        Ok(bytes < limits::PAGE_BYTES_MAX)
    })?;
    let is_last = page.len() < want && bytes < limits::PAGE_BYTES_MAX;
    Ok((page, is_last))
}
