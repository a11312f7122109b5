//! Gaps in timelines: history that other servers have and this one does not (yet).
//!
//! A gap owns the places between what is known below it and what is known above it. There are two kinds: the one at the
//! [`bottom`], below everything, with all negative numbers as its places; and those in the [`middle`], for which positions are
//! passed over when the gap opens. Readers stop at a gap ([`between`]) rather than show as neighbours what is not;
//! `federation/history` asks other servers and fills gaps from above.

use hearth_base::{Millis, Result, limits};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::events;
use hearth_store::tables::history_gaps::{self, Gap};
use ruma::{EventId, OwnedEventId};

/// Places that a gap in the middle of a timeline gets: more events than anybody pages through.
const MIDDLE_PLACES: u64 = 1 << 20;

/// Opens the gap below everything that is known of a room. `missing` are the events that come right before it: the previous
/// events of the first one here. Opens nothing when none is missing, as before a create event, or when there is such a gap.
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

/// Opens a gap above everything that is known of a room and below what is appended next, in the same transaction: call
/// this first, append then. `missing` are the previous events of what is appended that are not known here.
pub fn middle<'a>(
    tx: &mut WriteTx<'_>,
    room: RoomSn,
    missing: impl IntoIterator<Item = &'a OwnedEventId>,
) -> Result<()> {
    if history_gaps::count(tx.tx(), room)? >= limits::HISTORY_GAPS_PER_ROOM_MAX {
        // A room with so many holes has a server in it that makes them. Its history may look closer together than it is.
        return Ok(());
    }
    let floor = tx.skip(MIDDLE_PLACES).as_i64();
    open(tx, room, floor, floor.saturating_add_unsigned(MIDDLE_PLACES), missing)
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

/// Those of some event ids that can stand in a list parted by spaces; others name no event that could ever be fetched.
pub fn storable<'a>(ids: impl Iterator<Item = &'a EventId>) -> impl Iterator<Item = String> {
    let good = |id: &&EventId| id.as_str().bytes().all(|byte| byte.is_ascii_graphic());
    ids.filter(good).take(limits::HISTORY_MISSING_MAX).map(|id| id.as_str().to_owned())
}

/// Whether all of some missing events are what gaps of the room lead to already.
pub fn has(tx: &mut dyn Tx, room: RoomSn, missing: &[OwnedEventId]) -> Result<bool> {
    let gaps = history_gaps::of_room(tx, room)?;
    Ok(storable(missing.iter().map(|id| &**id)).all(|id| gaps.iter().any(|gap| gap.missing.contains(&id))))
}

/// Forgets that others had nothing for a room's gaps: its history may be open to this server now.
pub fn forget_refusals(tx: &mut WriteTx<'_>, room: RoomSn) -> Result<()> {
    for gap in history_gaps::of_room(tx.tx(), room)?.into_iter().filter(|gap| gap.refused) {
        history_gaps::set(tx.tx(), room, &Gap { tries: 0, retry_ms: 0, refused: false, ..gap })?;
    }
    Ok(())
}

/// The highest gap that a reader meets on the way from the place `upto` down to the place `after`.
pub fn between(tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64)) -> Result<Option<Gap>> {
    history_gaps::highest(tx, room, (after, upto))
}

/// The highest gap between two places about which asking others is worth while now.
pub fn due_between(tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64), now_ms: Millis) -> Result<Option<Gap>> {
    let mut gaps = history_gaps::of_room(tx, room)?.into_iter().rev();
    Ok(gaps.find(|gap| gap.floor < upto && gap.next > after && is_due(gap, now_ms)))
}

/// Where to go on, once everything that is here has been read from the place `upto` down to the place `after`: below the
/// lowest event there may be more, which others could not give us the last time. None when nothing is to be expected.
pub fn open_end(tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64)) -> Result<Option<i64>> {
    let Some(lowest) = history_gaps::of_room(tx, room)?.into_iter().find(|gap| gap.next > after) else {
        return Ok(None);
    };
    let anything_below = events::newest_ord(tx, room, lowest.floor)?.is_some_and(|ord| ord > after);
    let is_open = lowest.floor < upto && !lowest.refused && !anything_below;
    Ok(is_open.then(|| lowest.next.min(upto)))
}

/// The first gap above a place: what lies above it does not follow upon what stands there.
pub fn above(tx: &mut dyn Tx, room: RoomSn, place: i64) -> Result<Option<Gap>> {
    Ok(history_gaps::of_room(tx, room)?.into_iter().find(|gap| gap.floor >= place))
}

/// Whether asking others about a gap is worth while now.
#[must_use]
pub fn is_due(gap: &Gap, now_ms: Millis) -> bool {
    gap.retry_ms <= now_ms
}
