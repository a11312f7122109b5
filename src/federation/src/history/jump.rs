//! Single events that are not stored here: fetched and placed inside the gap that they belong to, so that a client can
//! read them and paginate from there. The gap splits in two.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::history_gaps;
use ruma::api::Direction;
use ruma::api::federation::event::get_event_by_timestamp;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedServerName};

use super::fill::first_above;
use super::{HISTORY_ASK_WAIT, NOWHERE_MS, Target};
use crate::Federation;
use crate::pdu::IncomingPdu;

impl Federation {
    /// Fetches an event and places it. Returns whether it is stored now.
    pub(super) async fn obtain_apart(self: Arc<Self>, room_id: OwnedRoomId, event_id: OwnedEventId) -> Result<bool> {
        let target = self.target(&room_id).await?;
        let now_ms = self.core.now_ms();
        let was_nowhere = self.histories.nowhere.get(&event_id).is_some_and(|until_ms| until_ms > now_ms);
        // A room without gaps misses no event, so no server is asked.
        if was_nowhere || !self.has_gaps(&target).await? {
            return Ok(false);
        }
        for server in &target.servers {
            match self.obtain_apart_from(server, &target, &event_id).await {
                Ok(true) => return Ok(true),
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(event = %event_id, %server, %error, "Failed to fetch an event from a server.")
                }
            }
        }
        self.histories.nowhere.insert(event_id, now_ms.saturating_add(NOWHERE_MS));
        Ok(false)
    }

    /// Asks other servers for the event nearest to a timestamp and fetches it. Returns the event, if it is stored now.
    pub(super) async fn obtain_by_time(
        self: Arc<Self>,
        room_id: OwnedRoomId,
        at: MilliSecondsSinceUnixEpoch,
        direction: Direction,
        than: Option<MilliSecondsSinceUnixEpoch>,
    ) -> Result<Option<OwnedEventId>> {
        let target = self.target(&room_id).await?;
        for server in &target.servers {
            let request = get_event_by_timestamp::v1::Request::new(target.place.room_id.clone(), at, direction);
            let Ok(answer) = self.ask_within(server, request, HISTORY_ASK_WAIT).await else { continue };
            let is_on_that_side = match direction {
                Direction::Forward => answer.origin_server_ts >= at,
                Direction::Backward => answer.origin_server_ts <= at,
            };
            let is_nearer = than.is_none_or(|than| match direction {
                Direction::Forward => answer.origin_server_ts < than,
                Direction::Backward => answer.origin_server_ts > than,
            });
            if is_on_that_side
                && is_nearer
                && self.obtain_apart_from(server, &target, &answer.event_id).await.unwrap_or(false)
            {
                return Ok(Some(answer.event_id));
            }
        }
        Ok(None)
    }

    async fn obtain_apart_from(
        self: &Arc<Self>,
        server: &OwnedServerName,
        target: &Target,
        id: &OwnedEventId,
    ) -> Result<bool> {
        let candidate = self.ask_event(server, target, id).await?;
        // Taken after the request; `gap_around` detects that the event got its place meanwhile.
        let _turn = self.histories.turns.take(target.place.room).await;
        let Some((floor, next)) = self.gap_around(target, &candidate).await? else {
            return self.has_place(id).await;
        };
        let near = self.state_above(target, next).await?;
        let mut plan = self.plan_history(server, target, vec![candidate], near).await?;
        // A rejected event gets no place, so no gap is split for it.
        plan.planned.retain(|planned| !planned.rejected);
        if plan.planned.is_empty() {
            return self.has_place(id).await;
        }
        self.place_apart(target, floor, plan).await
    }

    async fn has_gaps(&self, target: &Target) -> Result<bool> {
        let room = target.place.room;
        Ok(self.core.store.read("history_gaps", move |tx| history_gaps::count(tx.tx(), room)).await? > 0)
    }

    async fn has_place(&self, id: &OwnedEventId) -> Result<bool> {
        let (core, id) = (self.core.clone(), id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| core.events.find(tx.tx(), &id);
        Ok(self.core.store.read("history_has", read).await?.is_some_and(|event| event.ord.is_some()))
    }

    /// The gap that an event belongs to by its depth: its floor and its highest free place.
    async fn gap_around(&self, target: &Target, candidate: &IncomingPdu) -> Result<Option<(i64, i64)>> {
        let (core, room) = (self.core.clone(), target.place.room);
        let (id, depth) = (candidate.pdu.event_id.clone(), candidate.pdu.depth);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            if core.events.find(tx.tx(), &id)?.is_some_and(|event| !event.is_outlier()) {
                return Ok(None);
            }
            for gap in history_gaps::of_room(tx.tx(), room)? {
                if depth_above(&core, tx.tx(), room, gap.next)?.is_none_or(|above| depth < above) {
                    return Ok(Some((gap.floor, gap.next)));
                }
            }
            Ok(None)
        };
        self.core.store.read("history_gap_around", read).await
    }
}

fn depth_above(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, place: i64) -> Result<Option<i64>> {
    let above = first_above(tx, room, place)?;
    above.map(|sn| Ok::<_, Error>(core.events.get(tx, sn)?.pdu.depth)).transpose()
}
