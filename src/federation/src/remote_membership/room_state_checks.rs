//! Checks a received room state against signatures and auth rules, before any of it is used.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::jobs::Handle;
use hearth_rooms::event::{Authored, Pdu};
use parking_lot::Mutex;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedServerName, RoomId, ServerName, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Federation;
use super::make_join::TemplateRequest;
use super::room_state_auth::{CreateVersion, StateEvent, StateEvents};
use super::send_join::SendJoinResponse;
use super::spool::{Spool, SpoolPlace};
use crate::pdu::{self, IncomingPdu};
use crate::sign::take_signatures;

/// Events that are parsed and checked at a time, and their bytes: bounds how many are in memory in their large form.
const CHUNK: usize = 1_024;
const CHUNK_BYTES: usize = 2 * 1024 * 1024;

/// The room's state from the resident server, as far as it is valid.
#[derive(Debug)]
pub(super) struct CheckedState {
    /// All events in topological order of auth events; rejected ones are marked.
    pub(super) events: Vec<StateEvent>,
    /// Their JSON.
    pub(super) spool: Arc<Mutex<Spool>>,
}

/// The source of a response, and its room.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) server: &'a ServerName,
    pub(super) room_id: &'a RoomId,
    pub(super) version: &'a str,
    pub(super) rules: &'static RoomVersionRules,
}

impl Source<'_> {
    fn wrong(&self, what: &str) -> Error {
        refuse(Reason::ConnectionFailed, format!("{} let us into {} with {what}.", self.server, self.room_id))
    }
}

impl Federation {
    /// Drops events that are malformed, not validly signed, or of another room; marks those that the auth rules
    /// reject.
    ///
    /// Errors as for an invalid response, when the create event is missing or the room version differs from the
    /// template's.
    pub(super) async fn examine(
        self: &Arc<Self>,
        source: &Source<'_>,
        told: SendJoinResponse,
        job: &Handle,
    ) -> Result<CheckedState> {
        let SendJoinResponse { spool, state, auth_chain, has_levels, members_servers, .. } = told;
        let (spool, notaries) = (Arc::new(Mutex::new(spool)), notaries(source, members_servers));
        let (mut dropped, mut list) = (Dropped::default(), StateEvents::default());
        let (mut done, total) = (0, state.len() + auth_chain.len());
        for (places, is_state) in [(state, true), (auth_chain, false)] {
            for chunk in chunks(&places, CHUNK, CHUNK_BYTES, |place| place.bytes()) {
                done += chunk.len();
                for event in self.sift(source, &spool, chunk, &notaries, &mut dropped).await? {
                    list.add(source.rules, event, is_state);
                }
                if !job.step(0.4 + 0.3 * share(done, total), format!("{done} of {total} events checked")) {
                    return Err(source.wrong("more than was waited for: the join was cancelled"));
                }
            }
        }
        match list.create_version() {
            CreateVersion::None => return Err(dropped.explain(source, "create event")),
            CreateVersion::Many => return Err(source.wrong("more than one beginning")),
            CreateVersion::Unreadable => return Err(source.wrong("an unreadable beginning")),
            CreateVersion::One(version) if version != source.version => {
                return Err(source.wrong("another version than it said"));
            }
            CreateVersion::One(_) => {}
        }
        let (rules, stored) = (source.rules, Arc::clone(&spool));
        let check = move || list.check_auth(rules, |place| stored.lock().read(place));
        let events = blocking("checking the auth rules of a room's events", check).await?;
        let holds = |event: &StateEvent| event.is_levels && event.is_state && !event.is_rejected;
        if has_levels && !events.iter().any(holds) {
            return Err(dropped.explain(source, "power levels"));
        }
        dropped.report(source, job);
        Ok(CheckedState { events, spool })
    }

    /// Parses some events and checks their signatures; invalid ones are counted and left out. The others are appended to
    /// the spool in the form in which they are stored.
    async fn sift(
        self: &Arc<Self>,
        source: &Source<'_>,
        spool: &Arc<Mutex<Spool>>,
        places: &[SpoolPlace],
        notaries: &[OwnedServerName],
        dropped: &mut Dropped,
    ) -> Result<Vec<(Pdu, SpoolPlace)>> {
        let (rules, room_id, count) = (source.rules, source.room_id.to_owned(), places.len());
        let (stored, places) = (Arc::clone(spool), places.to_vec());
        let parse = move || {
            let mut parsed = Vec::with_capacity(places.len());
            for place in places {
                let json = stored.lock().read(place)?;
                let json = serde_json::from_slice::<&RawValue>(&json).ok();
                parsed.extend(json.and_then(|json| pdu::parse(rules, Some(&room_id), json).ok()));
            }
            Ok(parsed)
        };
        let parsed = blocking("parsing the events of a room", parse).await?;
        dropped.malformed += count - parsed.len();
        let senders: Vec<_> = parsed.iter().map(|event| event.pdu.sender.server_name().to_owned()).collect();
        let mut verified = Vec::with_capacity(parsed.len());
        let checked = self.check_signatures_via(rules, parsed, notaries).await;
        for (event, server) in checked.into_iter().zip(senders) {
            match event {
                Ok(IncomingPdu { pdu, json, .. }) => {
                    let place = spool.lock().append(&json);
                    verified.push((pdu, place));
                }
                Err(error) => {
                    tracing::debug!(%error, room = %source.room_id, "An event of a room's state is left out.");
                    *dropped.unverified.entry(server).or_default() += 1;
                }
            }
        }
        let spool = Arc::clone(spool);
        let flush = move || {
            let mut spool = spool.lock();
            if spool.is_full() { spool.flush() } else { Ok(()) }
        };
        blocking("keeping the events of a room", flush).await?;
        Ok(verified)
    }

    /// The join as sent to all servers: with the authorising user's server signature, which the response must contain
    /// for a restricted join.
    pub(super) async fn countersigned(
        self: &Arc<Self>,
        source: &Source<'_>,
        wanted: &TemplateRequest<'_>,
        ours: &Authored,
        theirs: Option<Vec<u8>>,
        is_vouched: bool,
    ) -> Result<IncomingPdu> {
        let mut event = pdu::parse(source.rules, Some(wanted.room_id), &super::raw(ours)?)?;
        if !is_vouched {
            return Ok(event);
        }
        let theirs = theirs.ok_or_else(|| source.wrong("nobody's word for it"))?;
        let theirs: &RawValue = serde_json::from_slice(&theirs).map_err(|_| source.wrong("an unreadable event"))?;
        let theirs = pdu::parse(source.rules, Some(wanted.room_id), theirs)?;
        if theirs.pdu.event_id != event.pdu.event_id {
            return Err(source.wrong("another event than ours"));
        }
        take_signatures(&mut event, &theirs, source.server)?;
        self.check_signatures(source.rules, vec![event]).await.pop().unwrap_or_else(|| Err(source.wrong("no event")))
    }
}

/// Events of a join response that were dropped.
#[derive(Debug, Default)]
struct Dropped {
    /// Number of events that are not valid in the room's version.
    malformed: usize,
    /// Number of unverifiable events, by the server whose signature they need.
    unverified: BTreeMap<OwnedServerName, usize>,
}

impl Dropped {
    /// The error for a room without a required event, and what helps.
    fn explain(&self, source: &Source<'_>, part: &str) -> Error {
        let mut why = format!("the room's {part} could not be checked");
        if !self.unverified.is_empty() {
            why += &format!(": no one gave keys of {}", self.servers());
        }
        refuse(
            Reason::ConnectionFailed,
            format!(
                "{} is not joined: in the answer of {}, {why}. Join through another server that is in the room (?via=), or \
                 have the operator name a notary that knows those keys in `federation.notaries`.",
                source.room_id, source.server
            ),
        )
    }

    /// Reports the dropped events of a successful join in the log and in the job.
    fn report(&self, source: &Source<'_>, job: &Handle) {
        let unverified: usize = self.unverified.values().sum();
        if unverified + self.malformed == 0 {
            return;
        }
        let servers = self.servers();
        tracing::info!(unverified, malformed = self.malformed, servers, room = %source.room_id, federation.server = %source.server,
            "Parts of a room's state could not be checked and are missing here.");
        job.step(
            0.7,
            format!("{} parts of the state could not be checked and are left out", unverified + self.malformed),
        );
    }

    fn servers(&self) -> String {
        let mut names: Vec<&str> =
            self.unverified.keys().take(limits::SERVERS_NAMED_MAX).map(|name| name.as_str()).collect();
        if self.unverified.len() > limits::SERVERS_NAMED_MAX {
            names.push("others");
        }
        names.join(", ")
    }
}

/// The fields of an event that are read before its checks.
#[derive(Deserialize)]
struct Glimpse<'a> {
    #[serde(rename = "type", borrow)]
    kind: Cow<'a, str>,
    #[serde(borrow)]
    state_key: Option<Cow<'a, str>>,
    #[serde(borrow)]
    content: Option<&'a RawValue>,
}

/// Whether it is a power levels event.
pub(super) fn is_levels(json: &[u8]) -> bool {
    serde_json::from_slice::<Glimpse<'_>>(json).is_ok_and(|event| event.kind == "m.room.power_levels")
}

/// Servers that may have keys which their owners no longer publish: the resident server, and some others that it lists
/// as members.
fn notaries(source: &Source<'_>, members_servers: Vec<OwnedServerName>) -> Vec<OwnedServerName> {
    let others = members_servers.into_iter().filter(|server| server != source.server);
    std::iter::once(source.server.to_owned()).chain(others).take(limits::NOTARIES_PER_ROOM_MAX).collect()
}

/// Adds the server of a joined member to the first few of `servers`.
pub(super) fn note_notary(servers: &mut Vec<OwnedServerName>, json: &[u8]) {
    if servers.len() == limits::NOTARIES_PER_ROOM_MAX {
        return;
    }
    let Ok(event) = serde_json::from_slice::<Glimpse<'_>>(json) else { return };
    let is_join = event.content.is_some_and(|content| content.get().contains("\"join\""));
    let user = event.state_key.filter(|_| event.kind == "m.room.member" && is_join);
    if let Some(Ok(user)) = user.as_deref().map(UserId::parse)
        && !servers.iter().any(|known| known == user.server_name())
    {
        servers.push(user.server_name().to_owned());
    }
}

/// Runs a closure that computes or reads files for long.
async fn blocking<T: Send + 'static>(
    what: &'static str,
    work: impl FnOnce() -> Result<T> + Send + 'static,
) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|error| Error::fault(what, error))?
}

/// Splits a list into runs of at most so many items and bytes; an item that is larger is a run of its own.
pub(super) fn chunks<T>(
    mut items: &[T],
    items_max: usize,
    bytes_max: usize,
    bytes: impl Fn(&T) -> usize,
) -> impl Iterator<Item = &[T]> {
    std::iter::from_fn(move || {
        let mut held = 0;
        let fits = |item: &&T| {
            held += bytes(item);
            held <= bytes_max
        };
        let count = items.iter().take(items_max).take_while(fits).count().max(1);
        let (chunk, rest) = items.split_at_checked(count)?;
        items = rest;
        Some(chunk)
    })
}

fn share(done: usize, total: usize) -> f64 {
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    count(done) / count(total.max(1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunks_have_a_bound_in_items_and_in_bytes() {
        let sizes = [10, 10, 10, 90, 200, 10, 10, 10, 10, 10];
        let found: Vec<Vec<usize>> = chunks(&sizes, 4, 100, |size| *size).map(<[usize]>::to_vec).collect();
        assert_eq!(found, [vec![10, 10, 10], vec![90], vec![200], vec![10, 10, 10, 10], vec![10]]);
        assert_eq!(chunks(&[], 4, 100, |size: &usize| *size).count(), 0);
    }
}
