//! Topological order of events: parents first, whichever kind of parents.

use std::collections::HashMap;

use ruma::{EventId, OwnedEventId};

use super::parse::IncomingPdu;

/// Sorts events so that each comes after those of its parents that are among them; `parents` names them to its last argument.
/// Of events with one id the last is taken. Otherwise the given order stays, as far as it can.
///
/// There are no circles: an event is named by its hash, so it cannot be its own ancestor. Should two ids collide all the same, each
/// event still comes out once.
pub(super) fn parents_first(
    events: Vec<IncomingPdu>,
    parents: impl Fn(&IncomingPdu, &mut dyn FnMut(&EventId)),
) -> Vec<IncomingPdu> {
    let places: HashMap<OwnedEventId, usize> =
        events.iter().enumerate().map(|(at, event)| (event.pdu.event_id.clone(), at)).collect();
    let mut order = Vec::with_capacity(events.len());
    let mut state = vec![Visit::New; events.len()];
    for start in 0..events.len() {
        if places.get(&events[start].pdu.event_id) != Some(&start) {
            continue;
        }
        // A stack of our own: another server chooses how deep the graph is.
        let mut path = vec![start];
        while let Some(at) = path.last().copied() {
            if state[at] == Visit::New {
                state[at] = Visit::Open;
                parents(&events[at], &mut |id| {
                    path.extend(places.get(id).filter(|place| state[**place] == Visit::New));
                });
                continue;
            }
            path.pop();
            if state[at] == Visit::Open {
                state[at] = Visit::Done;
                order.push(at);
            }
        }
    }
    let mut events: Vec<Option<IncomingPdu>> = events.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| events[at].take()).collect()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    /// Its parents are on the path.
    Open,
    Done,
}
