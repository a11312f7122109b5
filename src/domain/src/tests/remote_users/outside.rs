//! Remote room summaries, including malformed responses.

use hearth_base::Reason;
use hearth_rooms::StateChange;
use hearth_rooms::directory::DirectoryQuery as Search;
use hearth_rooms::read::hierarchy::HierarchyQuery;
use ruma::{OwnedRoomId, RoomAliasId, RoomId};
use serde_json::{Value, json};

use super::World;

const B: &str = "b.example";

fn entry(room: &str, name: &str) -> Value {
    json!({
        "room_id": room, "name": name, "num_joined_members": 3, "world_readable": false, "guest_can_join": false,
        "join_rule": "public", "children_state": [],
    })
}

fn child(room: &str) -> Value {
    json!({
        "type": "m.space.child", "state_key": room, "sender": "@bob:b.example", "origin_server_ts": 1,
        "content": { "via": [B] },
    })
}

impl World {
    /// A space of Alice's with these children, available from one server.
    async fn space_with(&self, children: &[&str]) -> OwnedRoomId {
        use ruma::api::IncomingRequestExt;
        let body = json!({ "creation_content": { "type": "m.space" } }).to_string().into_bytes();
        let http = http::Request::post("/_matrix/client/v3/createRoom").body(&*body).expect("a request");
        let wanted = ruma::api::client::room::create_room::v3::Request::try_from_http_request(http, &[]);
        let space = self.domain.actions.create_room(&self.alice, wanted.expect("a createRoom")).await.expect("a space");
        for child in children {
            let change = StateChange {
                room_id: space.clone(),
                kind: "m.space.child".to_owned(),
                state_key: (*child).to_owned(),
                content: json!({ "via": [B] }).to_string(),
                timestamp_ms: None,
            };
            hearth_rooms::LocalRooms::of(&self.domain.rooms).set_state(&self.alice, change).await.expect("a child");
        }
        space
    }

    fn tells_of(&self, room: &str, answer: Value) {
        self.wire.set(B, &format!("/_matrix/federation/v1/hierarchy/{room}"), answer);
    }

    async fn rooms_of(&self, space: &RoomId) -> Vec<String> {
        let question = HierarchyQuery { suggested_only: false, depth_max: None };
        let page = self.domain.actions.hierarchy(&self.alice, space.to_owned(), question, None, 50).await;
        let rooms = page.expect("a page").rooms.into_iter();
        rooms.map(|node| node.summary.card.room_id.to_string()).filter(|room| *room != *space.as_str()).collect()
    }
}

#[tokio::test]
async fn a_space_goes_on_at_other_servers_and_ends() {
    let world = World::new().await;
    let space = world.space_with(&["!sub:b.example", "!gone:b.example", "!liar:b.example"]).await;
    let mut sub = entry("!sub:b.example", "sub");
    sub["room_type"] = json!("m.space");
    // A grandchild, a child space, a private child, a child missing from the response, and a cycle.
    sub["children_state"] = json!([
        child("!a:b.example"),
        child("!deep:b.example"),
        child("!shut:b.example"),
        child("!sub:b.example"),
        7,
        {}
    ]);
    let mut deep = entry("!deep:b.example", "deep");
    deep["room_type"] = json!("m.space");
    let children = json!([entry("!a:b.example", "a"), deep.clone(), entry("!strange:b.example", "strange"), 7, {}]);
    let answer = json!({ "room": sub, "children": children, "inaccessible_children": ["!shut:b.example"] });
    world.tells_of("!sub:b.example", answer);
    deep["children_state"] = json!([child("!end:b.example"), child(space.as_str())]);
    world.tells_of("!deep:b.example", json!({ "room": deep, "children": [entry("!end:b.example", "end")] }));
    world.tells_of("!liar:b.example", json!({ "room": entry("!a:b.example", "not what was asked"), "children": [] }));
    let rooms = world.rooms_of(&space).await;
    assert_eq!(rooms, ["!sub:b.example", "!a:b.example", "!deep:b.example", "!end:b.example"]);
    let asked = world.wire.asked();
    assert_eq!(world.rooms_of(&space).await, rooms);
    // Responses are cached briefly; a room without a summary may be public now.
    assert!(world.wire.asked() <= asked + 1);
}

#[tokio::test]
async fn only_rooms_that_alice_could_enter_are_shown() {
    let world = World::new().await;
    let club = world.room_with(&[]).await;
    let all = ["!closed:b.example", "!club:b.example", "!others:b.example", "!read:b.example", "!knock:b.example"];
    let space = world.space_with(&all).await;
    for room in all {
        let mut told = entry(room, "room");
        match room {
            "!closed:b.example" => told["join_rule"] = json!("invite"),
            "!club:b.example" => {
                told["join_rule"] = json!("restricted");
                told["allowed_room_ids"] = json!([club]);
            }
            "!others:b.example" => {
                told["join_rule"] = json!("restricted");
                told["allowed_room_ids"] = json!(["!elsewhere:b.example"]);
            }
            "!read:b.example" => {
                told["join_rule"] = json!("invite");
                told["world_readable"] = json!(true);
            }
            _ => told["join_rule"] = json!("knock"),
        }
        world.tells_of(room, json!({ "room": told, "children": [], "inaccessible_children": [] }));
    }
    let mut shown = world.rooms_of(&space).await;
    shown.sort();
    assert_eq!(shown, ["!club:b.example", "!knock:b.example", "!read:b.example"]);
    let via = || vec![B.try_into().expect("a name")];
    let summary = async |room: &str| {
        let name = RoomId::parse(room).expect("an id").into();
        world.domain.actions.summary(Some(&world.alice), name, via()).await
    };
    assert_eq!(summary("!club:b.example").await.expect("a summary").membership, Some("leave"));
    let error = summary("!closed:b.example").await.expect_err("closed");
    assert_eq!(error.reason(), Some(Reason::NotFound));
    let error = summary("!nobody:d.example").await.expect_err("nobody knows");
    assert_eq!(error.reason(), Some(Reason::NotFound));
}

#[tokio::test]
async fn aliases_and_directories_of_others() {
    let world = World::new().await;
    let alias = RoomAliasId::parse("#hall:b.example").expect("an alias");
    let error = world.domain.actions.find_alias(&alias).await.expect_err("nobody answers");
    assert_eq!(error.reason(), Some(Reason::ConnectionFailed));
    world.wire.refuse(B, "/_matrix/federation/v1/query/directory", 404, "M_NOT_FOUND");
    let error = world.domain.actions.find_alias(&alias).await.expect_err("there is none");
    assert_eq!(error.reason(), Some(Reason::NotFound));
    let servers: Vec<_> =
        ["not a name".to_owned()].into_iter().chain((0..200).map(|n| format!("s{n}.example"))).collect();
    let answer = json!({ "room_id": "!hall:b.example", "servers": servers });
    world.wire.set(B, "/_matrix/federation/v1/query/directory", answer);
    let (room, servers) = world.domain.actions.find_alias(&alias).await.expect("a room");
    assert_eq!(room, "!hall:b.example");
    assert!(servers.len() <= 51 && servers.contains(&B.try_into().expect("a name")), "{}", servers.len());

    let cards = json!([entry("!a:b.example", "a"), { "room_id": 7 }, null, entry("!b:b.example", "b")]);
    world.wire.set(B, "/_matrix/federation/v1/publicRooms", json!({ "chunk": cards, "next_batch": "n" }));
    let search = Search { server: Some(B.try_into().expect("a name")), ..Search::default() };
    let page = world.domain.actions.public_rooms(search).await.expect("a page");
    assert_eq!((page.cards.len(), page.next.as_deref(), page.total), (2, Some("n"), 2));
}

#[tokio::test]
async fn profiles_of_others() {
    let world = World::new().await;
    let bob = super::id("@bob:b.example");
    let told = json!({ "displayname": 7, "avatar_url": "mxc://b/c", "m.tz": "Europe/Berlin" });
    world.wire.set(B, "/_matrix/federation/v1/query/profile", told);
    let profile = world.domain.actions.profile(&bob).await.expect("a profile");
    assert_eq!(Value::Object(profile), json!({ "avatar_url": "mxc://b/c", "m.tz": "Europe/Berlin" }));
    assert_eq!(world.domain.actions.profile_field(&bob, "displayname").await.expect("none"), None);
    let error = world.domain.actions.profile_field(&bob, "org.example.job").await.expect_err("not set");
    assert_eq!(error.reason(), Some(Reason::NotFound));
    world.wire.set(B, "/_matrix/federation/v1/query/profile", json!({ "displayname": "x".repeat(100_000) }));
    assert!(world.domain.actions.profile(&bob).await.is_err(), "too large");
}
