//! The durable inbox and its workers: one for each room with waiting events.

use std::collections::HashMap;
use std::future::Future;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt};
use hearth_base::limits::federation::{INBOX_EVENT_WAIT, INBOX_FAULT_WAIT};
use hearth_base::{Backoff, Millis, Position, Result, limits};
use hearth_store::Lane;
use hearth_store::ids::RoomSn;
use hearth_store::tables::inbox::{self, InboxRow};
use parking_lot::Mutex;
use ruma::{OwnedEventId, ServerName};
use serde_json::value::RawValue;
use tokio::sync::Notify;

use super::TransactionOutcome;
use super::batch::{DeferredEvent, may_pass};
use super::transaction::PduSources;
use crate::Federation;
use crate::pdu::{self, RoomInfo, StateNeed};

/// Maximum of events read at once.
const PAGE: u64 = 50;
/// Back-off of an event after a failed attempt.
const RETRY: Backoff = Backoff::new(20_000, 60 * 60 * 1_000);

/// Rooms with waiting events, each with the notification of its worker.
#[derive(Debug, Default)]
pub(super) struct Workers {
    rooms: Mutex<HashMap<RoomSn, Arc<Notify>>>,
    /// Rooms without a worker so far.
    unserved: Mutex<Vec<RoomSn>>,
    /// Notifies the supervisor of such a room.
    news: Notify,
}

impl Workers {
    /// Whether events of a room are waiting.
    pub(super) fn are_busy_in(&self, room: RoomSn) -> bool {
        self.rooms.lock().contains_key(&room)
    }

    /// Clears the workers of an earlier run, which ended with it: a room that still counted as served would wait
    /// forever.
    fn forget(&self) {
        let mut rooms = self.rooms.lock();
        rooms.clear();
        self.unserved.lock().clear();
    }

    /// Notifies the worker of a room, or requests one.
    fn call(&self, room: RoomSn) {
        let mut rooms = self.rooms.lock();
        // Under the same lock as in `retire`: the worker cannot end between this check and the notification.
        if let Some(bell) = rooms.get(&room) {
            bell.notify_one();
            return;
        }
        rooms.insert(room, Arc::default());
        self.unserved.lock().push(room);
        self.news.notify_one();
    }
}

/// The next step of a worker.
enum InboxWork {
    Nothing,
    /// No event is due before this time, in milliseconds.
    Later(Millis),
    Due(Vec<InboxRow>),
}

impl Federation {
    /// Inserts events into the inbox, and notifies the room's worker. Events above the room's limit are dropped: they
    /// are fetched when a later event refers to them.
    pub(super) async fn put_aside(
        self: &Arc<Self>,
        place: &RoomInfo,
        origin: &ServerName,
        events: Vec<(OwnedEventId, Box<RawValue>)>,
    ) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let (room, origin) = (place.room, origin.to_owned());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let permits = limits::INBOX_EVENTS_PER_ROOM_MAX.saturating_sub(inbox::count_in_room(tx.tx(), room)?);
            for (event_id, json) in events.iter().take(usize::try_from(permits).unwrap_or(usize::MAX)) {
                inbox::insert(tx, room, origin.as_str(), event_id.as_str(), json.get().as_bytes())?;
            }
            Ok(())
        };
        self.core.store.write_in(Lane::Federation, "inbox_put", write).await?;
        // After the commit, so that the worker finds the rows.
        self.inbound.workers.call(place.room);
        Ok(())
    }

    /// Inserts events of a server that is not known to be in the room, up to the limit for a server that waits for its
    /// join; the others are refused.
    pub(super) async fn defer_strangers(
        self: &Arc<Self>,
        place: &RoomInfo,
        origin: &ServerName,
        events: Vec<DeferredEvent>,
        sources: &mut PduSources,
        outcome: &mut TransactionOutcome,
    ) -> Result<()> {
        if events.is_empty() {
            return Ok(());
        }
        let (room, name) = (place.room, origin.to_owned());
        let waiting = move |tx: &mut hearth_store::ReadTx<'_>| {
            Ok((inbox::count_in_room(tx.tx(), room)?, inbox::count_of_origin(tx.tx(), room, name.as_str())?))
        };
        let (in_room, of_origin) = self.core.store.read("inbox_strangers", waiting).await?;
        let capacity = match in_room {
            0..limits::INBOX_STRANGER_ROOM_MAX => limits::INBOX_STRANGER_EVENTS_MAX.saturating_sub(of_origin),
            _ => 0,
        };
        let capacity = usize::try_from(capacity).unwrap_or(usize::MAX);
        let mut kept = Vec::new();
        for DeferredEvent { event_id, .. } in events {
            if kept.len() < capacity {
                outcome.insert(event_id.clone(), Ok(()));
                kept.extend(sources.remove_entry(&event_id));
            } else {
                outcome.insert(event_id, Err("Your server is not in that room.".to_owned()));
            }
        }
        self.put_aside(place, origin, kept).await
    }

    /// Processes the inbox until `stopping`: first the events of the previous run, then new ones. Sleeps while it is
    /// empty.
    pub async fn run_inbox(self: &Arc<Self>, stopping: impl Future<Output = ()>) {
        let mut stopping = std::pin::pin!(stopping);
        // Before the inbox is read: later inserts notify a worker of this run.
        self.inbound.workers.forget();
        if let Err(error) = self.resume().await {
            tracing::error!(%error, "Failed to read the inbox; its events wait for the next start.");
        }
        let mut working = FuturesUnordered::new();
        loop {
            tokio::select! {
                () = &mut stopping => return,
                () = self.inbound.workers.news.notified() => {
                    let unserved = std::mem::take(&mut *self.inbound.workers.unserved.lock());
                    working.extend(unserved.into_iter().map(|room| self.work_safely(room)));
                }
                rooms = self.core.incoming.rooms() => rooms.into_iter().for_each(|room| self.inbound.workers.call(room)),
                Some(()) = working.next() => {}
            }
        }
    }

    async fn resume(&self) -> Result<()> {
        let rooms = self.core.store.read("inbox_rooms", |tx| inbox::rooms(tx.tx())).await?;
        rooms.into_iter().for_each(|room| self.inbound.workers.call(room));
        Ok(())
    }

    /// Runs a worker and contains its panics.
    async fn work_safely(self: &Arc<Self>, room: RoomSn) {
        if AssertUnwindSafe(self.work_off(room)).catch_unwind().await.is_err() {
            tracing::error!(room.sn = room.0, "An inbox worker panicked; the room's events wait for the next PDU.");
            self.inbound.workers.rooms.lock().remove(&room);
        }
    }

    /// Runs a worker until no event waits in its room.
    async fn work_off(self: &Arc<Self>, room: RoomSn) {
        let Some(bell) = self.inbound.workers.rooms.lock().get(&room).cloned() else { return };
        loop {
            let worked = match self.find_work(room).await {
                Ok(InboxWork::Nothing) if self.retire(room, &bell) => return,
                Ok(InboxWork::Nothing) => Ok(()),
                Ok(InboxWork::Later(at_ms)) => {
                    let wait = Duration::from_millis(at_ms.saturating_sub(self.core.now_ms()).max(1));
                    let _ = tokio::time::timeout(wait, bell.notified()).await;
                    Ok(())
                }
                Ok(InboxWork::Due(rows)) => self.work_on(room, rows).await,
                Err(error) => Err(error),
            };
            if let Err(error) = worked {
                tracing::error!(%error, "Failed to process a room's inbox; will retry.");
                tokio::time::sleep(INBOX_FAULT_WAIT).await;
            }
        }
    }

    async fn find_work(&self, room: RoomSn) -> Result<InboxWork> {
        let now_ms = self.core.now_ms();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let (mut after, mut due, mut later) = (Position::ZERO, Vec::new(), None);
            loop {
                let page = inbox::of_room(tx.tx(), room, after, PAGE)?;
                let Some(last) = page.last() else { break };
                after = last.position;
                for row in page {
                    if row.retry_at_ms <= now_ms {
                        due.push(row);
                    } else {
                        later = Some(later.map_or(row.retry_at_ms, |at: Millis| at.min(row.retry_at_ms)));
                    }
                }
                if due.len() as u64 >= PAGE {
                    break;
                }
            }
            Ok(match later {
                _ if !due.is_empty() => InboxWork::Due(due),
                Some(at_ms) => InboxWork::Later(at_ms),
                None => InboxWork::Nothing,
            })
        };
        self.core.store.read("inbox_read", read).await
    }

    /// Ends a worker, unless an event was inserted meanwhile: an insert notifies the worker after its commit.
    fn retire(&self, room: RoomSn, bell: &Notify) -> bool {
        let mut rooms = self.inbound.workers.rooms.lock();
        // A pending notification completes immediately.
        let was_called = bell.notified().now_or_never().is_some();
        if !was_called {
            rooms.remove(&room);
        }
        !was_called
    }

    async fn work_on(self: &Arc<Self>, room: RoomSn, rows: Vec<InboxRow>) -> Result<()> {
        let place = self.place(room).await?;
        // The first error, and how many PDUs are given up: one line, as strangers decide how many there are.
        let mut failed: Option<(String, u32)> = None;
        for row in rows {
            let working = tokio::time::timeout(INBOX_EVENT_WAIT, self.work_one(&place, &row));
            // An event that makes the worker panic must not block those behind it: it is retried later like any other.
            let may_go_better = match AssertUnwindSafe(working).catch_unwind().await {
                Ok(Ok(Ok(()))) => false,
                Ok(Ok(Err(error))) => {
                    tracing::debug!(%error, room.id = %place.room_id, server = row.origin, tries = row.tries,
                        "Failed to process a PDU from the inbox.");
                    let goes_on = may_pass(&error) && row.tries + 1 < limits::INBOX_TRIES_MAX;
                    failed.get_or_insert((error.to_string(), 0)).1 += u32::from(!goes_on);
                    goes_on
                }
                Ok(Err(_)) => true,
                Err(_) => {
                    tracing::error!(room.id = %place.room_id, server = row.origin, tries = row.tries,
                        "Bringing in an event that waits in the inbox panicked; it is tried again later.");
                    true
                }
            };
            self.settle(&row, may_go_better).await?;
        }
        if let Some((error, given_up)) = failed.filter(|(_, given_up)| *given_up > 0) {
            tracing::info!(error, given_up, room.id = %place.room_id, "Gave up PDUs from the inbox.");
        }
        Ok(())
    }

    async fn work_one(self: &Arc<Self>, place: &RoomInfo, row: &InboxRow) -> Result<()> {
        let json: Box<RawValue> = serde_json::from_slice(&row.json)
            .map_err(|error| hearth_base::Error::bad_json(format!("The inbox holds what is no JSON: {error}")))?;
        let origin = ServerName::parse(row.origin.as_str())
            .map_err(|error| hearth_base::Error::bad_json(format!("The inbox names no server: {error}")))?;
        let candidate = pdu::parse(place.rules, Some(&place.room_id), &json)?;
        // Parts of a state that could not be had so often may be gone for good, with their server.
        let need = match row.tries {
            tries if tries < limits::INBOX_WHOLE_STATE_TRIES => StateNeed::Whole,
            tries if tries < limits::INBOX_FETCHED_STATE_TRIES => StateNeed::Fetched,
            _ => StateNeed::Partial,
        };
        // The inbox has the event as received, so all checks run again.
        let batch = self.take_batch(place, &origin, vec![candidate]).await?;
        if !batch.strangers.is_empty() {
            return Err(hearth_base::error::refuse(
                hearth_base::Reason::ConnectionFailed,
                "Its server is not known to be in the room.",
            ));
        }
        for item in batch.open {
            let Some(verified) = item.verified else {
                return Err(hearth_base::error::refuse(
                    hearth_base::Reason::ConnectionFailed,
                    "The keys that it was signed with cannot be had.",
                ));
            };
            self.handle_pdu(place.room, verified, &origin, need).await?;
        }
        Ok(())
    }

    /// Removes an event from the inbox, or schedules its retry.
    async fn settle(&self, row: &InboxRow, may_go_better: bool) -> Result<()> {
        let (position, tries, now_ms) = (row.position, row.tries + 1, self.core.now_ms());
        let chance = self.core.seams.random.chance();
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            // Given up; a later event that refers to it makes the server fetch it again.
            if !may_go_better || tries >= limits::INBOX_TRIES_MAX {
                return inbox::delete(tx.tx(), position);
            }
            inbox::postpone(tx.tx(), position, tries, now_ms + RETRY.wait_ms(tries, chance))
        };
        self.core.store.write_in(Lane::Federation, "inbox_settle", write).await
    }
}
