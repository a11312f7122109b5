//! Checks a received room state against signatures and auth rules, before any of it is used.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::jobs::Handle;
use hearth_rooms::event::Authored;
use ruma::events::TimelineEventType;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedEventId, OwnedServerName, RoomId, ServerName, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Federation;
use super::make_join::TemplateRequest;
use super::send_join::SendJoinResponse;
use crate::pdu::{self, IncomingPdu};
use crate::sign::take_signatures;

/// Events that are parsed and checked at a time; bounds how many are in memory in their large form.
const CHUNK: usize = 1_024;

/// The room's state from the resident server, as far as it is valid.
#[derive(Debug)]
pub(super) struct CheckedState {
    /// All events in topological order of auth events; rejected ones are marked.
    pub(super) events: Vec<IncomingPdu>,
    /// The ids of the state events.
    pub(super) state: HashSet<OwnedEventId>,
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
        let SendJoinResponse { state, auth_chain, .. } = told;
        let has_levels = state.iter().any(|json| is_levels(json));
        let notaries = notaries(source, &state);
        let mut dropped = Dropped::default();
        let total = state.len() + auth_chain.len();
        let (mut events, mut seen) = (Vec::with_capacity(total), HashSet::with_capacity(total));
        let mut done = 0;
        let mut state_ids = HashSet::with_capacity(state.len());
        for (pieces, is_state) in [(state, true), (auth_chain, false)] {
            let mut pieces = pieces.into_iter();
            loop {
                let chunk: Vec<Vec<u8>> = pieces.by_ref().take(CHUNK).collect();
                if chunk.is_empty() {
                    break;
                }
                done += chunk.len();
                for event in self.sift(source, chunk, &notaries, &mut dropped).await? {
                    if is_state {
                        state_ids.insert(event.pdu.event_id.clone());
                    }
                    if seen.insert(event.pdu.event_id.clone()) {
                        events.push(event);
                    }
                }
                if !job.step(0.4 + 0.3 * share(done, total), format!("{done} of {total} events checked")) {
                    return Err(source.wrong("more than was waited for: the join was cancelled"));
                }
            }
        }
        if !events.iter().any(|event| event.is_create() && state_ids.contains(&event.pdu.event_id)) {
            return Err(dropped.explain(source, "create event"));
        }
        begin_with_create(source, &mut events, &state_ids)?;
        let rules = source.rules;
        let auth_checked = tokio::task::spawn_blocking(move || pdu::check_auth(rules, events, |_| Ok(None)));
        let events = auth_checked.await.map_err(|error| Error::fault("judging the events of a room", error))??;
        let is_levels = |event: &IncomingPdu| event.pdu.is_state(&TimelineEventType::RoomPowerLevels, "");
        let holds = |event: &IncomingPdu| !event.pdu.rejected && state_ids.contains(&event.pdu.event_id);
        if has_levels && !events.iter().any(|event| is_levels(event) && holds(event)) {
            return Err(dropped.explain(source, "power levels"));
        }
        dropped.report(source, job);
        Ok(CheckedState { events, state: state_ids })
    }

    /// Parses some events and checks their signatures; invalid ones are counted and left out.
    async fn sift(
        self: &Arc<Self>,
        source: &Source<'_>,
        pieces: Vec<Vec<u8>>,
        notaries: &[OwnedServerName],
        dropped: &mut Dropped,
    ) -> Result<Vec<IncomingPdu>> {
        let (rules, room_id, count) = (source.rules, source.room_id.to_owned(), pieces.len());
        let parse = move || {
            let parsed = pieces.iter().filter_map(|json| serde_json::from_slice::<&RawValue>(json).ok());
            parsed.filter_map(|json| pdu::parse(rules, Some(&room_id), json).ok()).collect::<Vec<_>>()
        };
        let parsed = tokio::task::spawn_blocking(parse).await;
        let parsed = parsed.map_err(|error| Error::fault("parsing the events of a room", error))?;
        dropped.malformed += count - parsed.len();
        let senders: Vec<_> = parsed.iter().map(|event| event.pdu.sender.server_name().to_owned()).collect();
        let mut verified = Vec::with_capacity(parsed.len());
        let checked = self.check_signatures_via(rules, parsed, notaries).await;
        for (event, server) in checked.into_iter().zip(senders) {
            match event {
                // The large form is no longer needed, so its memory is freed.
                Ok(event) => verified.push(IncomingPdu { object: Default::default(), ..event }),
                Err(error) => {
                    tracing::debug!(%error, room = %source.room_id, "An event of a room's state is left out.");
                    *dropped.unverified.entry(server).or_default() += 1;
                }
            }
        }
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

fn is_levels(json: &[u8]) -> bool {
    serde_json::from_slice::<Glimpse<'_>>(json).is_ok_and(|event| event.kind == "m.room.power_levels")
}

/// Servers that may have keys which their owners no longer publish: the resident server, and some others that it lists
/// as members.
fn notaries(source: &Source<'_>, state: &[Vec<u8>]) -> Vec<OwnedServerName> {
    let mut notaries = vec![source.server.to_owned()];
    for json in state {
        let Ok(event) = serde_json::from_slice::<Glimpse<'_>>(json) else { continue };
        let is_join = event.content.is_some_and(|content| content.get().contains("\"join\""));
        let user = event.state_key.filter(|_| event.kind == "m.room.member" && is_join);
        if let Some(Ok(user)) = user.as_deref().map(UserId::parse)
            && !notaries.iter().any(|known| known == user.server_name())
        {
            notaries.push(user.server_name().to_owned());
            if notaries.len() == limits::NOTARIES_PER_ROOM_MAX {
                break;
            }
        }
    }
    notaries
}

fn share(done: usize, total: usize) -> f64 {
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    count(done) / count(total.max(1))
}

/// Moves the create event to the front: from version 12 on other events need it without listing it.
fn begin_with_create(source: &Source<'_>, events: &mut [IncomingPdu], state: &HashSet<OwnedEventId>) -> Result<()> {
    #[derive(Deserialize)]
    struct Create {
        room_version: Option<String>,
    }
    let is_the_one = |event: &IncomingPdu| event.is_create() && state.contains(&event.pdu.event_id);
    let mut creates = events.iter().enumerate().filter(|(_, event)| is_the_one(event)).map(|(at, _)| at);
    let (Some(at), None) = (creates.next(), creates.next()) else {
        return Err(source.wrong("no beginning, or more than one"));
    };
    let create: Create = events[at].pdu.content_as().map_err(|_| source.wrong("an unreadable beginning"))?;
    if create.room_version.as_deref().unwrap_or("1") != source.version {
        return Err(source.wrong("another version than it said"));
    }
    events.swap(0, at);
    Ok(())
}
