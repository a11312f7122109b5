//! Places a planned batch of history in the timeline, and moves the gap.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::limits::federation::HISTORY_DEPTHS_MAX;
use hearth_base::{Error, Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::{find, gaps};
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, SnapshotSn};
use hearth_store::tables::history_gaps::{self, Gap};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{awaited_events, events};
use hearth_store::{Lane, WriteTx};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{EventId, OwnedEventId};

use super::plan::{HistoryPlan, Planned, SnapshotBase};
use super::{Target, fill};
use crate::Federation;
use crate::pdu::{self, BackfilledEvent, IncomingPdu};

/// Places in the bottom gap for each level of depth between a single event and the known history above it.
const PLACES_PER_DEPTH: i64 = 1 << 10;
/// Places that a split leaves on either side of the event, if there are so many.
const SIDE_PLACES_MIN: i64 = 16;

impl Federation {
    /// Places a batch directly below the known history above a gap. Returns whether any event was placed.
    pub(super) async fn place_history(&self, target: &Target, floor: i64, plan: HistoryPlan) -> Result<bool> {
        let (core, room_id) = (self.core.clone(), target.place.room_id.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let room = find::resolve(tx.tx(), &room_id)?;
            let Some(gap) = history_gaps::get(tx.tx(), room.sn, floor)? else { return Ok(true) };
            let mut gap_left = gap.clone();
            let below = before(&plan);
            gap_left.next = put(&core, tx, &room, plan.planned, (gap.floor, gap.next))?;
            expect(&core, tx, &room, &below)?;
            gap_left.missing = missing(&core, tx, ids(&gap).into_iter().chain(below).collect())?;
            let is_progress = gap_left.next != gap.next || gap_left.missing != gap.missing;
            if is_progress {
                settle(tx, room.sn, gap_left)?;
            }
            Ok(is_progress)
        };
        self.core.store.write_in(Lane::Federation, "history_place", write).await
    }

    /// Places a single event inside a gap, which splits it. Returns whether there was room.
    pub(super) async fn place_apart(&self, target: &Target, floor: i64, plan: HistoryPlan) -> Result<bool> {
        let (core, room_id) = (self.core.clone(), target.place.room_id.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let room = find::resolve(tx.tx(), &room_id)?;
            let Some(gap) = history_gaps::get(tx.tx(), room.sn, floor)? else { return Ok(false) };
            let Some(depth) = plan.planned.last().map(|planned| planned.event.pdu.depth) else { return Ok(false) };
            let depths = depths_around(&core, tx.tx(), room.sn, &gap)?;
            let Some(middle) = between(&gap, depth, depths) else { return Ok(false) };
            let below = before(&plan);
            put(&core, tx, &room, plan.planned, (gap.floor, middle))?;
            expect(&core, tx, &room, &below)?;
            let (below, above) = (missing(&core, tx, below)?, missing(&core, tx, ids(&gap))?);
            settle(tx, room.sn, Gap { next: middle - 1, missing: below, ..gap.clone() })?;
            settle(tx, room.sn, Gap { floor: middle, missing: above, ..gap })?;
            gaps::merge_down_to(tx, room.sn, limits::HISTORY_GAPS_PER_ROOM_MAX)?;
            Ok(true)
        };
        self.core.store.write_in(Lane::Federation, "history_place", write).await
    }
}

/// The depths of the known events directly below a gap and above it.
fn depths_around(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, gap: &Gap) -> Result<(i64, i64)> {
    let below = match events::newest_ord(tx, room, gap.floor)? {
        Some(ord) => fill::first_above(tx, room, ord - 1)?,
        None => None,
    };
    let below = below.map_or(Ok(0), |sn| Ok::<_, Error>(core.events.get(tx, sn)?.pdu.depth))?;
    let above = fill::first_above(tx, room, gap.next)?;
    let above = above.map_or(Ok(i64::MAX), |sn| Ok::<_, Error>(core.events.get(tx, sn)?.pdu.depth))?;
    Ok((below, above))
}

/// The place of a single event of some depth inside a gap; none when it has too few places.
///
/// The share of the places below the event is that of the depths, so about as many events as belong on either side find
/// a place there, however often single events split a gap. Halving it each time would use up a million places with
/// twenty events.
fn between(gap: &Gap, depth: i64, (below, above): (i64, i64)) -> Option<i64> {
    if gap.floor == i64::MIN {
        let levels = above.saturating_sub(depth).clamp(1, HISTORY_DEPTHS_MAX);
        return gap.next.checked_sub(levels * PLACES_PER_DEPTH);
    }
    let places = gap.next - gap.floor;
    if places < 3 {
        return None;
    }
    let levels = above.saturating_sub(below).max(1);
    let from_below = depth.saturating_sub(below).clamp(0, levels);
    let share = i128::from(places) * i128::from(from_below) / i128::from(levels);
    let least = SIDE_PLACES_MIN.min((places - 1) / 2);
    Some(gap.floor + i64::try_from(share).unwrap_or(0).clamp(least, places - least))
}

/// The prev events of a batch.
fn before(plan: &HistoryPlan) -> BTreeSet<OwnedEventId> {
    plan.planned.iter().flat_map(|planned| planned.event.pdu.prev_events.iter().cloned()).collect()
}

fn ids(gap: &Gap) -> BTreeSet<OwnedEventId> {
    gap.missing.iter().filter_map(|id| EventId::parse(id.as_str()).ok()).collect()
}

/// Places a batch from `next` downwards, as far as there are places above `floor`; returns the next free place.
fn put(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    planned: Vec<Planned>,
    (floor, next): (i64, i64),
) -> Result<i64> {
    let mut snapshots: Vec<Option<SnapshotSn>> = Vec::with_capacity(planned.len());
    for Planned { base, changes, .. } in &planned {
        let base = match base {
            SnapshotBase::Nothing => None,
            SnapshotBase::Stored(snapshot) => Some(*snapshot),
            SnapshotBase::Before(at) => snapshots.get(*at).copied().flatten(),
        };
        snapshots.push(match (base, changes.is_empty()) {
            (base, true) => base,
            (base, false) => Some(hearth_rooms::state::snapshot::store(tx, base, changes.clone())?),
        });
    }
    let (mut past, mut ord) = (Vec::with_capacity(planned.len()), next);
    for (Planned { event, rejected, is_unsure, .. }, snapshot) in planned.into_iter().zip(snapshots).rev() {
        if ord <= floor {
            break;
        }
        let mut pdu = event.pdu.clone();
        pdu.rejected = rejected;
        // The event is stored as an outlier; only its status changes.
        let candidate = IncomingPdu { pdu, json: Vec::new(), object: CanonicalJsonObject::new() };
        past.push(BackfilledEvent { candidate, snapshot, ord, is_unsure });
        ord -= i64::from(!rejected);
    }
    past.reverse();
    pdu::backfilled(core, tx, room, past)?;
    Ok(ord)
}

/// Records that placed events follow the events of `before` without a place here. Only theirs: what a gap leads to may
/// be followed by a soft-failed event alone. Then it is a forward extremity when it comes in, as on other servers.
fn expect(core: &RoomCore, tx: &mut WriteTx<'_>, room: &Room, before: &BTreeSet<OwnedEventId>) -> Result<()> {
    for id in before {
        if is_missing(core, tx.tx(), id)? {
            awaited_events::insert(tx.tx(), room.sn, id.as_str())?;
        }
    }
    Ok(())
}

fn is_missing(core: &RoomCore, tx: &mut dyn Tx, id: &EventId) -> Result<bool> {
    Ok(core.events.find(tx, id)?.is_none_or(|event| event.is_outlier()))
}

/// The events without a place here, as a gap stores them.
fn missing(core: &RoomCore, tx: &mut WriteTx<'_>, ids: BTreeSet<OwnedEventId>) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for id in ids {
        if is_missing(core, tx.tx(), &id)? {
            missing.push(id);
        }
    }
    Ok(gaps::storable(missing.iter().map(|id| &**id)).collect())
}

/// Stores the rest of a gap; deletes it when nothing is missing, and gives the rest to the gap below when no place is
/// left.
fn settle(tx: &mut WriteTx<'_>, room: RoomSn, gap: Gap) -> Result<()> {
    if gap.missing.is_empty() {
        return history_gaps::delete(tx.tx(), room, gap.floor);
    }
    if gap.next <= gap.floor {
        return gaps::give_down(tx, room, &gap);
    }
    history_gaps::set(tx.tx(), room, &Gap { tries: 0, retry_ms: 0, refused: false, ..gap })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gap(floor: i64, next: i64) -> Gap {
        Gap { floor, next, missing: vec!["$a".to_owned()], tries: 0, retry_ms: 0, refused: false }
    }

    #[test]
    fn single_events_leave_places_for_those_around_them() {
        let (mut gap, mut above) = (gap(1_000, 1_000 + (1 << 20)), 5_001);
        // From above, one event in ten: below each of them as many places as depths are left at least.
        for depth in (1..=5_000).rev().step_by(10) {
            let place = between(&gap, depth, (0, above)).expect("a place");
            assert!(gap.next - place >= above - depth - 1, "above {depth}");
            assert!(place - gap.floor >= depth, "below {depth}");
            (gap.next, above) = (place - 1, depth);
        }
    }

    #[test]
    fn any_depth_finds_a_place_inside() {
        for depth in [i64::MIN, -1, 0, 7, i64::MAX] {
            for places in [3, 4, 40] {
                let place = between(&gap(10, 10 + places), depth, (3, 9)).expect("a place");
                assert!(place > 10 && place < 10 + places, "{depth} in {places}: {place}");
            }
            assert!(between(&gap(i64::MIN, -5), depth, (0, 9)).is_some_and(|place| place < -5));
        }
        assert_eq!(between(&gap(10, 12), 5, (3, 9)), None);
    }
}
