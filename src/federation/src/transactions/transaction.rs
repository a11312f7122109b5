//! Receipt of one transaction of another server.

use hearth_base::boxed;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use hearth_base::{Error, Result, limits};
use quick_cache::sync::Cache;
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, ServerName};
use serde_json::value::RawValue;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::batch::{DeferredEvent, may_bring, may_pass, told};
use crate::Federation;
use crate::pdu::{IncomingPdu, RoomInfo, StateNeed, UncheckedPdu};

/// The result for each event of a transaction, by event id; an error is reported to the sender.
pub type TransactionOutcome = BTreeMap<OwnedEventId, Result<(), String>>;

/// Responses to recent transactions, by origin and id; a repeated request waits for the first one and gets the same
/// response.
pub(super) type RecentTransactions = Cache<(OwnedServerName, Box<str>), Arc<OnceCell<Arc<TransactionOutcome>>>>;

/// The JSON of events as received, for those that go into the inbox.
pub(super) type PduSources = BTreeMap<OwnedEventId, Box<RawValue>>;

impl Federation {
    /// Receives a transaction of an authenticated server. On return each event is in its room, refused, or in the
    /// inbox on disk, and durable EDUs are committed.
    ///
    /// An invalid event is reported in the response and does not affect others. `M_INVALID_PARAM` for transactions
    /// above the limits; after a fault the sender must retry the transaction.
    #[boxed]
    pub async fn receive(
        self: &Arc<Self>,
        origin: &ServerName,
        id: &str,
        pdus: Vec<Box<RawValue>>,
        edus: Vec<Box<RawValue>>,
    ) -> Result<Arc<TransactionOutcome>> {
        if pdus.len() > limits::TRANSACTION_PDUS_MAX || edus.len() > limits::TRANSACTION_EDUS_MAX {
            return Err(Error::invalid("A transaction may hold at most 50 events and 100 EDUs."));
        }
        let key = (origin.to_owned(), Box::<str>::from(id));
        // One cell for each transaction id: a retry during the first attempt waits for its response.
        let answer = self.inbound.recent.get_or_insert_with(&key, || Ok::<_, Error>(Arc::default()))?;
        let (this, origin) = (self.clone(), origin.to_owned());
        // When the sender hangs up, this future is dropped half way. The retry finds the committed events.
        let answer = answer.get_or_try_init(|| async move { this.take(&origin, pdus, edus).await.map(Arc::new) });
        answer.await.cloned()
    }

    async fn take(
        self: &Arc<Self>,
        origin: &ServerName,
        pdus: Vec<Box<RawValue>>,
        edus: Vec<Box<RawValue>>,
    ) -> Result<TransactionOutcome> {
        let (taken, heard) =
            tokio::join!(self.take_pdus(origin, pdus), self.edus(origin, edus.iter().map(|edu| &**edu)));
        // Both have ended by now, so that a fault in an EDU does not cancel the PDUs.
        heard?;
        taken
    }

    async fn take_pdus(self: &Arc<Self>, origin: &ServerName, pdus: Vec<Box<RawValue>>) -> Result<TransactionOutcome> {
        let sent = pdus.len();
        let mut by_room: BTreeMap<OwnedRoomId, Vec<(UncheckedPdu, Box<RawValue>)>> = BTreeMap::new();
        for json in pdus {
            let read = UncheckedPdu::read(&json);
            let read = read.inspect_err(|error| tracing::debug!(%error, server = %origin, "Dropped a malformed PDU."));
            let Ok(pdu) = read else { continue };
            // Without its room an event has no version, so its event id cannot be computed and it cannot be listed in
            // the response.
            let Some(Ok(room_id)) = pdu.text("room_id").map(OwnedRoomId::try_from) else { continue };
            // Separate from the rest, because `places` below only finds rooms that this server is or was in.
            self.take_ending(origin, &room_id, &pdu).await;
            by_room.entry(room_id).or_default().push((pdu, json));
        }
        let deadline = Instant::now() + Duration::from_millis(limits::TRANSACTION_MS_MAX);
        let places = self.places(by_room.keys().cloned().collect::<BTreeSet<_>>()).await?;
        let rooms = places.into_iter().filter_map(|place| by_room.remove(&place.room_id).map(|events| (place, events)));
        let taken = rooms.map(|(place, events)| async move { self.take_room(&place, origin, events, deadline).await });
        let mut outcome = TransactionOutcome::new();
        for of_room in join_all(taken).await {
            outcome.extend(of_room?);
        }
        note_refused(origin, sent, &outcome);
        Ok(outcome)
    }

    /// Handles the events of one room; those not done at the deadline go into the inbox.
    async fn take_room(
        self: &Arc<Self>,
        place: &RoomInfo,
        origin: &ServerName,
        events: Vec<(UncheckedPdu, Box<RawValue>)>,
        deadline: Instant,
    ) -> Result<TransactionOutcome> {
        let (mut outcome, mut candidates) = (TransactionOutcome::new(), Vec::with_capacity(events.len()));
        let (mut sources, mut order) = (PduSources::new(), Vec::with_capacity(events.len()));
        for (pdu, json) in events {
            let Some(candidate) = self.read_for(place, pdu) else { continue };
            let event_id = candidate.pdu.event_id.clone();
            if may_bring(origin, &candidate) {
                order.push(event_id.clone());
                sources.insert(event_id, json);
                candidates.push(candidate);
            } else {
                // The response has no reason: a server that follows the protocol does not send such an event.
                outcome.insert(event_id, Ok(()));
            }
        }
        if candidates.is_empty() {
            return Ok(outcome);
        }
        let batch = tokio::time::timeout_at(deadline, self.take_batch(place, origin, candidates)).await;
        let batch = match batch {
            Ok(Ok(batch)) => batch,
            // Keys take long, or an event is too expensive: each is retried alone later. Events that were committed
            // all the same are found then.
            late_or_broken => {
                if let Ok(Err(error)) = late_or_broken {
                    tracing::error!(%error, room.id = %place.room_id, "Failed to process a transaction's PDUs at once.");
                }
                outcome.extend(order.iter().map(|event_id| (event_id.clone(), Ok(()))));
                // In the order of the transaction, because an event mostly needs those before it.
                let aside = order.iter().filter_map(|event_id| sources.remove_entry(event_id)).collect();
                self.put_aside(place, origin, aside).await?;
                return Ok(outcome);
            }
        };
        outcome.extend(batch.done);
        self.defer_strangers(place, origin, batch.strangers, &mut sources, &mut outcome).await?;
        let aside = self.try_longer(place, origin, batch.open, deadline, &mut outcome).await;
        outcome.extend(aside.iter().map(|event_id| (event_id.clone(), Ok(()))));
        let aside = aside.iter().filter_map(|event_id| sources.remove_entry(event_id)).collect();
        self.put_aside(place, origin, aside).await?;
        Ok(outcome)
    }

    fn read_for(&self, place: &RoomInfo, pdu: UncheckedPdu) -> Option<IncomingPdu> {
        pdu.parse(place.rules, Some(&place.room_id))
            .inspect_err(|error| tracing::debug!(%error, room.id = %place.room_id, "Dropped a malformed event."))
            .ok()
    }

    /// Handles deferred events until the deadline; returns the rest. Returns all when others are waiting already, to
    /// keep their order.
    async fn try_longer(
        self: &Arc<Self>,
        place: &RoomInfo,
        origin: &ServerName,
        open: Vec<DeferredEvent>,
        deadline: Instant,
        outcome: &mut TransactionOutcome,
    ) -> Vec<OwnedEventId> {
        let mut aside = Vec::new();
        let mut is_late = self.inbound.workers.are_busy_in(place.room);
        for DeferredEvent { event_id, verified } in open {
            let Some(candidate) = verified.filter(|_| !is_late) else {
                aside.push(event_id);
                continue;
            };
            match tokio::time::timeout_at(deadline, self.handle_pdu(place.room, candidate, origin, StateNeed::Whole))
                .await
            {
                Ok(Ok(verdict)) => _ = outcome.insert(event_id, told(verdict)),
                Ok(Err(error)) if may_pass(&error) => aside.push(event_id),
                Ok(Err(error)) => {
                    tracing::debug!(%error, event.id = %event_id, server = %origin, "Dropped a PDU.");
                    outcome.insert(event_id, Err(error.to_string()));
                }
                Err(_) => {
                    aside.push(event_id);
                    is_late = true;
                }
            }
        }
        aside
    }
}

/// Logs what a transaction held in vain: one line, because each of its PDUs may be the work of a stranger who would fill
/// the log. The line of each is at the level debug.
fn note_refused(origin: &ServerName, sent: usize, outcome: &TransactionOutcome) {
    let mut refused = outcome.iter().filter_map(|(event_id, result)| Some((event_id, result.as_ref().err()?)));
    let first = refused.next();
    let (count, unread) = (first.iter().len() + refused.count(), sent.saturating_sub(outcome.len()));
    if count + unread > 0 {
        let (event_id, error) = first.map_or(("-", "-"), |(event_id, error)| (event_id.as_str(), error.as_str()));
        tracing::info!(server = %origin, sent, refused = count, unread, event.id = event_id, error, "Refused PDUs of a transaction.");
    }
}
