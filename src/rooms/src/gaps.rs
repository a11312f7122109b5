//! Gaps in timelines: history that other servers have and this one does not (yet).
//!
//! A gap owns the places between the known events below it and the known events above it. There are two kinds: the
//! one at the [`bottom`], below everything, which owns all negative places; and those in the [`middle`], for which
//! positions are skipped when the gap opens. Readers stop at a gap ([`between`]), because the events on its two sides
//! are not neighbours. `federation/history` backfills gaps from above.

use std::collections::BTreeSet;

use hearth_base::{Millis, Result, limits};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::events;
use hearth_store::tables::history_gaps::{self, Gap};
use ruma::{EventId, OwnedEventId};

/// Places reserved for a gap in the middle of a timeline: more events than any client pages through.
const MIDDLE_PLACES: u64 = 1 << 20;

/// Opens the gap below all known events of a room. `missing` are the unknown prev events of the first event here.
/// Does nothing when none is missing, as before a create event, or when the room already has this gap.
pub fn bottom<'a>(
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    missing: impl IntoIterator<Item = &'a OwnedEventId>,
) -> Result<()> {
    if history_gaps::get(tx.tx(), room, i64::MIN)?.is_some() {
        return Ok(());
    }
    let lowest = events::oldest_ord(tx.tx(), room)?.unwrap_or(0).min(0);
    open(tx, room, i64::MIN, lowest - 1, missing)
}

/// Opens a gap above all known events of a room and below the next appended event. Call this before the append, in
/// the same transaction, because it skips positions. `missing` are the unknown prev events of the appended event.
pub fn middle<'a>(
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    missing: impl IntoIterator<Item = &'a OwnedEventId>,
) -> Result<()> {
    merge_down_to(tx, room, limits::HISTORY_GAPS_PER_ROOM_MAX - 1)?;
    // Skipped positions belong to no event, so backfilled events can take them as places.
    let floor = tx.skip(MIDDLE_PLACES).as_i64();
    open(tx, room, floor, floor.saturating_add_unsigned(MIDDLE_PLACES), missing)
}

/// Merges neighbouring gaps of a room until it has at most `most`. The lower one gets what the upper one leads to, so all
/// of it can still be reached by going back; it then appears below the events between the two.
///
/// The oldest neighbours go first: least of all does anyone look for the borders of their history. The gap at the
/// bottom is the last choice, because its events would appear before the first join.
pub fn merge_down_to(tx: &mut WriteTx<'_>, room: RoomSn, most: usize) -> Result<()> {
    let mut gaps = history_gaps::of_room(tx.tx(), room)?;
    while gaps.len() > most.max(1) {
        let first = usize::from(gaps[0].floor == i64::MIN && gaps.len() > 2);
        let size = |at: &usize| together(&gaps[*at], &gaps[*at + 1]).len();
        let fits = (first..gaps.len() - 1).find(|at| size(at) <= limits::HISTORY_MISSING_MAX);
        let Some(at) = fits.or_else(|| (first..gaps.len() - 1).min_by_key(size)) else { break };
        let upper = gaps.remove(at + 1);
        history_gaps::delete(tx.tx(), room, upper.floor)?;
        gaps[at] = join(room, &gaps[at], &upper);
        history_gaps::set(tx.tx(), room, &gaps[at])?;
    }
    Ok(())
}

/// Deletes a gap without free places. What it still leads to is reached through the gap below it.
pub fn give_down(tx: &mut WriteTx<'_>, room: RoomSn, gap: &Gap) -> Result<()> {
    history_gaps::delete(tx.tx(), room, gap.floor)?;
    let below = history_gaps::of_room(tx.tx(), room)?.into_iter().rfind(|other| other.floor < gap.floor);
    match below {
        Some(below) => history_gaps::set(tx.tx(), room, &join(room, &below, gap)),
        None => {
            tracing::info!(
                room.sn = room.0,
                "A gap in a room's history has no places left; the rest of it is not shown."
            );
            Ok(())
        }
    }
}

/// A gap with what another one leads to as well, to be asked about at once.
fn join(room: RoomSn, lower: &Gap, upper: &Gap) -> Gap {
    let mut missing = together(lower, upper);
    if missing.len() > limits::HISTORY_MISSING_MAX {
        let lost = missing.len() - limits::HISTORY_MISSING_MAX;
        tracing::info!(room.sn = room.0, lost, "A room has more missing events than are remembered.");
        missing.truncate(limits::HISTORY_MISSING_MAX);
    }
    Gap { floor: lower.floor, next: lower.next, missing, tries: 0, retry_ms: 0, refused: false }
}

fn together(lower: &Gap, upper: &Gap) -> Vec<String> {
    let all: BTreeSet<&String> = lower.missing.iter().chain(&upper.missing).collect();
    all.into_iter().cloned().collect()
}

fn open<'a>(
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    floor: i64,
    next: i64,
    missing: impl IntoIterator<Item = &'a OwnedEventId>,
) -> Result<()> {
    let missing: Vec<String> = storable(missing.into_iter().map(|id| &**id)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    history_gaps::set(tx.tx(), room, &Gap { floor, next, missing, tries: 0, retry_ms: 0, refused: false })
}

/// Filters event ids that can be stored in a space-separated list; other ids name no event that could ever be
/// fetched.
pub fn storable<'a>(ids: impl Iterator<Item = &'a EventId>) -> impl Iterator<Item = String> {
    let good = |id: &&EventId| id.as_str().bytes().all(|byte| byte.is_ascii_graphic());
    ids.filter(good).take(limits::HISTORY_MISSING_MAX).map(|id| id.as_str().to_owned())
}

/// Returns whether the room's gaps already lead to all of `missing`.
pub fn has(tx: &mut dyn Tx, room: RoomSn, missing: &[OwnedEventId]) -> Result<bool> {
    let gaps = history_gaps::of_room(tx, room)?;
    Ok(storable(missing.iter().map(|id| &**id)).all(|id| gaps.iter().any(|gap| gap.missing.contains(&id))))
}

/// Forgets that other servers returned nothing for a room's gaps: they may give this server the history now.
pub fn forget_refusals(tx: &mut WriteTx<'_>, room: RoomSn) -> Result<()> {
    for gap in history_gaps::of_room(tx.tx(), room)?.into_iter().filter(|gap| gap.refused) {
        history_gaps::set(tx.tx(), room, &Gap { tries: 0, retry_ms: 0, refused: false, ..gap })?;
    }
    Ok(())
}

/// Returns the highest gap between the places `upto` and `after`, for a reader who goes backwards.
pub fn between(tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64)) -> Result<Option<Gap>> {
    history_gaps::highest(tx, room, (after, upto))
}

/// The highest gap between two places that other servers may be asked about now.
pub fn due_between(tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64), now_ms: Millis) -> Result<Option<Gap>> {
    let mut gaps = history_gaps::of_room(tx, room)?.into_iter().rev();
    Ok(gaps.find(|gap| gap.floor < upto && gap.next > after && is_due(gap, now_ms)))
}

/// Returns where to go on after reading backwards from the place `upto` to the place `after`: other servers may have
/// more below the lowest event, although they returned nothing last time. None when there is nothing to expect.
pub fn open_end(tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64)) -> Result<Option<i64>> {
    let Some(lowest) = history_gaps::of_room(tx, room)?.into_iter().find(|gap| gap.next > after) else {
        return Ok(None);
    };
    let anything_below = events::newest_ord(tx, room, lowest.floor)?.is_some_and(|ord| ord > after);
    let is_open = lowest.floor < upto && !lowest.refused && !anything_below;
    Ok(is_open.then(|| lowest.next.min(upto)))
}

/// Returns the first gap above a place: events above the gap do not directly follow the event at that place.
pub fn above(tx: &mut dyn Tx, room: RoomSn, place: i64) -> Result<Option<Gap>> {
    Ok(history_gaps::of_room(tx, room)?.into_iter().find(|gap| gap.floor >= place))
}

/// Returns whether to ask other servers about a gap now.
#[must_use]
pub fn is_due(gap: &Gap, now_ms: Millis) -> bool {
    gap.retry_ms <= now_ms
}
