//! Auth checks for events whose place in the graph is unknown, such as the state in a `send_join` response: against
//! their auth events only.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::event::{Pdu, auth_rules};
use hearth_rooms::load::Event;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{EventId, OwnedEventId};

use super::graph_order::parents_first;
use super::parse::IncomingPdu;

/// Sorts events topologically by auth events, and sets `pdu.rejected` of those that their auth events do not allow.
/// `known` finds stored events. Duplicates are removed.
///
/// An event with an auth event that is neither known nor in the list is left out: it cannot be checked, and a
/// rejection would be permanent.
pub fn check_auth(
    rules: &RoomVersionRules,
    candidates: Vec<IncomingPdu>,
    mut known: impl FnMut(&EventId) -> Result<Option<Arc<Event>>>,
) -> Result<Vec<IncomingPdu>> {
    let mut auth_checked: Vec<IncomingPdu> = Vec::with_capacity(candidates.len());
    let mut places: HashMap<OwnedEventId, usize> = HashMap::with_capacity(candidates.len());
    let in_order = parents_first(candidates, |candidate, each| {
        let create = auth_rules::create_id(rules, &candidate.pdu);
        candidate.pdu.auth_events.iter().chain(&create).for_each(|id| each(id));
    });
    for mut candidate in in_order {
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
