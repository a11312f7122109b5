//! What sliding sync keeps in memory changes no answer: a server that has just started gives the same ones.

use hearth_base::Random;
use hearth_base::random::SeededRandom;

use super::sliding::{again, pos, slides};
use crate::harness::{Person, Room, Value, World, json, v3};

/// Servers' lives in a history; each ends with a comparison.
const LIVES: usize = 5;
/// Changes in a life.
const CHANGES: usize = 10;
/// Rooms at the beginning.
const ROOMS: usize = 5;

/// Random changes around one user.
struct History {
    world: World,
    chance: SeededRandom,
    version: &'static str,
    alice: Person,
    bob: Person,
    rooms: Vec<Room>,
    log: Vec<String>,
}

/// The requests of the user's connections: small windows and large ones, filters of all kinds, subscriptions.
fn connections(rooms: &[Room]) -> Vec<Value> {
    let extensions = json!({
        "e2ee": { "enabled": true }, "account_data": { "enabled": true }, "receipts": { "enabled": true },
        "org.matrix.msc4262.profiles": { "enabled": true },
    });
    let state = json!([["m.room.name", ""], ["m.room.member", "$LAZY"]]);
    let list = |ranges: Value, filters: Value| json!({ "ranges": ranges, "filters": filters, "timeline_limit": 3, "required_state": state });
    let all = json!([[0, 99]]);
    let mut bodies = vec![
        json!({ "lists": { "one": list(json!([[0, 0]]), json!({})), "three": list(json!([[0, 0], [2, 3]]), json!({})) } }),
        json!({ "lists": { "all": list(all.clone(), json!({})) } }),
        json!({ "lists": { "dm": list(json!([[0, 1]]), json!({ "is_dm": true })), "rest": list(all.clone(), json!({ "is_dm": false })) } }),
        json!({ "lists": { "tagged": list(json!([[0, 1]]), json!({ "tags": ["m.favourite"] })), "invites": list(all.clone(), json!({ "is_invite": true })) } }),
        json!({ "lists": { "in": list(all.clone(), json!({ "spaces": [rooms[0].0] })), "secret": list(all, json!({ "is_encrypted": true })) } }),
        json!({ "room_subscriptions": { &rooms[1].0: { "timeline_limit": 2, "required_state": [["*", "*"]] } } }),
    ];
    for (number, body) in bodies.iter_mut().enumerate() {
        body["conn_id"] = json!(number.to_string());
        body["extensions"] = extensions.clone();
    }
    bodies[0]["extensions"]["receipts"] = json!({ "enabled": true, "lists": ["one"], "rooms": [] });
    bodies
}

impl History {
    async fn begins(seed: u64, version: &'static str) -> Self {
        let world = World::new().await;
        let (alice, bob) = (world.register("alice").await, world.register("bob").await);
        let (chance, rooms) = (SeededRandom::new(seed), Vec::new());
        let mut history = Self { world, chance, version, alice, bob, rooms, log: Vec::new() };
        for _ in 0..ROOMS {
            history.opens_a_room().await;
        }
        history
    }

    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound as u64).unwrap_or_default()
    }

    async fn opens_a_room(&mut self) {
        let creation = self.alice.creates_room().public().version(self.version);
        let kind = if self.rooms.is_empty() { json!({ "type": "m.space" }) } else { json!({}) };
        let room = creation.with("creation_content", kind).await;
        self.bob.joins(&room).await;
        self.rooms.push(room);
    }

    /// Something happens in a room, or with the user. What is not possible now is refused.
    async fn changes(&mut self) {
        let what = self.below(16);
        let (alice, bob, room) = (&self.alice, &self.bob, &self.rooms[self.below(self.rooms.len())]);
        self.log.push(format!("{what} in {room}"));
        let text = format!("news {}", self.log.len());
        match what {
            0..=3 => _ = alice.sends(&text).in_room(room).await,
            4 => _ = alice.sets("m.room.name", "", json!({ "name": text })).in_room(room).await,
            5 => self.opens_a_room().await,
            6 => _ = bob.post(v3!("rooms/{}/leave", room), json!({})).await,
            7 => _ = bob.post(v3!("rooms/{}/forget", room), json!({})).await,
            8 | 9 => _ = bob.post(v3!("join/{}", room), json!({})).await,
            10 => _ = alice.post(v3!("rooms/{}/kick", room), json!({ "user_id": bob.id })).await,
            11 => _ = alice.post(v3!("rooms/{}/invite", room), json!({ "user_id": bob.id })).await,
            12 => {
                let marks = json!({ "m.read": alice.sends(&text).in_room(room).await });
                bob.post(v3!("rooms/{}/read_markers", room), marks).await;
            }
            13 => {
                let tag = v3!("user/{}/rooms/{}/tags/m.favourite", bob, room);
                let ask = if self.below(2) == 0 { bob.put(tag, json!({})) } else { bob.delete(tag) };
                ask.await.ok();
            }
            14 => {
                let direct = json!({ &alice.id: [room.0] });
                bob.put(v3!("user/{}/account_data/m.direct", bob), direct).await.ok();
            }
            _ => {
                let via = if self.below(3) == 0 { json!({}) } else { json!({ "via": ["home.example"] }) };
                alice.sets("m.space.child", &room.0, via).in_room(&self.rooms[0]).await;
                let algorithm = json!({ "algorithm": "m.megolm.v1.aes-sha2" });
                alice.sets("m.room.encryption", "", algorithm).in_room(room).await;
            }
        }
    }

    async fn restarts(&mut self) {
        self.world.restart().await;
        (self.alice, self.bob) = (again(&self.world, &self.alice), again(&self.world, &self.bob));
    }

    async fn answers(&self, bodies: &[Value], after: &[Option<String>]) -> Vec<Value> {
        let mut answers = Vec::new();
        for (body, after) in bodies.iter().zip(after) {
            answers.push(slides(&self.bob, body, after.as_deref(), 0).await.ok());
        }
        answers
    }
}

/// Where the next requests start.
fn ends(answers: &[Value]) -> Vec<Option<String>> {
    answers.iter().map(|answer| Some(pos(answer).to_owned())).collect()
}

/// Without what differs between two answers at different times.
fn timeless(answer: &Value) -> Value {
    let mut answer = answer.clone();
    answer["pos"] = Value::Null;
    forget_ages(&mut answer);
    answer
}

fn forget_ages(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("age");
            fields.values_mut().for_each(forget_ages);
        }
        Value::Array(items) => items.iter_mut().for_each(forget_ages),
        _ => {}
    }
}

#[tokio::test]
async fn a_server_that_has_just_started_answers_the_same() {
    for (seed, version) in [(1, "11"), (2, "12"), (3, "12")] {
        let mut history = History::begins(seed, version).await;
        let bodies = connections(&history.rooms);
        let mut after = vec![None; bodies.len()];
        let mut news = 0;
        for _ in 0..LIVES {
            for _ in 0..CHANGES {
                history.changes().await;
                if history.below(3) == 0 {
                    // Not only what has been read once, from disk, but also what has been kept since.
                    let answers = history.answers(&bodies, &after).await;
                    after = ends(&answers);
                    let rooms =
                        answers.iter().map(|answer| answer["rooms"].as_object().map_or(0, serde_json::Map::len));
                    news += rooms.sum::<usize>();
                }
            }
            // Twice: with what is new, and then without news.
            for _ in 0..2 {
                let warm = history.answers(&bodies, &after).await;
                history.restarts().await;
                let cold = history.answers(&bodies, &after).await;
                for ((warm, cold), body) in warm.iter().zip(&cold).zip(&bodies) {
                    assert_eq!(timeless(warm), timeless(cold), "seed {seed}, {body}: {:#?}", history.log);
                }
                after = ends(&cold);
            }
        }
        assert!(news > LIVES, "the connections have hardly seen anything");
        history.world.ends().await;
    }
}
