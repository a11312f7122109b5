//! Selects events from another server's backfill response: only events connected to the known history count, in
//! topological order. Pure.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap, HashSet};

use ruma::OwnedEventId;

use crate::pdu::IncomingPdu;

/// The events of `candidates` that are reachable from the `missing` events without a hole, oldest first: topological
/// order, ties by depth and timestamp.
pub(super) fn connected(missing: &[OwnedEventId], candidates: Vec<IncomingPdu>) -> Vec<IncomingPdu> {
    let mut by_id: HashMap<OwnedEventId, IncomingPdu> =
        candidates.into_iter().map(|candidate| (candidate.pdu.event_id.clone(), candidate)).collect();
    let mut reached = HashSet::new();
    let mut next: Vec<OwnedEventId> = missing.to_vec();
    while let Some(id) = next.pop() {
        if let Some(candidate) = by_id.get(&id)
            && reached.insert(id)
        {
            next.extend(candidate.pdu.prev_events.iter().cloned());
        }
    }
    by_id.retain(|id, _| reached.contains(id));
    sort(by_id)
}

fn sort(mut by_id: HashMap<OwnedEventId, IncomingPdu>) -> Vec<IncomingPdu> {
    let mut waits_for: HashMap<OwnedEventId, usize> = HashMap::with_capacity(by_id.len());
    let mut followers: HashMap<OwnedEventId, Vec<OwnedEventId>> = HashMap::new();
    for (id, candidate) in &by_id {
        let before: HashSet<&OwnedEventId> =
            candidate.pdu.prev_events.iter().filter(|prev| by_id.contains_key(*prev)).collect();
        waits_for.insert(id.clone(), before.len());
        for prev in before {
            followers.entry(prev.clone()).or_default().push(id.clone());
        }
    }
    let key = |candidate: &IncomingPdu| {
        Reverse((candidate.pdu.depth, candidate.pdu.origin_server_ts, candidate.pdu.event_id.clone()))
    };
    let ready = by_id.values().filter(|candidate| waits_for.get(&candidate.pdu.event_id) == Some(&0));
    let mut ready: BinaryHeap<_> = ready.map(key).collect();
    let mut sorted = Vec::with_capacity(by_id.len());
    while let Some(Reverse((.., id))) = ready.pop() {
        for follower in followers.remove(&id).unwrap_or_default() {
            let Some(left) = waits_for.get_mut(&follower) else { continue };
            *left -= 1;
            if *left == 0 {
                ready.extend(by_id.get(&follower).map(key));
            }
        }
        sorted.extend(by_id.remove(&id));
    }
    sorted
}

#[cfg(test)]
mod tests {
    use ruma::EventId;
    use ruma::canonical_json::CanonicalJsonObject;

    use super::*;
    use hearth_rooms::event::Pdu;

    fn event(name: &str, depth: i64, prev: &[&str]) -> IncomingPdu {
        let prev: Vec<String> = prev.iter().map(|prev| format!("\"${prev}\"")).collect();
        let json = format!(
            r#"{{"type":"m.room.message","sender":"@a:b","origin_server_ts":1,"depth":{depth},"content":{{}},"prev_events":[{}]}}"#,
            prev.join(",")
        );
        let pdu = Pdu::parse(EventId::parse(format!("${name}")).expect("an id"), json.as_bytes()).expect("an event");
        IncomingPdu { pdu, json: json.into_bytes(), object: CanonicalJsonObject::new() }
    }

    fn names(missing: &[&str], candidates: Vec<IncomingPdu>) -> Vec<String> {
        let missing: Vec<_> = missing.iter().map(|id| EventId::parse(format!("${id}")).expect("an id")).collect();
        let events = connected(&missing, candidates);
        events.iter().map(|event| event.pdu.event_id.as_str()[1..].to_owned()).collect()
    }

    #[test]
    fn what_leads_nowhere_is_left_out() {
        let events = vec![event("c", 3, &["b"]), event("a", 1, &[]), event("x", 2, &["a"]), event("b", 2, &["a"])];
        assert_eq!(names(&["c"], events), ["a", "b", "c"]);
        assert!(names(&["other"], vec![event("a", 1, &[])]).is_empty());
    }

    #[test]
    fn children_come_after_parents_whatever_their_depths_claim() {
        let events =
            vec![event("d", 1, &["b", "c"]), event("b", 9, &["a"]), event("c", 3, &["a", "a"]), event("a", 50, &[])];
        assert_eq!(names(&["d"], events), ["a", "c", "b", "d"]);
    }
}
