//! The response to a join, larger than what a join may have in memory: received, checked, and read again.

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use bytes::Bytes;
use futures_util::stream;
use hearth_base::limits::federation::JOIN_SPOOL_MEMORY_BYTES_MAX;
use hearth_core::jobs::Jobs;
use hearth_core::ports::RemoteResponse;
use hearth_rooms::event::Authored;
use ruma::{EventId, OwnedEventId, server_name};
use serde_json::json;

use super::room_state_checks::{CheckedState, Source};
use super::send_join::{ResponseLimits, SendJoinResponse};
use crate::Federation;
use crate::pdu;
use crate::tests::graph::{Graph, Wish};
use crate::tests::services::Services;
use crate::tests::world::{ALICE, Home, Others};

const CREATOR: &str = "@creator:far.example";

/// A room with a large state, an event that its auth events do not allow, and the join of a local user.
struct LargeRoom {
    graph: Graph,
    state: Vec<OwnedEventId>,
    join: OwnedEventId,
}

impl LargeRoom {
    fn new(version: &str, home: &Home) -> Self {
        let mut graph = Graph::new(version, &home.core);
        let mut state = graph.order.clone();
        let mut add = |sender: &str, kind: &str, key: &str, content| {
            let newest = graph.order[4].clone();
            state.push(graph.make(&Wish { sender, kind, state_key: Some(key), content }, &[newest]));
        };
        for n in 0..200 {
            add(CREATOR, "m.pad", &n.to_string(), json!({ "pad": "x".repeat(61_000) }));
        }
        add("@stranger:far.example", "m.room.topic", "", json!({ "topic": "not in the room" }));
        let newest = state[4].clone();
        let content = json!({ "membership": "join" });
        let join =
            graph.make(&Wish { sender: ALICE, kind: "m.room.member", state_key: Some(ALICE), content }, &[newest]);
        Self { graph, state, join }
    }

    /// The response of the resident server, in pieces as a network has them.
    fn response(&self) -> RemoteResponse {
        let raw = |ids: &[OwnedEventId]| ids.iter().map(|id| self.graph.made(id).json.clone()).collect::<Vec<_>>();
        let body = json!({ "auth_chain": raw(&self.state[..5]), "state": raw(&self.state) }).to_string();
        let pieces: Vec<_> = body.as_bytes().chunks(16 * 1024).map(|piece| Ok(Bytes::copy_from_slice(piece))).collect();
        RemoteResponse { status: 200, content_type: None, body: Box::pin(stream::iter(pieces)) }
    }

    fn source(&self) -> Source<'_> {
        let server = server_name!("far.example");
        Source { server, room_id: &self.graph.room_id, version: &self.graph.version, rules: self.graph.rules }
    }

    async fn hear(&self, federation: &Federation) -> SendJoinResponse {
        let join = self.graph.made(&self.join);
        let ours = Authored { pdu: join.pdu.clone(), json: join.json.get().into() };
        let job = Jobs::default().begin("join_room", 0);
        let extent = ResponseLimits { expected: None, max: None };
        federation.hear(&self.graph.room_id, &ours, self.response(), extent, &job).await.expect("an answer")
    }

    async fn examine(&self, federation: &Arc<Federation>, told: SendJoinResponse) -> CheckedState {
        let job = Jobs::default().begin("join_room", 0);
        federation.examine(&self.source(), told, &job).await.expect("a valid state")
    }

    /// The check of all events at once, in memory.
    fn checked_at_once(&self, ids: &[OwnedEventId]) -> BTreeMap<OwnedEventId, bool> {
        let parse = |id: &OwnedEventId| {
            pdu::parse(self.graph.rules, Some(&self.graph.room_id), &self.graph.made(id).json).expect("an event")
        };
        let checked = pdu::check_auth(self.graph.rules, ids.iter().map(parse).collect(), |_| Ok(None));
        checked.expect("checked").into_iter().map(|event| (event.pdu.event_id, event.pdu.rejected)).collect()
    }
}

fn file_of_spools(home: &Home) -> usize {
    let folder = std::fs::read_dir(&home.core.config.server.data_dir).expect("a folder");
    folder.flatten().filter(|entry| entry.file_name().to_string_lossy().starts_with("join-")).count()
}

#[tokio::test]
async fn a_large_state_is_on_disk_while_it_is_checked() {
    for version in ["11", "12"] {
        let home = Home::open();
        let room = LargeRoom::new(version, &home);
        let others = Arc::<Others>::default();
        let federation = Services::new(home.core.clone(), others.clone()).federation;
        let told = room.hear(&federation).await;
        let received: usize = told.state.iter().map(|place| place.bytes()).sum();
        assert!(received > JOIN_SPOOL_MEMORY_BYTES_MAX, "{received}");
        assert!(told.spool.in_memory_bytes() < JOIN_SPOOL_MEMORY_BYTES_MAX, "{version}");
        let CheckedState { events, spool } = room.examine(&federation, told).await;
        assert!(spool.lock().in_memory_bytes() < JOIN_SPOOL_MEMORY_BYTES_MAX, "{version}");
        assert_eq!(file_of_spools(&home), 0, "the file has no name");
        let found: BTreeMap<_, _> = events.iter().map(|event| (event.id.clone(), event.is_rejected)).collect();
        assert_eq!(found, room.checked_at_once(&room.state), "{version}");
        assert_eq!(found.values().filter(|is_rejected| **is_rejected).count(), 1, "{version}");
        let mut seen = HashSet::<&EventId>::new();
        for event in &events {
            let read = event.read(|place| spool.lock().read(place)).expect("the event");
            assert_eq!(read.json, room.graph.made(&event.id).json.get().as_bytes(), "{version}");
            assert!(read.pdu.auth_events.iter().all(|id| seen.contains(&**id)), "parents come first");
            assert!(event.is_state && read.pdu.rejected == event.is_rejected);
            seen.insert(&event.id);
        }
    }
}

#[tokio::test]
async fn an_event_without_its_auth_events_is_left_out() {
    for version in ["11", "12"] {
        let home = Home::open();
        let mut room = LargeRoom::new(version, &home);
        // The creator's member event, which nearly all others need.
        room.state.remove(1);
        let federation = Services::new(home.core.clone(), Arc::<Others>::default()).federation;
        let mut told = room.hear(&federation).await;
        told.auth_chain.clear();
        told.has_levels = false;
        let CheckedState { events, .. } = room.examine(&federation, told).await;
        let found: BTreeMap<_, _> = events.into_iter().map(|event| (event.id, event.is_rejected)).collect();
        assert_eq!(found, room.checked_at_once(&room.state), "{version}");
        assert!(found.len() <= 2, "{version}: {found:?}");
    }
}
