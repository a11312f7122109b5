//! Requests a batch of history or a single event from one server, and stores the result as outliers with its auth
//! events.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::limits::federation::ASKED_IDS_MAX;
use hearth_base::{Reason, Result, error::refuse, limits};
use hearth_store::Lane;
use hearth_store::tables::events;
use ruma::api::federation::backfill::get_backfill;
use ruma::api::federation::event::get_event;
use ruma::{OwnedEventId, ServerName, UInt};
use serde_json::value::RawValue;

use super::{HISTORY_ASK_WAIT, Target};
use crate::Federation;
use crate::pdu::{self, IncomingPdu};

impl Federation {
    /// Requests the `missing` events and those before them from a server. The result is unordered.
    pub(super) async fn ask_history(
        self: &Arc<Self>,
        server: &ServerName,
        target: &Target,
        missing: &[OwnedEventId],
    ) -> Result<Vec<IncomingPdu>> {
        let asked = missing.iter().take(ASKED_IDS_MAX).cloned().collect();
        let limit = UInt::new_saturating(limits::HISTORY_PIECE_EVENTS_MAX as u64);
        let request = get_backfill::v1::Request::new(target.place.room_id.clone(), asked, limit);
        let response = self.ask_within(server, request, HISTORY_ASK_WAIT).await?;
        let pdus = response.pdus.iter().take(limits::HISTORY_PIECE_EVENTS_MAX);
        self.read_and_check(server, target, pdus.map(|pdu| &**pdu)).await
    }

    /// Requests one event. `M_CONNECTION_FAILED` when the server returns a different one.
    pub(super) async fn ask_event(
        self: &Arc<Self>,
        server: &ServerName,
        target: &Target,
        id: &OwnedEventId,
    ) -> Result<IncomingPdu> {
        let answer = self.ask_within(server, get_event::v1::Request::new(id.clone()), HISTORY_ASK_WAIT).await?;
        let found = self.read_and_check(server, target, std::iter::once(&*answer.pdu)).await?;
        found.into_iter().find(|candidate| candidate.pdu.event_id == *id).ok_or_else(|| {
            refuse(Reason::ConnectionFailed, format!("{server} was asked for an event and gave something else."))
        })
    }

    /// The events that are well-formed, of this room, and validly signed.
    async fn read_and_check<'a>(
        self: &Arc<Self>,
        server: &ServerName,
        target: &Target,
        pdus: impl Iterator<Item = &'a RawValue>,
    ) -> Result<Vec<IncomingPdu>> {
        let mut seen = HashSet::new();
        let read = pdus.filter_map(|pdu| self.read(&target.place, pdu));
        let read = read.filter(|candidate| seen.insert(candidate.pdu.event_id.clone())).collect();
        self.check_fetched(&target.place, read, server).await
    }

    /// Fetches missing auth events, then stores a batch as outliers, oldest event first. Events whose auth events
    /// cannot be fetched are left out, because the auth check needs them.
    pub(super) async fn keep_piece(
        self: &Arc<Self>,
        server: &ServerName,
        target: &Target,
        piece: Vec<IncomingPdu>,
    ) -> Result<()> {
        let Some(newest) = piece.last() else { return Ok(()) };
        let among: HashSet<&OwnedEventId> = piece.iter().map(|candidate| &candidate.pdu.event_id).collect();
        let authorising: HashSet<&OwnedEventId> =
            piece.iter().flat_map(|candidate| &candidate.pdu.auth_events).filter(|id| !among.contains(id)).collect();
        let mut authorising = self.unknown(authorising.into_iter().cloned().collect()).await?;
        authorising.truncate(limits::HISTORY_SINGLE_EVENTS_MAX);
        if !authorising.is_empty() {
            // What was fetched may place some of the events; the others are left out below.
            if let Err(error) = self.fetch_auth(&target.place, newest, authorising, server).await {
                tracing::debug!(%error, room.id = %target.place.room_id, "Failed to fetch auth events of history.");
            }
        }
        let (core, rules, room) = (self.core.clone(), target.place.rules, target.place.room);
        let auth_checked = move |tx: &mut hearth_store::ReadTx<'_>| {
            let grounded = grounded(piece, |id| Ok(events::find(tx.tx(), id.as_str())?.is_some()))?;
            pdu::check_auth(rules, grounded, |id| core.events.find(tx.tx(), id))
        };
        let auth_checked = self.core.store.read_slow("history_judge", auth_checked).await?;
        let core = self.core.clone();
        let write = move |tx: &mut hearth_store::WriteTx<'_>| pdu::outliers(&core, tx, room, auth_checked).map(drop);
        self.core.store.write_in(Lane::Federation, "history_outliers", write).await
    }
}

/// The events whose auth events are all known or in the batch.
fn grounded(
    mut candidates: Vec<IncomingPdu>,
    mut is_known: impl FnMut(&OwnedEventId) -> Result<bool>,
) -> Result<Vec<IncomingPdu>> {
    loop {
        let among: HashSet<OwnedEventId> = candidates.iter().map(|candidate| candidate.pdu.event_id.clone()).collect();
        let (mut kept, before) = (Vec::with_capacity(candidates.len()), candidates.len());
        for candidate in candidates {
            let mut is_grounded = true;
            for id in &candidate.pdu.auth_events {
                is_grounded = is_grounded && (among.contains(id) || is_known(id)?);
            }
            if is_grounded {
                kept.push(candidate);
            }
        }
        if kept.len() == before {
            return Ok(kept);
        }
        candidates = kept;
    }
}
