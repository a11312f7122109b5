//! Tests of one read, on a real database.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Position, Seams};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::read::Token;
use hearth_rooms::testing;
use hearth_rooms::{LocalRooms, Rooms, StateChange};
use hearth_store::WriteTx;
use hearth_store::tables::one_time_keys::{self, KeyRow};
use hearth_store::tables::{devices, users};
use ruma::api::client::sync::sync_events::v3::Response;
use ruma::presence::PresenceState;
use ruma::{OwnedRoomId, UserId};
use serde_json::{Value, json};

use super::sliding::{Extensions, Pos, SlidingQuery};
use super::{Sync, SyncQuery};
use crate::ephemeral::{PresenceBook, Typing};

/// How long a request without news waits in these tests.
const WAIT: Duration = Duration::from_secs(1);

struct World {
    rooms: LocalRooms,
    sync: Arc<Sync>,
    alice: Requester,
    bob: Requester,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let core = testing::core(&folder, Seams::system(), |_| {});
        let (typing, presence) = (Typing::new(core.clone()), PresenceBook::new(core.clone()));
        let sync = Sync::new(core.clone(), typing, presence, Arc::default());
        let (alice, bob) = (user(&core, "alice").await, user(&core, "bob").await);
        Self { rooms: LocalRooms::of(&Arc::new(Rooms::new(core))), sync, alice, bob, _folder: folder }
    }

    async fn room_of_both(&self) -> OwnedRoomId {
        use ruma::api::IncomingRequestExt;
        let body = json!({"preset": "public_chat"}).to_string();
        let http = http::Request::post("/_matrix/client/v3/createRoom").body(body.as_bytes()).expect("a request");
        let wanted =
            ruma::api::client::room::create_room::v3::Request::try_from_http_request(http, &[]).expect("a wish");
        let room = self.rooms.create(&self.alice, wanted, |_, _| Ok(())).await.expect("a room").0;
        self.rooms.join(&self.bob, room.clone().into(), hearth_rooms::JoinContent::default()).await.expect("a join");
        room
    }

    async fn names(&self, room: &OwnedRoomId, name: &str) {
        let content = json!({ "name": name }).to_string();
        let (room_id, kind) = (room.clone(), "m.room.name".to_owned());
        let change = StateChange { room_id, kind, state_key: String::new(), content, timestamp_ms: None };
        self.rooms.set_state(&self.alice, change).await.expect("a name");
    }

    async fn syncs(&self, who: &Requester, since: Option<&Response>, filter: Value) -> Response {
        let since = since.map(|seen| Token::parse(&seen.next_batch).expect("a token").cut());
        let filter = serde_json::from_value(filter).expect("a filter");
        let query = SyncQuery { since: since.map(Position::from_i64), filter: Arc::new(filter), ..all_at_once() };
        self.sync.sync(who, query).await.expect("an answer")
    }

    /// Uploads a key of alice's device, without a word to those who wait.
    async fn uploads_key(&self, number: u64) {
        let device = self.alice.device;
        let key = KeyRow { key_id: number.to_string(), json: "{}".to_owned() };
        let insert = move |tx: &mut WriteTx<'_>| {
            one_time_keys::insert(tx.tx(), device, "signed_curve25519", &key, Position(number))
        };
        self.sync.core.store.write("test", insert).await.expect("a key");
    }

    /// What a request answers that waits without any news, and the number of keys that are there when it ends. The last key
    /// comes after the request has begun to wait.
    async fn waits<T>(&self, waiting: impl AsyncFn() -> T) -> (T, u64) {
        for number in 1..=20 {
            let is_over = Cell::new(false);
            let upload = async {
                tokio::time::sleep(WAIT / 2).await;
                self.uploads_key(number).await;
                is_over.get()
            };
            let wait = async {
                let answer = waiting().await;
                is_over.set(true);
                answer
            };
            let (answer, was_over) = tokio::join!(wait, upload);
            // On a machine that is too busy, the wait ended before the upload: once more.
            if !was_over {
                return (answer, number);
            }
        }
        panic!("the wait ends before its time");
    }
}

/// What begins anew, and waits for nothing.
fn all_at_once() -> SyncQuery {
    SyncQuery {
        since: None,
        filter: Arc::default(),
        full_state: false,
        wait: Duration::ZERO,
        presence: PresenceState::Offline,
        state_after: false,
    }
}

async fn user(core: &RoomCore, name: &str) -> Requester {
    let user_id = UserId::parse(format!("@{name}:home.example")).expect("an id");
    let id = user_id.to_string();
    let add = move |tx: &mut WriteTx<'_>| {
        let user = users::intern(tx, &id)?;
        Ok((user, devices::insert(tx, user, "D", None, 0)?))
    };
    let (user, device) = core.store.write("test", add).await.expect("a user with a device");
    let (admin, guest, locked, suspended) = (false, false, false, false);
    Requester { user, user_id, device, device_id: "D".into(), admin, guest, locked, suspended, appservice: None }
}

fn written(response: &impl serde::Serialize) -> String {
    serde_json::to_string(response).expect("JSON")
}

#[tokio::test]
async fn what_changes_after_a_user_left_does_not_reach_them() {
    let world = World::new().await;
    let room = world.room_of_both().await;
    let filter = json!({});
    let before = world.syncs(&world.bob, None, filter.clone()).await;
    world.names(&room, "while Bob is there").await;
    world.rooms.leave(&world.bob, room.clone(), None).await.expect("left");
    world.names(&room, "a secret").await;
    let after = world.syncs(&world.bob, Some(&before), filter).await;
    let left = written(&after.rooms.leave[&room].timeline.events) + &written(&after.rooms.leave[&room].state);
    assert!(left.contains("while Bob is there") && !left.contains("a secret"), "{left}");
}

#[tokio::test]
async fn a_room_without_a_name_comes_with_those_it_is_named_after() {
    let world = World::new().await;
    let room = world.room_of_both().await;
    world.names(&room, "").await;
    let filter = json!({"room": {"state": {"lazy_load_members": true}, "timeline": {"limit": 1}}});
    let seen = world.syncs(&world.alice, None, filter).await;
    let joined = &seen.rooms.join[&room];
    assert_eq!(joined.summary.heroes, std::slice::from_ref(&world.bob.user_id));
    assert!(written(&joined.state).contains(r#""state_key":"@bob:home.example""#), "{}", written(&joined.state));
    world.rooms.leave(&world.bob, room.clone(), None).await.expect("left");
    let seen = world.syncs(&world.alice, None, json!({})).await;
    assert_eq!(
        seen.rooms.join[&room].summary.heroes,
        std::slice::from_ref(&world.bob.user_id),
        "who was there, as nobody is"
    );
}

#[tokio::test]
async fn a_client_that_is_ahead_of_a_restored_database_begins_anew() {
    let world = World::new().await;
    let room = world.room_of_both().await;
    let ahead = Response::new(Token::Sync(Position(u64::from(u32::MAX))).to_string());
    let seen = world.syncs(&world.alice, Some(&ahead), json!({})).await;
    assert!(seen.rooms.join.contains_key(&room));
    assert!(Token::parse(&seen.next_batch).expect("a token").cut() < i64::from(u32::MAX));
    assert!(world.syncs(&world.alice, Some(&seen), json!({})).await.rooms.is_empty());
}

/// Ten thousand clients may wait at the same time. What a sync needs before and after the wait is not in its future.
#[tokio::test]
async fn a_waiting_sync_holds_little_memory() {
    let world = World::new().await;
    /// With a reserve: compilers differ.
    const WAITING_BYTES: usize = 2_560;
    let waiting = world.sync.sync(&world.alice, all_at_once());
    assert!(size_of_val(&*waiting) <= WAITING_BYTES, "{}", size_of_val(&*waiting));
}

/// Neither an upload nor a claim of a key ends a wait. With a count that is too low, a client uploads keys until it drops the
/// private part of some that the server still hands out.
#[tokio::test]
async fn an_idle_wait_ends_with_the_key_counts_of_its_end() {
    let world = World::new().await;
    let seen = world.syncs(&world.alice, None, json!({})).await;
    let since = Some(Position::from_i64(Token::parse(&seen.next_batch).expect("a token").cut()));
    let (seen, keys) = world
        .waits(async || world.sync.sync(&world.alice, SyncQuery { since, wait: WAIT, ..all_at_once() }).await)
        .await;
    let counts = seen.expect("an answer").device_one_time_keys_count;
    assert_eq!(keys, counts.values().map(|count| u64::from(*count)).sum::<u64>());
}

#[tokio::test]
async fn an_idle_sliding_wait_ends_with_the_key_counts_of_its_end() {
    let world = World::new().await;
    let query = SlidingQuery {
        pos: None,
        conn_id: String::new(),
        txn_id: None,
        wait: WAIT,
        presence: PresenceState::Offline,
        lists: BTreeMap::new(),
        subscriptions: BTreeMap::new(),
        extensions: Extensions { e2ee: true, ..Extensions::default() },
    };
    let first = world.sync.sliding(&world.alice, Arc::new(query.clone())).await.expect("an answer");
    let query = Arc::new(SlidingQuery { pos: Some(Pos::parse(&first.pos).expect("a pos")), ..query });
    let (seen, keys) = world.waits(async || world.sync.sliding(&world.alice, query.clone()).await).await;
    let e2ee = seen.expect("an answer").extensions.e2ee.expect("keys");
    assert_eq!(keys, e2ee.device_one_time_keys_count.values().sum::<u64>());
}
