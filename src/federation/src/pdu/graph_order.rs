//! Topological order of events: parents first, for any kind of edge.

use std::collections::HashMap;

use ruma::{EventId, OwnedEventId};

use super::parse::IncomingPdu;

/// Sorts events so that each comes after its parents in the list; `parents` passes the ids of the parents to its last
/// argument. Of several events with the same id the last counts. Otherwise the given order stays as far as possible.
pub(super) fn parents_first(
    events: Vec<IncomingPdu>,
    parents: impl Fn(&IncomingPdu, &mut dyn FnMut(&EventId)),
) -> Vec<IncomingPdu> {
    let places: HashMap<OwnedEventId, usize> =
        events.iter().enumerate().map(|(at, event)| (event.pdu.event_id.clone(), at)).collect();
    let order = order(
        events.len(),
        |at| places.get(&events[at].pdu.event_id) == Some(&at),
        |at, each| parents(&events[at], &mut |id| places.get(id).into_iter().for_each(|place| each(*place))),
    );
    let mut events: Vec<Option<IncomingPdu>> = events.into_iter().map(Some).collect();
    order.into_iter().filter_map(|at| events[at].take()).collect()
}

/// The order of [`parents_first`] for events that are not in memory: numbers below `count`. Those that `counts` denies are
/// left out; `parents` passes the numbers of the parents to its last argument.
///
/// The graph has no cycles: an event id is a hash, so no event is its own ancestor. If two ids collide all the same,
/// each event still appears once.
pub(crate) fn order(
    count: usize,
    counts: impl Fn(usize) -> bool,
    parents: impl Fn(usize, &mut dyn FnMut(usize)),
) -> Vec<usize> {
    let mut order = Vec::with_capacity(count);
    let mut state = vec![Visit::New; count];
    for start in (0..count).filter(|start| counts(*start)) {
        // An explicit stack, because another server chooses the depth of the graph.
        let mut path = vec![start];
        while let Some(at) = path.last().copied() {
            if state[at] == Visit::New {
                state[at] = Visit::Open;
                parents(at, &mut |parent| path.extend(Some(parent).filter(|parent| state[*parent] == Visit::New)));
                continue;
            }
            path.pop();
            if state[at] == Visit::Open {
                state[at] = Visit::Done;
                order.push(at);
            }
        }
    }
    order
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Visit {
    New,
    /// On the current path.
    Open,
    Done,
}
