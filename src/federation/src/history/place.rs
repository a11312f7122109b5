//! Places a planned batch of history in the timeline, and moves the gap.

use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::{find, gaps};
use hearth_store::ids::{RoomSn, SnapshotSn};
use hearth_store::tables::awaited_events;
use hearth_store::tables::history_gaps::{self, Gap};
use hearth_store::tables::rooms::Room;
use hearth_store::{Lane, WriteTx};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{EventId, OwnedEventId};

use super::Target;
use super::plan::{HistoryPlan, Planned, SnapshotBase};
use crate::Federation;
use crate::pdu::{self, BackfilledEvent, IncomingPdu};

/// Distance of a single event below the known history, in places; leaves room for the events on both sides.
const FAR_DOWN: i64 = 1 << 30;
/// A gap with fewer places is not split.
const PARTED_PLACES_MIN: i64 = 1 << 10;

impl Federation {
    /// Places a batch directly below the known history above a gap. Returns whether any event was placed.
    pub(super) async fn place_history(&self, target: &Target, floor: i64, plan: HistoryPlan) -> Result<bool> {
        let (core, room_id) = (self.core.clone(), target.place.room_id.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let room = find::resolve(tx.tx(), &room_id)?;
            let Some(gap) = history_gaps::get(tx.tx(), room.sn, floor)? else { return Ok(true) };
            let mut gap_left = gap.clone();
            let ids = following(&gap, &plan);
            gap_left.next = put(&core, tx, &room, plan.planned, (gap.floor, gap.next))?;
            gap_left.missing = missing(&core, tx, &room, ids)?;
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
            let is_full = history_gaps::count(tx.tx(), room.sn)? >= hearth_base::limits::HISTORY_GAPS_PER_ROOM_MAX;
            let Some(middle) = middle(&gap).filter(|_| !is_full) else { return Ok(false) };
            let below = plan.planned.iter().flat_map(|planned| planned.event.pdu.prev_events.clone()).collect();
            put(&core, tx, &room, plan.planned, (gap.floor, middle))?;
            let (below, above) = (missing(&core, tx, &room, below)?, missing(&core, tx, &room, ids(&gap))?);
            settle(tx, room.sn, Gap { next: middle - 1, missing: below, ..gap.clone() })?;
            settle(tx, room.sn, Gap { floor: middle, missing: above, ..gap })?;
            Ok(true)
        };
        self.core.store.write_in(Lane::Federation, "history_place", write).await
    }
}

/// The place of a single event inside a gap.
fn middle(gap: &Gap) -> Option<i64> {
    if gap.floor == i64::MIN {
        return gap.next.checked_sub(FAR_DOWN);
    }
    (gap.next - gap.floor > PARTED_PLACES_MIN).then(|| gap.floor + (gap.next - gap.floor) / 2)
}

/// The missing prev events of what will be the lowest known event above a gap.
fn following(gap: &Gap, plan: &HistoryPlan) -> BTreeSet<OwnedEventId> {
    let before = plan.planned.iter().flat_map(|planned| planned.event.pdu.prev_events.iter().cloned());
    ids(gap).into_iter().chain(before).collect()
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
    for (Planned { event, rejected, .. }, snapshot) in planned.into_iter().zip(snapshots).rev() {
        if ord <= floor {
            break;
        }
        let mut pdu = event.pdu.clone();
        pdu.rejected = rejected;
        // The event is stored as an outlier; only its status changes.
        let candidate = IncomingPdu { pdu, json: Vec::new(), object: CanonicalJsonObject::new() };
        past.push(BackfilledEvent { candidate, snapshot, ord });
        ord -= i64::from(!rejected);
    }
    past.reverse();
    pdu::backfilled(core, tx, room, past)?;
    Ok(ord)
}

/// The events without a place here; inserts those as expected.
fn missing(core: &RoomCore, tx: &mut WriteTx<'_>, room: &Room, ids: BTreeSet<OwnedEventId>) -> Result<Vec<String>> {
    let mut missing = Vec::new();
    for id in ids {
        if core.events.find(tx.tx(), &id)?.is_none_or(|event| event.is_outlier()) {
            awaited_events::insert(tx.tx(), room.sn, id.as_str())?;
            missing.push(id);
        }
    }
    Ok(gaps::storable(missing.iter().map(|id| &**id)).collect())
}

/// Stores the rest of a gap; deletes it when nothing is missing or no place is left.
fn settle(tx: &mut WriteTx<'_>, room: RoomSn, gap: Gap) -> Result<()> {
    if gap.missing.is_empty() || gap.next <= gap.floor {
        return history_gaps::delete(tx.tx(), room, gap.floor);
    }
    history_gaps::set(tx.tx(), room, &Gap { tries: 0, retry_ms: 0, refused: false, ..gap })
}
