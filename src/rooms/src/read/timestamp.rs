//! `GET /rooms/{roomId}/timestamp_to_event`: the event nearest to a point in time.
//!
//! Timelines are in the order of arrival, which is nearly the order of time. So a binary search finds the
//! neighbourhood without an index over times, and the nearest event is chosen among the events there. Events whose
//! timestamp differs much from their neighbours', as bridges may send them, are found only with their neighbours.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::events;
use hearth_store::tables::history_gaps::Gap;
use ruma::api::Direction;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, RoomId};

use super::access::Access;
use super::visibility::Viewer;
use super::walk::{WalkQuery, walk};
use crate::RoomCore;
use crate::load::Event;
use crate::{LocalRooms, gaps};

/// Events on each side of the point that are compared.
pub const NEIGHBOURS: usize = 32;

/// The nearest known event to a point in time.
#[derive(Debug)]
pub struct NearestEvent {
    /// The event and its timestamp; none when there is no event here that the reader may see.
    pub found: Option<(OwnedEventId, MilliSecondsSinceUnixEpoch)>,
    /// The gap that may contain a nearer event.
    pub gap: Option<Gap>,
}

impl NearestEvent {
    /// Returns the event. `M_NOT_FOUND` when there is none.
    pub fn found(self) -> Result<(OwnedEventId, MilliSecondsSinceUnixEpoch)> {
        self.found.ok_or_else(|| Error::not_found("There is no event on that side of that point in time."))
    }
}

impl LocalRooms {
    /// Returns the first event at or after a point in time, or the last one at or before it.
    #[boxed]
    pub async fn event_at(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        at: MilliSecondsSinceUnixEpoch,
        direction: Direction,
    ) -> Result<NearestEvent> {
        let look = move |tx: &mut dyn Tx, _: &RoomId, mut access: Access<'_>| {
            let newest = access.newest(tx)?;
            let found = nearest(&mut access.viewer, tx, at.get().into(), direction, newest)?;
            let gap = nearer(tx, &access.viewer, found.as_deref(), direction)?;
            let found = found.map(|event| {
                let at = ruma::UInt::new_saturating(event.pdu.origin_server_ts);
                (event.pdu.event_id.clone(), MilliSecondsSinceUnixEpoch(at))
            });
            Ok(NearestEvent { found, gap })
        };
        self.reading("rooms_event_at", who, room_id, look).await
    }
}

/// Returns the gap next to an event from which a nearer event may come. When all events here are later than the point
/// in time, that is the lowest gap; when all are earlier, there is none.
fn nearer(tx: &mut dyn Tx, viewer: &Viewer<'_>, found: Option<&Event>, direction: Direction) -> Result<Option<Gap>> {
    let room = viewer.room();
    let Some(ord) = found.and_then(|event| event.ord) else {
        return match direction {
            Direction::Forward => Ok(None),
            Direction::Backward => gaps::above(tx, room, i64::MIN),
        };
    };
    match direction {
        Direction::Forward => {
            let Some(gap) = gaps::between(tx, room, (i64::MIN, ord - 1))? else { return Ok(None) };
            let parted = events::newest_ord(tx, room, ord - 1)?.is_some_and(|below| below > gap.next);
            Ok(Some(gap).filter(|_| !parted))
        }
        Direction::Backward => {
            let Some(gap) = gaps::above(tx, room, ord)? else { return Ok(None) };
            let parted = events::newest_ord(tx, room, gap.floor)?.is_some_and(|above| above > ord);
            Ok(Some(gap).filter(|_| !parted))
        }
    }
}

fn nearest(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    at_ms: u64,
    direction: Direction,
    newest: i64,
) -> Result<Option<Arc<Event>>> {
    let cut = halve(viewer.core(), tx, viewer.room(), at_ms, newest)?;
    let before = WalkQuery { after: i64::MIN, upto: cut, direction: events::Direction::Backward, limit: NEIGHBOURS };
    let after = WalkQuery { after: cut, upto: newest, direction: events::Direction::Forward, limit: NEIGHBOURS };
    let mut around = walk(viewer, tx, before, None)?.events;
    around.append(&mut walk(viewer, tx, after, None)?.events);
    let key = |event: &Arc<Event>| (event.pdu.origin_server_ts, event.ord);
    let around = around.into_iter();
    Ok(match direction {
        Direction::Forward => around.filter(|event| event.pdu.origin_server_ts >= at_ms).min_by_key(key),
        Direction::Backward => around.filter(|event| event.pdu.origin_server_ts <= at_ms).max_by_key(key),
    })
}

/// Returns the cut before which all events are older than a point in time, as far as the timeline is in order of
/// time.
pub fn halve(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, at_ms: u64, newest: i64) -> Result<i64> {
    let Some(first) = next_after(core, tx, room, i64::MIN, newest)? else { return Ok(newest) };
    let Some(mut high) = events::newest_ord(tx, room, newest)? else { return Ok(newest) };
    let mut low = first.ord.map_or(i64::MIN, |ord| ord - 1);
    while low < high {
        let middle = low + (high - low) / 2;
        match next_after(core, tx, room, middle, newest)? {
            Some(event) if event.pdu.origin_server_ts < at_ms => low = event.ord.unwrap_or(middle + 1),
            _ => high = middle,
        }
    }
    Ok(low)
}

fn next_after(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, cut: i64, newest: i64) -> Result<Option<Arc<Event>>> {
    let mut found = None;
    events::timeline(tx, room, (cut, newest), events::Direction::Forward, 1, &mut |stored| {
        found = Some(core.events.keep_stored(&stored)?);
        Ok(false)
    })?;
    Ok(found)
}
