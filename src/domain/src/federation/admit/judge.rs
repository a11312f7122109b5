//! Judging events whose place in the room is not known, such as the state that comes with a join, by what authorises them.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::Result;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{EventId, OwnedEventId};

use super::checks;
use super::parse::Candidate;
use crate::rooms::event::Pdu;
use crate::rooms::load::Event;

/// Sorts events so that each comes after those that authorise it, and sets `pdu.rejected` of each that these do not allow in.
/// `known` finds events that are stored already. An event that comes twice is left out once.
///
/// What authorises an event must be known or among the others; else the event is rejected.
pub fn judge(
    rules: &RoomVersionRules,
    candidates: Vec<Candidate>,
    mut known: impl FnMut(&EventId) -> Result<Option<Arc<Event>>>,
) -> Result<Vec<Candidate>> {
    let mut sorted = sort(candidates);
    let mut places: HashMap<OwnedEventId, usize> = HashMap::with_capacity(sorted.len());
    for at in 0..sorted.len() {
        let (judged, rest) = sorted.split_at_mut(at);
        let candidate = &mut rest[0];
        let wanted = candidate.pdu.auth_events.iter().cloned().chain(checks::create_id(rules, &candidate.pdu));
        let mut stored = Vec::new();
        let mut auth: Vec<&Pdu> = Vec::new();
        for id in wanted {
            match places.get(&id) {
                Some(place) => auth.push(&judged[*place].pdu),
                None => stored.extend(known(&id)?),
            }
        }
        auth.extend(stored.iter().map(|event| &event.pdu));
        if let Err(why) = checks::by_auth_events(rules, &candidate.pdu, &auth) {
            tracing::debug!(event = %candidate.pdu.event_id, why, "An event of another server is rejected.");
            candidate.pdu.rejected = true;
        }
        places.insert(candidate.pdu.event_id.clone(), at);
    }
    Ok(sorted)
}

/// Every event after those of its auth events that are among them, each once. An event cannot authorise itself, however
/// indirectly, as it is named by its hash.
fn sort(candidates: Vec<Candidate>) -> Vec<Candidate> {
    let places: HashMap<OwnedEventId, usize> =
        candidates.iter().enumerate().map(|(at, candidate)| (candidate.pdu.event_id.clone(), at)).collect();
    let mut order = Vec::with_capacity(candidates.len());
    let mut state = vec![State::New; candidates.len()];
    for start in 0..candidates.len() {
        if places.get(&candidates[start].pdu.event_id) != Some(&start) {
            continue;
        }
        let mut path = vec![start];
        while let Some(at) = path.last().copied() {
            let is_first = state[at] == State::New;
            if is_first {
                state[at] = State::Open;
                let auth = candidates[at].pdu.auth_events.iter().filter_map(|id| places.get(id));
                path.extend(auth.filter(|place| state[**place] == State::New));
                continue;
            }
            path.pop();
            if state[at] == State::Open {
                state[at] = State::Done;
                order.push(at);
            }
        }
    }
    let mut candidates: Vec<Option<Candidate>> = candidates.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| candidates[at].take()).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}
