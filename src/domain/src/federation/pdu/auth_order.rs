//! Judging events whose place in the room is not known, such as the state that comes with a join, by what authorises them.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::Result;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{EventId, OwnedEventId};

use super::auth_rules;
use super::parse::IncomingPdu;
use crate::rooms::event::Pdu;
use crate::rooms::load::Event;

/// Sorts events so that each comes after those that authorise it, and sets `pdu.rejected` of each that these do not allow in.
/// `known` finds events that are stored already. An event that comes twice is left out once.
///
/// An event of which something that authorises it is neither known nor among the others is left out: it cannot be judged, and
/// to reject it would be for good.
pub fn check_auth(
    rules: &RoomVersionRules,
    candidates: Vec<IncomingPdu>,
    mut known: impl FnMut(&EventId) -> Result<Option<Arc<Event>>>,
) -> Result<Vec<IncomingPdu>> {
    let mut auth_checked: Vec<IncomingPdu> = Vec::with_capacity(candidates.len());
    let mut places: HashMap<OwnedEventId, usize> = HashMap::with_capacity(candidates.len());
    for mut candidate in sort(rules, candidates) {
        let create = auth_rules::create_id(rules, &candidate.pdu);
        let (mut stored, mut auth, mut is_whole): (Vec<_>, Vec<&Pdu>, _) = (Vec::new(), Vec::new(), true);
        for id in candidate.pdu.auth_events.iter().chain(&create) {
            match places.get(id) {
                Some(place) => auth.push(&auth_checked[*place].pdu),
                None => match known(id)? {
                    Some(event) => stored.push(event),
                    None => is_whole = false,
                },
            }
        }
        auth.extend(stored.iter().map(|event| &event.pdu));
        let verdict = auth_rules::by_auth_events(rules, &candidate.pdu, &auth);
        drop(auth);
        if !is_whole {
            tracing::debug!(event.id = %candidate.pdu.event_id, "Event lacks its auth events.");
            continue;
        }
        if let Err(why) = verdict {
            tracing::debug!(event.id = %candidate.pdu.event_id, why, "Rejected a PDU.");
            candidate.pdu.rejected = true;
        }
        places.insert(candidate.pdu.event_id.clone(), auth_checked.len());
        auth_checked.push(candidate);
    }
    Ok(auth_checked)
}

/// Every event after those of its auth events that are among them, and after the create event, each once. An event cannot authorise itself, however
/// indirectly, as it is named by its hash.
fn sort(rules: &RoomVersionRules, candidates: Vec<IncomingPdu>) -> Vec<IncomingPdu> {
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
                let pdu = &candidates[at].pdu;
                let create = auth_rules::create_id(rules, pdu);
                let auth = pdu.auth_events.iter().chain(&create).filter_map(|id| places.get(id));
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
    let mut candidates: Vec<Option<IncomingPdu>> = candidates.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| candidates[at].take()).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    New,
    Open,
    Done,
}
