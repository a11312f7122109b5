//! Fills a gap from its upper end by one batch: which servers are asked, in which order, and the back-off of a gap
//! that no server fills.

use std::sync::Arc;

use hearth_base::limits::federation::{ASKED_IDS_MAX, FILL_WAIT};
use hearth_base::{Backoff, Reason, Result, error::refuse};
use hearth_rooms::gaps;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn, SnapshotSn};
use hearth_store::tables::events::{self, Direction};
use hearth_store::tables::history_gaps::{self, Gap};
use hearth_store::{Lane, WriteTx};
use ruma::{EventId, OwnedEventId, OwnedRoomId, OwnedServerName};

use super::plan::HistoryPlan;
use super::{Target, piece};
use crate::Federation;
use crate::pdu::IncomingPdu;
use crate::request::has_nothing;

/// Back-off of a gap when no server could be reached, first and longest. Pages skip the gap meanwhile, so the first
/// waits are short: after a brief fault, the next page finds the events.
const UNREACHED: Backoff = Backoff::new(2_000, 60 * 60 * 1_000);
/// Back-off of a gap for which all servers returned nothing: the history may be gone or not visible to this server.
const REFUSED: Backoff = Backoff::new(10 * 60 * 1_000, 24 * 60 * 60 * 1_000);

impl Federation {
    /// Backfills one batch for the gap above `floor`. Returns whether more can be read now or the gap is closed;
    /// `false` during back-off.
    pub(super) async fn fill(self: Arc<Self>, room_id: OwnedRoomId, floor: i64, next: i64) -> Result<bool> {
        let target = self.target(&room_id).await?;
        // One backfill for each room at a time: concurrent pages would request the same events.
        let _turn = self.histories.turns.take(target.place.room).await;
        let gap = self.gap(&target, floor).await?;
        // The previous holder of the lock may have filled the gap.
        let Some(gap) = gap.filter(|gap| gap.next == next) else { return Ok(true) };
        if target.servers.is_empty() || !gaps::is_due(&gap, self.core.now_ms()) {
            return Ok(false);
        }
        // What it leads to may have come in on other ways: then no one has anything for it, and it would count as refused.
        if self.place_history(&target, floor, HistoryPlan::default()).await? {
            return Ok(true);
        }
        match tokio::time::timeout(FILL_WAIT, self.ask_around(&target, &gap)).await {
            Ok(FillOutcome::Filled) => return Ok(true),
            Ok(FillOutcome::Refused) => self.put_off(&target, floor, true).await?,
            Ok(FillOutcome::Unreached) | Err(_) => self.put_off(&target, floor, false).await?,
        }
        Ok(false)
    }

    async fn ask_around(self: &Arc<Self>, target: &Target, gap: &Gap) -> FillOutcome {
        let mut asked = FillOutcome::Refused;
        for server in &target.servers {
            match self.fill_from(server, target, gap).await {
                Ok(true) => {
                    self.histories.givers.insert(target.place.room, server.clone());
                    return FillOutcome::Filled;
                }
                Ok(false) => {}
                Err(error) => {
                    tracing::debug!(room.id = %target.place.room_id, %server, %error, "Failed to backfill from a server.");
                    // These two mean that the server has nothing for this one; all other errors are temporary.
                    if !has_nothing(&error) {
                        asked = FillOutcome::Unreached;
                    }
                }
            }
        }
        asked
    }

    async fn fill_from(self: &Arc<Self>, server: &OwnedServerName, target: &Target, gap: &Gap) -> Result<bool> {
        let mut missing: Vec<OwnedEventId> =
            gap.missing.iter().filter_map(|id| EventId::parse(id.as_str()).ok()).collect();
        // One request names only some of them: after a failure others come first.
        let turns = missing.len().max(1);
        missing.rotate_left(usize::try_from(gap.tries).unwrap_or(0) % turns * ASKED_IDS_MAX % turns);
        let found = self.ask_history(server, target, &missing).await?;
        let piece = piece::connected(&missing, self.without_placed(found).await?);
        if piece.is_empty() {
            return Ok(false);
        }
        let near = self.state_above(target, gap.next).await?;
        let plan = self.plan_history(server, target, piece, near).await?;
        if self.place_history(target, gap.floor, plan).await? {
            return Ok(true);
        }
        // The server has history, so this must not count as a refusal: what the events need to be placed could not be had
        // now.
        let why = format!("{server} returned history that cannot be placed: auth events or states are missing.");
        Err(refuse(Reason::ConnectionFailed, why))
    }

    /// The events without those that already have a place: prev events of placed events belong below them.
    async fn without_placed(&self, found: Vec<IncomingPdu>) -> Result<Vec<IncomingPdu>> {
        let core = self.core.clone();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut others = Vec::with_capacity(found.len());
            for candidate in found {
                let known = core.events.find(tx.tx(), &candidate.pdu.event_id)?;
                if known.is_none_or(|event| event.ord.is_none()) {
                    others.push(candidate);
                }
            }
            Ok(others)
        };
        self.core.store.read("history_known", read).await
    }

    /// The snapshot of the state before the first event above a place; `None` without one.
    pub(super) async fn state_above(&self, target: &Target, place: i64) -> Result<Option<SnapshotSn>> {
        let (core, room) = (self.core.clone(), target.place.room);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let above = first_above(tx.tx(), room, place)?;
            above.map_or(Ok(None), |sn| Ok(core.events.get(tx.tx(), sn)?.snapshot))
        };
        self.core.store.read("history_state_above", read).await
    }

    pub(super) async fn gap(&self, target: &Target, floor: i64) -> Result<Option<Gap>> {
        let room = target.place.room;
        self.core.store.read("history_gap", move |tx| history_gaps::get(tx.tx(), room, floor)).await
    }

    /// Stores the back-off of a gap that no server could fill now.
    async fn put_off(&self, target: &Target, floor: i64, refused: bool) -> Result<()> {
        let (room, now_ms, chance) = (target.place.room, self.core.now_ms(), self.core.seams.random.chance());
        let write = move |tx: &mut WriteTx<'_>| {
            let Some(gap) = history_gaps::get(tx.tx(), room, floor)? else { return Ok(()) };
            let (backoff, tries) = (if refused { REFUSED } else { UNREACHED }, gap.tries.saturating_add(1));
            let retry_ms = now_ms.saturating_add(backoff.wait_ms(tries, chance));
            history_gaps::set(tx.tx(), room, &Gap { tries, retry_ms, refused, ..gap })
        };
        self.core.store.write_in(Lane::Federation, "history_put_off", write).await
    }
}

/// The result of asking all servers.
enum FillOutcome {
    Filled,
    /// All servers have answered, and none had usable events.
    Refused,
    Unreached,
}

/// The first event above a place.
pub(super) fn first_above(tx: &mut dyn Tx, room: RoomSn, place: i64) -> Result<Option<EventSn>> {
    let mut found = None;
    events::timeline(tx, room, (place, i64::MAX), Direction::Forward, 1, &mut |stored| {
        found = Some(stored.sn()?);
        Ok(false)
    })?;
    Ok(found)
}
