//! Fetches auth events and single events and stores them as outliers.

use hearth_base::boxed;
use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use futures_util::StreamExt;
use hearth_base::limits::federation::{AUTH_EVENTS_GENERATIONS_MAX, AUTH_EVENTS_SERVERS_MAX};
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_rooms::servers;
use hearth_store::Lane;
use hearth_store::tables::events;
use ruma::api::federation::authorization::get_event_authorization::v1 as event_auth;
use ruma::api::federation::event::get_event::v1 as get_event;
use ruma::{OwnedEventId, OwnedServerName, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::handle::RoomInfo;
use super::parse::{IncomingPdu, parse};
use super::{check_auth, outliers};
use crate::Federation;
use crate::request::{REQUEST_ASK_WAIT, has_nothing};

/// Maximum of single events that are requested concurrently.
const AT_ONCE: usize = 8;
/// The response with an auth chain.
#[derive(Deserialize)]
struct AuthChain {
    #[serde(default)]
    auth_chain: Vec<Box<RawValue>>,
}

/// Maximum of outliers stored in one write; other writes run in between.
const CHUNK: usize = 250;

impl Federation {
    /// The servers to ask about a room: the sender of the event first, then others in the room.
    pub(super) async fn askable(&self, place: &RoomInfo, from: &ServerName) -> Result<Vec<OwnedServerName>> {
        let (core, room) = (self.core.clone(), place.room);
        let others = self.core.store.read("admit_servers", move |tx| servers::of(&core, tx.tx(), room)).await?;
        let mut askable = vec![from.to_owned()];
        askable.extend(others.iter().filter(|server| **server != *from && **server != self.core.server_name).cloned());
        askable.truncate(AUTH_EVENTS_SERVERS_MAX);
        Ok(askable)
    }

    /// Fetches auth events, and theirs, and stores them as outliers.
    pub(crate) async fn fetch_auth(
        self: &Arc<Self>,
        place: &RoomInfo,
        candidate: &IncomingPdu,
        missing: Vec<OwnedEventId>,
        from: &ServerName,
    ) -> Result<()> {
        let request = event_auth::Request::new(place.room_id.clone(), candidate.pdu.event_id.clone());
        let answer: Result<AuthChain> =
            self.ask_loosely(from, request, REQUEST_ASK_WAIT, limits::AUTH_ANSWER_BYTES_MAX).await;
        if let Ok(answer) = answer {
            let found = self.reachable(place, &missing, answer.auth_chain).await?;
            self.take_outliers(place, found, from).await?;
        }
        let (mut missing, mut found, mut unasked) = (self.unknown(missing).await?, Vec::new(), Ok(()));
        for _ in 0..AUTH_EVENTS_GENERATIONS_MAX {
            if missing.is_empty() {
                break;
            }
            let (fetched, outcome) = self.fetch_events(place, missing, from).await?;
            unasked = unasked.and(outcome);
            let parsed: Vec<_> = fetched.iter().filter_map(|json| self.read(place, json)).collect();
            let named: BTreeSet<_> = parsed.iter().flat_map(|one| one.pdu.auth_events.iter().cloned()).collect();
            found.extend(fetched);
            missing = self.unknown(named.into_iter().take(limits::STATE_SINGLE_EVENTS_MAX).collect()).await?;
        }
        self.take_outliers(place, found, from).await?;
        unasked
    }

    /// The events of a response that are reachable from the `wanted` auth events without passing a known one, at most
    /// [`limits::AUTH_ANSWER_EVENTS_MAX`]. Other events of the response are dropped.
    async fn reachable(
        &self,
        place: &RoomInfo,
        wanted: &[OwnedEventId],
        found: Vec<Box<RawValue>>,
    ) -> Result<Vec<Box<RawValue>>> {
        let mut by_id: HashMap<OwnedEventId, (Box<RawValue>, Vec<OwnedEventId>)> = HashMap::new();
        for json in found {
            if let Some(one) = self.read(place, &json) {
                by_id.insert(one.pdu.event_id, (json, one.pdu.auth_events));
            }
        }
        let unknown: HashSet<_> = self.unknown(by_id.keys().cloned().collect()).await?.into_iter().collect();
        let (mut open, mut reached) = (wanted.to_vec(), Vec::new());
        while let Some(id) = open.pop().filter(|_| reached.len() < limits::AUTH_ANSWER_EVENTS_MAX) {
            if let Some((json, auth_events)) = by_id.remove(&id).filter(|_| unknown.contains(&id)) {
                open.extend(auth_events);
                reached.push(json);
            }
        }
        Ok(reached)
    }

    /// Fetches single events, from `from` or any other server in the room. Events that no server returns are left out.
    /// The second result is an error if one of these may exist all the same, because a server could not be asked.
    pub(super) async fn fetch_events(
        self: &Arc<Self>,
        place: &RoomInfo,
        ids: Vec<OwnedEventId>,
        from: &ServerName,
    ) -> Result<(Vec<Box<RawValue>>, Result<()>)> {
        let servers = Arc::new(self.askable(place, from).await?);
        let fetches = ids.into_iter().map(|id| {
            let (this, servers) = (self.clone(), servers.clone());
            async move { this.fetch_event(&servers, &id).await }
        });
        let answers: Vec<_> = futures_util::stream::iter(fetches).buffer_unordered(AT_ONCE).collect().await;
        let (mut found, mut unasked) = (Vec::with_capacity(answers.len()), Ok(()));
        for answer in answers {
            match answer {
                Ok(event) => found.extend(event),
                Err(error) => unasked = Err(error),
            }
        }
        Ok((found, unasked))
    }

    /// One event from the first server that returns it. `None` when every server has answered that it has no such event.
    /// Any other failure (no connection, but also a busy or rate-limiting server) is an error: the event may exist, and
    /// a state without it would be wrong for good.
    async fn fetch_event(&self, servers: &[OwnedServerName], id: &OwnedEventId) -> Result<Option<Box<RawValue>>> {
        let mut unasked = Ok(None);
        for server in servers {
            match self.ask(server, get_event::Request::new(id.clone())).await {
                Ok(answer) => return Ok(Some(answer.pdu)),
                Err(error) if has_nothing(&error) => {}
                Err(error) => {
                    let why = format!("An event could not be fetched from {server}: {error}");
                    unasked = Err(refuse(Reason::ConnectionFailed, why));
                }
            }
        }
        unasked
    }

    /// The ids of events that are not stored here.
    #[boxed]
    pub async fn unknown(&self, ids: Vec<OwnedEventId>) -> Result<Vec<OwnedEventId>> {
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut unknown = Vec::new();
            for id in ids {
                if events::find(tx.tx(), id.as_str())?.is_none() {
                    unknown.push(id);
                }
            }
            Ok(unknown)
        };
        self.core.store.read_slow("admit_unknown", read).await
    }

    /// Parses an event of a room; `None` for a malformed one, which is dropped.
    pub(crate) fn read(&self, place: &RoomInfo, json: &RawValue) -> Option<IncomingPdu> {
        parse(place.rules, Some(&place.room_id), json)
            .inspect_err(|error| tracing::debug!(%error, room.id = %place.room_id, "Dropped a malformed event."))
            .ok()
    }

    /// Checks events without a place in the graph, which `from` returned, and stores new ones as outliers.
    pub(super) async fn take_outliers(
        self: &Arc<Self>,
        place: &RoomInfo,
        found: Vec<Box<RawValue>>,
        from: &ServerName,
    ) -> Result<()> {
        let parsed: Vec<IncomingPdu> = found.iter().filter_map(|json| self.read(place, json)).collect();
        drop(found);
        let unknown = self.unknown(parsed.iter().map(|one| one.pdu.event_id.clone()).collect()).await?;
        let unknown: HashSet<_> = unknown.into_iter().collect();
        let parsed: Vec<_> = parsed.into_iter().filter(|one| unknown.contains(&one.pdu.event_id)).collect();
        if parsed.is_empty() {
            return Ok(());
        }
        let verified = self.check_fetched(place, parsed, from).await?;
        let (core, rules) = (self.core.clone(), place.rules);
        let read =
            move |tx: &mut hearth_store::ReadTx<'_>| check_auth(rules, verified, |id| core.events.find(tx.tx(), id));
        let auth_checked = self.core.store.read_slow("admit_judge", read).await?;
        self.store_outliers(place, auth_checked).await
    }

    /// The events with valid signatures of some that `from` returned. Keys that their servers do not give are requested
    /// from servers in the room: a room outlives the servers of its past.
    pub(crate) async fn check_fetched(
        self: &Arc<Self>,
        place: &RoomInfo,
        fetched: Vec<IncomingPdu>,
        from: &ServerName,
    ) -> Result<Vec<IncomingPdu>> {
        let mut notaries = self.askable(place, from).await?;
        notaries.truncate(limits::NOTARIES_PER_ROOM_MAX);
        let checked = self.check_signatures_via(place.rules, fetched, &notaries).await.into_iter();
        let valid = checked.filter_map(|event| {
            event
                .inspect_err(|error| tracing::debug!(%error, room.id = %place.room_id, "Dropped a fetched event."))
                .ok()
        });
        Ok(valid.collect())
    }

    async fn store_outliers(&self, place: &RoomInfo, auth_checked: Vec<IncomingPdu>) -> Result<()> {
        let mut rest = auth_checked.into_iter();
        loop {
            let chunk: Vec<_> = rest.by_ref().take(CHUNK).collect();
            if chunk.is_empty() {
                return Ok(());
            }
            let (core, room) = (self.core.clone(), place.room);
            let write = move |tx: &mut hearth_store::WriteTx<'_>| outliers(&core, tx, room, chunk).map(drop);
            self.core.store.write_in(Lane::Federation, "admit_outliers", write).await?;
        }
    }
}

/// The error when no server of a room returned `what`.
pub(super) fn no_server_answered(what: &str, place: &RoomInfo) -> Error {
    refuse(Reason::ConnectionFailed, format!("No server of {} could be asked for {what}.", place.room_id))
}
