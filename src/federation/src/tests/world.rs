//! A server under test, and a network of simulated servers, which serve their keys and the events of a [`Graph`].

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures_util::{FutureExt, stream};
use hearth_base::{Error, Position, Result, Seams};
use hearth_core::Requester;
use hearth_core::keys::SigningKey;
use hearth_core::ports::{Call, Eventually, Network, RemoteResponse};
use hearth_rooms::load::Event;
use hearth_rooms::read::Token;
use hearth_rooms::read::page::{MessagesPage, Paging};
use hearth_rooms::state::snapshot;
use hearth_rooms::testing;
use hearth_rooms::{LocalRooms, RoomCore};
use hearth_store::ids::{DeviceSn, RoomSn};
use hearth_store::tables::{events, inbox, rooms, state, state_keys, users};
use hearth_store::{Lane, ReadTx};
use hearth_users::sync::SyncQuery;
use parking_lot::Mutex;
use ruma::api::client::sync::sync_events::v3 as sync_events;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{sign_event, sign_json};
use ruma::{EventId, OwnedEventId, OwnedRoomId, ServerName};
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::graph::{Graph, State, Wish, key_of};
use super::services::Services;
use crate::Federation;
use crate::pdu::{self, Adoption, IncomingPdu};

pub(crate) const ALICE: &str = "@alice:home.example";

/// Decides by chance whether a request fails: with a status, or without a response for 0.
type Chance = Box<dyn FnMut(&Call) -> Option<u16> + Send>;

/// The simulated servers.
#[derive(Default)]
pub(crate) struct Others {
    pub(crate) graph: Mutex<Option<Graph>>,
    /// Requests without a response, by a part of their target.
    pub(crate) silent: Mutex<Vec<&'static str>>,
    /// Requests that fail, by their server and a part of their target: with a status, or without a response for 0.
    pub(crate) failing: Mutex<Vec<(&'static str, &'static str, u16)>>,
    /// Decides which requests fail besides, with the same statuses.
    pub(crate) chance: Mutex<Option<Chance>>,
    /// Whether servers give the keys of others.
    pub(crate) vouching: Mutex<bool>,
    /// All requests.
    pub(crate) asked: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Others {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Others")
    }
}

impl Network for Others {
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>> {
        self.asked.lock().push(format!("{} {}", call.to, call.target));
        let is_silent = self.silent.lock().iter().any(|part| call.target.contains(part));
        let answer = if let Some(status) = self.failure(&call).or(is_silent.then_some(0)) {
            if status == 0 {
                Err(hearth_base::error::refuse(hearth_base::Reason::ConnectionFailed, "Nobody answers."))
            } else {
                Ok(response(status, &json!({ "errcode": "M_UNKNOWN" })))
            }
        } else {
            let refusal = if call.target.contains("/policy/") { (403, "M_FORBIDDEN") } else { (404, "M_NOT_FOUND") };
            let refusal = (refusal.0, json!({ "errcode": refusal.1 }));
            let (status, body) = self.answer(&call).map_or(refusal, |body| (200, body));
            Ok(response(status, &body))
        };
        Box::pin(async move { answer })
    }

    fn fetch(&self, _: String, _: Duration) -> Eventually<Result<RemoteResponse>> {
        Box::pin(async { Err(Error::not_found("nothing")) })
    }
}

fn response(status: u16, body: &Value) -> RemoteResponse {
    let body = Bytes::from(body.to_string());
    let body = Box::pin(stream::once(async move { Ok::<_, Error>(body) }));
    RemoteResponse { status, content_type: Some("application/json".to_owned()), body }
}

impl Others {
    fn failure(&self, call: &Call) -> Option<u16> {
        let fails = |(server, part, _): &&(&str, &str, u16)| call.to == *server && call.target.contains(part);
        let failing = self.failing.lock().iter().find(fails).map(|(.., status)| *status);
        failing.or_else(|| self.chance.lock().as_mut().and_then(|chance| chance(call)))
    }

    /// The response of a policy server that refuses spam.
    fn auth_checked(&self, call: &Call, rules: &RoomVersionRules) -> Option<Value> {
        let mut event: CanonicalJsonObject = serde_json::from_slice(&call.body).expect("an event");
        if serde_json::to_string(&event["content"]).expect("JSON").contains("spam") {
            return None;
        }
        event.insert("signatures".to_owned(), CanonicalJsonObject::new().into());
        sign_event(call.to.as_str(), policy_key().pair(), &mut event, &rules.redaction).expect("a signature");
        Some(event["signatures"].clone().into())
    }

    pub(crate) fn has_asked(&self, part: &str) -> bool {
        self.asked.lock().iter().any(|asked| asked.contains(part))
    }

    fn answer(&self, call: &Call) -> Option<Value> {
        let target = unescape(&call.target);
        if target == "/_matrix/key/v2/server" {
            return Some(keys_of(&call.to));
        }
        if target == "/_matrix/key/v2/query" && *self.vouching.lock() {
            let question: Value = serde_json::from_slice(&call.body).expect("a question");
            let servers = question["server_keys"].as_object()?.keys();
            let lists = servers.map(|server| keys_of(&ServerName::parse(server).expect("a server")));
            return Some(json!({ "server_keys": lists.collect::<Vec<_>>() }));
        }
        let graph = self.graph.lock();
        let graph = graph.as_ref()?;
        let raw = |id: &OwnedEventId| serde_json::from_str::<Value>(graph.made(id).json.get()).expect("JSON");
        if target == "/_matrix/policy/v1/sign" {
            return self.auth_checked(call, graph.rules);
        }
        let path = target.strip_prefix("/_matrix/federation/v1/")?;
        let (what, rest) = path.split_once('/')?;
        let id_at = |text: &str| EventId::parse(text).ok().filter(|id| graph.events.contains_key(id));
        match what {
            "event" => Some(json!({ "origin": call.to, "origin_server_ts": 1, "pdus": [raw(&id_at(rest)?)] })),
            "event_auth" => {
                let id = id_at(rest.split_once('/')?.1)?;
                Some(json!({ "auth_chain": graph.auth_chain(&id).iter().map(raw).collect::<Vec<_>>() }))
            }
            "state_ids" | "state" => {
                let id = id_at(rest.split_once("event_id=")?.1)?;
                let state: Vec<_> = graph.made(&id).before.values().cloned().collect();
                let auth: HashSet<_> = state.iter().flat_map(|id| graph.auth_chain(id)).collect();
                Some(if what == "state" {
                    json!({ "pdus": state.iter().map(raw).collect::<Vec<_>>(), "auth_chain": auth.iter().map(raw).collect::<Vec<_>>() })
                } else {
                    json!({ "pdu_ids": state, "auth_chain_ids": auth })
                })
            }
            "backfill" => {
                let (_, query) = rest.split_once('?')?;
                let asked = query.split('&').filter_map(|pair| id_at(pair.strip_prefix("v=")?));
                let (mut open, mut found): (Vec<_>, Vec<OwnedEventId>) = (asked.collect(), Vec::new());
                while !open.is_empty() && found.len() < 100 {
                    open.sort_by_key(|id| graph.made(id).pdu.depth);
                    let Some(id) = open.pop().filter(|id| !found.contains(id)) else { continue };
                    open.extend(graph.made(&id).pdu.prev_events.iter().cloned());
                    found.push(id);
                }
                Some(
                    json!({ "origin": call.to, "origin_server_ts": 1, "pdus": found.iter().map(raw).collect::<Vec<_>>() }),
                )
            }
            "get_missing_events" => {
                let question: Value = serde_json::from_slice(&call.body).expect("a question");
                let ids =
                    |field: &str| serde_json::from_value::<Vec<OwnedEventId>>(question[field].clone()).expect("ids");
                let limit = question["limit"].as_u64().unwrap_or(10);
                let (earliest, mut open) = (ids("earliest_events"), ids("latest_events"));
                let (mut found, mut seen) = (Vec::new(), HashSet::new());
                while !open.is_empty() && (found.len() as u64) < limit {
                    let id = open.remove(0);
                    for prev in graph.events.get(&id).map(|made| made.pdu.prev_events.clone()).unwrap_or_default() {
                        if !earliest.contains(&prev) && seen.insert(prev.clone()) {
                            found.push(prev.clone());
                            open.push(prev);
                        }
                    }
                }
                found.truncate(usize::try_from(limit).expect("small"));
                Some(json!({ "events": found.iter().rev().map(raw).collect::<Vec<_>>() }))
            }
            _ => None,
        }
    }
}

/// The simulated policy server's key.
pub(crate) fn policy_key() -> SigningKey {
    SigningKey::from_seed(&[9; 32], "policy_server".to_owned()).expect("a key")
}

fn keys_of(server: &ServerName) -> Value {
    let key = key_of(server.as_str());
    let public =
        ruma::serde::Base64::<ruma::serde::base64::Standard, _>::new(key.pair().public_key().to_vec()).encode();
    let list = json!({
        "server_name": server, "valid_until_ts": 9_000_000_000_000_i64, "old_verify_keys": {},
        "verify_keys": { "ed25519:test": { "key": public } },
    });
    let mut list: CanonicalJsonObject = serde_json::from_value(list).expect("an object");
    sign_json(server.as_str(), key.pair(), &mut list).expect("a signature");
    serde_json::to_value(list).expect("JSON")
}

fn unescape(text: &str) -> String {
    let mut parts = text.split('%');
    let mut bytes = parts.next().unwrap_or_default().as_bytes().to_vec();
    for part in parts {
        bytes.push(u8::from_str_radix(&part[..2], 16).expect("an escape"));
        bytes.extend_from_slice(&part.as_bytes()[2..]);
    }
    String::from_utf8(bytes).expect("text")
}

/// The server under test; its user Alice is in the graph's room.
pub(crate) struct World {
    pub(crate) core: Arc<RoomCore>,
    pub(crate) federation: Arc<Federation>,
    pub(crate) rooms: LocalRooms,
    sync: Arc<hearth_users::sync::Sync>,
    pub(crate) others: Arc<Others>,
    pub(crate) room: RoomSn,
    /// Alice's join, the first event stored here.
    pub(crate) joined: OwnedEventId,
    txn: Mutex<u64>,
    _folder: tempfile::TempDir,
}

impl World {
    /// A server in a new room of a version.
    pub(crate) async fn of_version(version: &str) -> Self {
        let home = Home::open();
        let mut graph = Graph::new(version, &home.core);
        let newest = graph.newest();
        let wish = Wish {
            sender: ALICE,
            kind: "m.room.member",
            state_key: Some(ALICE),
            content: json!({"membership": "join"}),
        };
        let join = graph.make(&wish, &[newest]);
        Self::in_room(home, graph, &join).await
    }

    /// A server that joins the room of `graph` by the event `join`.
    pub(crate) async fn in_room(home: Home, graph: Graph, join: &EventId) -> Self {
        let Home { core, folder } = home;
        let others = Arc::<Others>::default();
        let Services { federation, rooms: local, sync, .. } = Services::new(core.clone(), others.clone());
        let parse = |id: &EventId| -> IncomingPdu {
            pdu::parse(graph.rules, Some(&graph.room_id), &graph.made(id).json).expect("an event")
        };
        let before = &graph.made(join).before;
        let with_auth: HashSet<_> =
            before.values().flat_map(|id| graph.auth_chain(id)).chain(before.values().cloned()).collect();
        let state_ids: Vec<_> = before.values().cloned().collect();
        let candidates = with_auth.iter().map(|id| parse(id)).collect();
        let auth_checked = pdu::check_auth(graph.rules, candidates, |_| Ok(None)).expect("judged");
        let (id, version, joining, core2) =
            (graph.room_id.to_string(), graph.version.clone(), parse(join), core.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = rooms::Room {
                sn: RoomSn::from(tx.position()),
                id,
                version,
                snapshot: None,
                extremities: Vec::new(),
                depth: 0,
                published: false,
            };
            rooms::insert(tx.tx(), &room, 1)?;
            pdu::outliers(&core2, tx, room.sn, auth_checked)?;
            let state: Vec<_> =
                state_ids.iter().filter_map(|id| events::find(tx.tx(), id.as_str()).expect("found")).collect();
            let adoption = Adoption::plan(&core2, tx.tx(), &room, &state)?;
            pdu::adopt(&core2, tx, &mut room, adoption, joining)?;
            Ok(room.sn)
        };
        let room = core.store.write_in(Lane::Federation, "test", write).await.expect("a room");
        *others.graph.lock() = Some(graph);
        let (joined, txn) = (join.to_owned(), Mutex::new(0));
        Self { core, federation, rooms: local, sync, others, room, joined, txn, _folder: folder }
    }

    /// A page of the room's timeline, as the action of `hearth-domain` reads it: from what is here, or from another server
    /// at a gap.
    pub(crate) async fn page(&self, who: &Requester, room_id: OwnedRoomId, paging: Paging) -> MessagesPage {
        let below = i64::MAX;
        let page = self.rooms.messages_to_gap(who, room_id.clone(), paging.clone(), below).await.expect("a page");
        let Some(gap) = &page.gap else { return page };
        if page.chunk.len() > paging.limit / 2 {
            return page;
        }
        let filled = self.federation.fill_gap(room_id.clone(), gap, crate::wait_until()).await.expect("asked");
        let below = if filled == Some(false) { gap.floor } else { below };
        self.rooms.messages_to_gap(who, room_id, paging, below).await.expect("a page")
    }

    /// Creates an event in the model without sending it.
    pub(crate) fn make(&self, wish: &Wish<'_>, prev: &[OwnedEventId]) -> OwnedEventId {
        self.graph(|graph| graph.make(wish, prev))
    }

    pub(crate) fn says(&self, sender: &str, text: &str, prev: &[OwnedEventId]) -> OwnedEventId {
        self.make(&Wish { sender, kind: "m.room.message", state_key: None, content: json!({ "body": text }) }, prev)
    }

    pub(crate) fn sets(
        &self,
        sender: &str,
        kind: &str,
        key: &str,
        content: Value,
        prev: &[OwnedEventId],
    ) -> OwnedEventId {
        self.make(&Wish { sender, kind, state_key: Some(key), content }, prev)
    }

    pub(crate) fn graph<T>(&self, with: impl FnOnce(&mut Graph) -> T) -> T {
        with(self.others.graph.lock().as_mut().expect("a graph"))
    }

    /// Sends events of the graph, as the server of the first one's sender.
    pub(crate) async fn receives(&self, ids: &[&OwnedEventId]) -> BTreeMap<OwnedEventId, Result<(), String>> {
        let (origin, events) = self.graph(|graph| {
            let origin = graph.made(ids[0]).pdu.sender.server_name().to_owned();
            (origin, ids.iter().map(|id| graph.made(id).json.clone()).collect())
        });
        self.receives_raw(&origin, events).await
    }

    pub(crate) async fn receives_raw(
        &self,
        origin: &ServerName,
        events: Vec<Box<RawValue>>,
    ) -> BTreeMap<OwnedEventId, Result<(), String>> {
        let txn = {
            let mut txn = self.txn.lock();
            *txn += 1;
            txn.to_string()
        };
        let outcome = self.federation.receive(origin, &txn, events, Vec::new()).await.expect("received");
        (*outcome).clone()
    }

    /// Runs the inbox until it is empty.
    pub(crate) async fn works_off(&self) {
        let empty = async {
            while self.read(|_, tx| inbox::count(tx.tx()).expect("a count")).await > 0 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        };
        self.federation
            .run_inbox(tokio::time::timeout(Duration::from_secs(60), empty).map(|end| end.expect("worked off")))
            .await;
    }

    /// Runs the inbox for a while.
    pub(crate) async fn works_off_some(&self) {
        self.federation.run_inbox(tokio::time::sleep(Duration::from_millis(500))).await;
    }

    /// Runs the inbox until the timeline shows an event, at most for half a minute.
    pub(crate) async fn works_off_until_shown(&self, id: &EventId) {
        let shown = async {
            for _ in 0..600 {
                if self.timeline().await.iter().any(|shown| shown == id) {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        self.federation.run_inbox(shown).await;
    }

    pub(crate) async fn read<T: Send + 'static>(
        &self,
        read: impl FnOnce(&RoomCore, &mut ReadTx<'_>) -> T + Send + 'static,
    ) -> T {
        let core = self.core.clone();
        self.core.store.read("test", move |tx| Ok(read(&core, tx))).await.expect("read")
    }

    pub(crate) async fn event(&self, id: &EventId) -> Option<Arc<Event>> {
        let id = id.to_owned();
        self.read(move |core, tx| core.events.find(tx.tx(), &id).expect("found")).await
    }

    /// The stored state before an event.
    pub(crate) async fn state_before(&self, event: &Event) -> State {
        let at = event.snapshot;
        self.read(move |core, tx| {
            let full = snapshot::full(tx.tx(), at).expect("a state");
            full.into_iter().map(|(key, sn)| named(core, tx, key, sn)).collect()
        })
        .await
    }

    /// The current state, from the snapshot and from `current_state`; asserts that both are equal.
    pub(crate) async fn current_state(&self) -> State {
        let room = self.room;
        self.read(move |core, tx| {
            let room = rooms::by_sn(tx.tx(), room).expect("read").expect("a room");
            let full = snapshot::full(tx.tx(), room.snapshot).expect("a state");
            let current: BTreeMap<_, _> = state::current(tx.tx(), room.sn).expect("a state").into_iter().collect();
            assert_eq!(full, current, "the snapshot and the current state differ");
            full.into_iter().map(|(key, sn)| named(core, tx, key, sn)).collect()
        })
        .await
    }

    /// Alice as a logged-in requester.
    pub(crate) async fn alice(&self) -> Requester {
        let user = self.read(|_, tx| users::find(tx.tx(), ALICE).expect("found").expect("a user")).await;
        testing::requester(user, ALICE, DeviceSn(user.0), "DEVICE")
    }

    /// Alice's sync from where her last one ended, at once.
    pub(crate) async fn syncs(&self, since: Option<&sync_events::Response>) -> sync_events::Response {
        let since = since.map(|seen| Position::from_i64(Token::parse(&seen.next_batch).expect("a token").cut()));
        let (filter, presence) = (Arc::default(), ruma::presence::PresenceState::Offline);
        let (full_state, wait, state_after) = (false, Duration::ZERO, false);
        let query = SyncQuery { since, filter, full_state, wait, presence, state_after };
        self.sync.sync(&self.alice().await, query).await.expect("an answer")
    }

    /// The ids of the events in the timeline, oldest first.
    pub(crate) async fn timeline(&self) -> Vec<OwnedEventId> {
        let room = self.room;
        self.read(move |core, tx| {
            let mut found = Vec::new();
            events::timeline(tx.tx(), room, (i64::MIN, i64::MAX), events::Direction::Forward, 10_000, &mut |row| {
                found.push(core.events.keep_stored(&row)?.pdu.event_id.clone());
                Ok(true)
            })
            .expect("a timeline");
            found
        })
        .await
    }
}

fn named(
    core: &RoomCore,
    tx: &mut ReadTx<'_>,
    key: hearth_store::ids::KeySn,
    sn: hearth_store::ids::EventSn,
) -> ((String, String), OwnedEventId) {
    let name = state_keys::name(tx.tx(), key).expect("read").expect("a name");
    (name, core.events.get(tx.tx(), sn).expect("an event").pdu.event_id.clone())
}

/// A server without rooms.
pub(crate) struct Home {
    pub(crate) core: Arc<RoomCore>,
    folder: tempfile::TempDir,
}

impl Home {
    pub(crate) fn open() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let core = testing::core(&folder, Seams::system(), |_| {});
        Self { core, folder }
    }
}
