//! Visibility of a room's history.

use hearth_base::Reason;
use hearth_core::Requester;
use ruma::RoomId;
use ruma::api::Direction;
use serde_json::{Value, json};

use super::{World, why};
use crate::read::page::{PageFilter, Paging};

impl World {
    pub(super) async fn says(&self, id: &RoomId, text: &str) {
        let content = json!({"body": text, "msgtype": "m.text"});
        self.send(&self.alice, id, "m.room.message", text, content).await.expect("sent");
    }

    /// Returns the bodies of the messages that a user sees, oldest first, joined by spaces.
    async fn seen(&self, who: &Requester, id: &RoomId) -> String {
        let mut seen = Vec::new();
        let mut from = None;
        loop {
            let filter = PageFilter::default();
            let paging = Paging { direction: Direction::Backward, from, to: None, limit: 3, filter };
            let page = self.rooms.messages(who, id.to_owned(), paging).await.expect("a page");
            assert!(page.chunk.len() <= 3);
            for event in page.chunk {
                let event: Value = serde_json::from_str(event.json().get()).expect("JSON");
                seen.extend(event["content"]["body"].as_str().map(str::to_owned));
            }
            from = page.end;
            if from.is_none() {
                break;
            }
        }
        seen.reverse();
        seen.join(" ")
    }
}

fn public(history: &str) -> Value {
    let history =
        json!({"type": "m.room.history_visibility", "state_key": "", "content": {"history_visibility": history}});
    json!({"preset": "public_chat", "initial_state": [history]})
}

#[tokio::test]
async fn each_rule_shows_what_it_says() {
    // For each rule: what Bob sees after he joins, after he leaves, and after he joins again.
    let table = [
        ("world_readable", "1 2 3", "1 2 3 4", "1 2 3 4 5"),
        ("shared", "1 2 3", "1 2 3", "1 2 3 4 5"),
        ("invited", "2 3", "2 3", "2 3 5"),
        ("joined", "3", "3", "3 5"),
    ];
    for (history, inside, outside, back) in table {
        let world = World::new().await;
        let id = world.makes(public(history)).await.expect("a room");
        let bob = &world.bob;
        world.says(&id, "1").await;
        world.rooms.invite(&world.alice, id.clone(), bob.user_id.clone(), None).await.expect("an invite");
        world.says(&id, "2").await;
        world.joins(bob, &id).await.expect("a join");
        world.says(&id, "3").await;
        assert_eq!(world.seen(bob, &id).await, inside, "{history}, inside");
        world.rooms.leave(bob, id.clone(), None).await.expect("left");
        world.says(&id, "4").await;
        assert_eq!(world.seen(bob, &id).await, outside, "{history}, outside");
        world.joins(bob, &id).await.expect("another join");
        world.says(&id, "5").await;
        assert_eq!(world.seen(bob, &id).await, back, "{history}, back");
        assert_eq!(world.seen(&world.alice, &id).await, "1 2 3 4 5", "{history}, for Alice");
    }
}

#[tokio::test]
async fn a_rule_holds_for_what_is_said_under_it() {
    let world = World::new().await;
    let id = world.makes(public("joined")).await.expect("a room");
    world.says(&id, "strict").await;
    world
        .set(&world.alice, &id, "m.room.history_visibility", json!({"history_visibility": "shared"}))
        .await
        .expect("set");
    world.says(&id, "shared").await;
    world
        .set(&world.alice, &id, "m.room.history_visibility", json!({"history_visibility": "joined"}))
        .await
        .expect("set");
    world.says(&id, "strict-again").await;
    world.joins(&world.bob, &id).await.expect("a join");
    world.says(&id, "to-bob").await;
    assert_eq!(world.seen(&world.bob, &id).await, "shared to-bob");
}

#[tokio::test]
async fn strangers_read_only_what_is_open_to_the_world() {
    let world = World::new().await;
    let id = world.makes(public("shared")).await.expect("a room");
    world.says(&id, "closed").await;
    let state = world.rooms.state(&world.carol, id.clone()).await;
    assert_eq!(why(state), Reason::Forbidden);
    world
        .set(&world.alice, &id, "m.room.history_visibility", json!({"history_visibility": "world_readable"}))
        .await
        .expect("set");
    world.says(&id, "open").await;
    assert_eq!(world.seen(&world.carol, &id).await, "open");
    assert!(!world.rooms.state(&world.carol, id.clone()).await.expect("a state").is_empty());
    let nowhere = ruma::room_id!("!nowhere:home.example").to_owned();
    assert_eq!(why(world.rooms.state(&world.carol, nowhere).await), Reason::Forbidden);
}

#[tokio::test]
async fn those_who_left_keep_the_state_they_left() {
    let world = World::new().await;
    let id = world.makes(public("shared")).await.expect("a room");
    world.joins(&world.bob, &id).await.expect("a join");
    world.set(&world.alice, &id, "m.room.name", json!({"name": "before"})).await.expect("set");
    world.rooms.kick(&world.alice, id.clone(), world.bob.user_id.clone(), None).await.expect("kicked");
    world.set(&world.alice, &id, "m.room.name", json!({"name": "after"})).await.expect("set");
    world.rooms.ban(&world.alice, id.clone(), world.bob.user_id.clone(), None).await.expect("banned");
    let name = async |who: &Requester| {
        let part = ("m.room.name".to_owned(), String::new());
        world.rooms.state_event(who, id.clone(), part, false).await.expect("a name").get().to_owned()
    };
    assert_eq!(name(&world.bob).await, r#"{"name":"before"}"#);
    assert_eq!(name(&world.alice).await, r#"{"name":"after"}"#);
    let own = ("m.room.member".to_owned(), world.bob.user_id.to_string());
    let own = world.rooms.state_event(&world.bob, id.clone(), own, false).await.expect("his leaving");
    assert!(own.get().contains("leave"), "{own}");
}

#[tokio::test]
async fn an_invitation_alone_opens_nothing() {
    let world = World::new().await;
    let id = world.makes(json!({"preset": "private_chat", "invite": ["@bob:home.example"]})).await.expect("a room");
    assert_eq!(why(world.rooms.state(&world.bob, id.clone()).await), Reason::Forbidden);
    world.rooms.leave(&world.bob, id.clone(), None).await.expect("refused the invitation");
    assert_eq!(why(world.rooms.state(&world.bob, id.clone()).await), Reason::Forbidden);
}
