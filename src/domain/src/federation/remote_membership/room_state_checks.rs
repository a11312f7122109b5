//! What was told about a room, held against signatures and the room's own rules, before anything of it is believed.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse};
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedEventId, RoomId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::Federation;
use super::make_join::TemplateRequest;
use super::send_join::SendJoinResponse;
use crate::admin::jobs::Handle;
use crate::federation::pdu::{self, IncomingPdu};
use crate::federation::sign::take_signatures;
use crate::rooms::event::Authored;

/// Events that are parsed and checked at a time: so many are in memory in their large form.
const CHUNK: usize = 1_024;

/// The room as the resident has it, as far as it holds.
#[derive(Debug)]
pub(super) struct CheckedState {
    /// All events, each after those that authorise it; rejected ones are marked.
    pub(super) events: Vec<IncomingPdu>,
    /// Which of them are the state.
    pub(super) state: HashSet<OwnedEventId>,
}

/// Whose answer, about which room.
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
    /// Drops what is malformed, not signed as it should be, or of another room; marks what the room's rules do not allow.
    ///
    /// Refuses, as an answer that is none, a room without its beginning, or of another version than it was said to be.
    pub(super) async fn examine(
        self: &Arc<Self>,
        source: &Source<'_>,
        told: SendJoinResponse,
        job: &Handle,
    ) -> Result<CheckedState> {
        let SendJoinResponse { state, auth_chain, .. } = told;
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
                for event in self.sift(source, chunk).await? {
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
        begin_with_create(source, &mut events, &state_ids)?;
        let rules = source.rules;
        let auth_checked = tokio::task::spawn_blocking(move || pdu::check_auth(rules, events, |_| Ok(None)));
        let events = auth_checked.await.map_err(|error| Error::fault("judging the events of a room", error))??;
        Ok(CheckedState { events, state: state_ids })
    }

    /// Parses some events and checks their signatures; what does not hold is left out.
    async fn sift(self: &Arc<Self>, source: &Source<'_>, pieces: Vec<Vec<u8>>) -> Result<Vec<IncomingPdu>> {
        let (rules, room_id, count) = (source.rules, source.room_id.to_owned(), pieces.len());
        let parse = move || {
            let parsed = pieces.iter().filter_map(|json| serde_json::from_slice::<&RawValue>(json).ok());
            parsed.filter_map(|json| pdu::parse(rules, Some(&room_id), json).ok()).collect::<Vec<_>>()
        };
        let parsed = tokio::task::spawn_blocking(parse).await;
        let parsed = parsed.map_err(|error| Error::fault("parsing the events of a room", error))?;
        let mut verified = Vec::with_capacity(parsed.len());
        for event in self.check_signatures(rules, parsed).await {
            match event {
                // The large form has served its purpose.
                Ok(event) => verified.push(IncomingPdu { object: Default::default(), ..event }),
                Err(error) => {
                    tracing::debug!(%error, room = %source.room_id, "Left a state event out of the send_join response.")
                }
            }
        }
        if verified.len() < count {
            let dropped = count - verified.len();
            tracing::info!(dropped, room = %source.room_id, federation.server = %source.server, "State events in the send_join response failed their checks.");
        }
        Ok(verified)
    }

    /// Our join as everybody gets it: with the signature of whoever vouches, which the answer must have then.
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

fn share(done: usize, total: usize) -> f64 {
    let count = |count: usize| f64::from(u32::try_from(count).unwrap_or(u32::MAX));
    count(done) / count(total.max(1))
}

/// Puts the create event first, by which from version 12 on others are judged without naming it.
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
