//! Two users in one room, on different servers: profiles, presence, typing, receipts and device lists between them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::keys::device_keys;
use crate::harness::{Cluster, Person, Room, Seen, encoded, v3};

/// Timeout for delivery to the other server.
const PATIENCE: Duration = Duration::from_secs(15);

/// Alice and her room on one server, Bob on the other.
struct Neighbours {
    cluster: Cluster,
    alice: Person,
    bob: Person,
    room: Room,
}

impl Neighbours {
    async fn meet() -> Self {
        let cluster = Cluster::with(["a.example", "b.example"], 1, |config| config.presence.federated = true).await;
        let (alice, bob) = (cluster.worlds[0].register("alice").await, cluster.worlds[1].register("bob").await);
        let room = alice.creates_room().public().with("room_alias_name", json!("hall")).await;
        let joined = bob.post(v3!("join/{}", "#hall:a.example"), json!({})).await.ok();
        assert_eq!(joined["room_id"], room.0);
        Self { cluster, alice, bob, room }
    }
}

/// Syncs until a condition holds; returns the next token.
async fn until(who: &Person, since: &str, what: &str, mut is_seen: impl FnMut(&Seen) -> bool) -> String {
    let (began, mut since) = (std::time::Instant::now(), since.to_owned());
    loop {
        let seen = who.syncs().since(&since).waiting_ms(500).await;
        since = seen.next().to_owned();
        if is_seen(&seen) {
            return since;
        }
        assert!(began.elapsed() < PATIENCE, "{}: {what} never came", who.id);
    }
}

async fn now(who: &Person) -> String {
    who.syncs().await.next().to_owned()
}

fn names(list: &Value) -> Vec<&str> {
    list.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn they_see_each_other_type_and_read_and_be_there() {
    let Neighbours { cluster, alice, bob, room } = Neighbours::meet().await;
    let since = now(&bob).await;
    alice.put(v3!("rooms/{}/typing/{}", room, alice), json!({ "typing": true, "timeout": 20_000 })).await.ok();
    let typing = |seen: &Seen| names(&seen.ephemeral(&room, "m.typing")["user_ids"]) == [&*alice.id];
    let since = until(&bob, &since, "typing", typing).await;
    alice.put(v3!("rooms/{}/typing/{}", room, alice), json!({ "typing": false })).await.ok();
    let stopped = |seen: &Seen| {
        let typing = seen.ephemeral(&room, "m.typing");
        !typing.is_null() && names(&typing["user_ids"]).is_empty()
    };
    until(&bob, &since, "the end of typing", stopped).await;

    let since = now(&alice).await;
    let event = alice.sends("read me").in_room(&room).await;
    let read = |seen: &Seen| {
        let read = &seen.ephemeral(&room, "m.receipt")[&event]["m.read"][&bob.id];
        read["thread_id"] == "main" && read["ts"].is_u64()
    };
    // The message may not have arrived yet, and then there is no event to mark as read.
    let mut heard = false;
    for _ in 0..20 {
        let answer = bob.post(v3!("rooms/{}/receipt/m.read/{}", room, event), json!({ "thread_id": "main" })).await;
        heard = answer.status == 200;
        if heard {
            break;
        }
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(heard, "the message came");
    until(&alice, &since, "the receipt", read).await;

    let since = now(&bob).await;
    let status = json!({ "presence": "online", "status_msg": "here" });
    alice.put(v3!("presence/{}/status", alice), status).await.ok();
    let is_there = |seen: &Seen| {
        let events = seen.0["presence"]["events"].as_array().cloned().unwrap_or_default();
        events.iter().any(|event| event["sender"] == *alice.id && event["content"]["status_msg"] == "here")
    };
    until(&bob, &since, "presence", is_there).await;
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_between_devices_arrive_once() {
    let Neighbours { cluster, alice, bob, room: _ } = Neighbours::meet().await;
    let second = bob.at_another_device().await;
    let since = [now(&bob).await, now(&second).await];
    for n in 0..3 {
        let messages = json!({ "messages": { &bob.id: { &bob.device: { "n": n } } } });
        for _ in 0..2 {
            alice.put(v3!("sendToDevice/org.example.one/{}", n.to_string()), messages.clone()).await.ok();
        }
    }
    let all = json!({ "messages": { &bob.id: { "*": { "n": 3 } } } });
    alice.put(v3!("sendToDevice/org.example.one/all"), all).await.ok();
    let mut heard = [Vec::new(), Vec::new()];
    for (which, device) in [&bob, &second].into_iter().enumerate() {
        until(device, &since[which], "the last message", |seen| {
            let events = seen.0["to_device"]["events"].as_array().cloned().unwrap_or_default();
            heard[which].extend(events.iter().map(|event| event["content"]["n"].as_u64().expect("a number")));
            heard[which].last() == Some(&3)
        })
        .await;
    }
    assert_eq!(heard, [vec![0, 1, 2, 3], vec![3]]);
    cluster.ends().await;
}

/// Alice's devices as Bob sees them.
async fn devices_of(viewer: &Person, owner: &Person) -> Value {
    let mut found = viewer.post(v3!("keys/query"), json!({ "device_keys": { &owner.id: [] } })).await.ok();
    assert_eq!(found["failures"], json!({}), "{found}");
    found["device_keys"][&owner.id].take()
}

fn is_changed(seen: &Seen, who: &Person) -> bool {
    names(&seen.0["device_lists"]["changed"]).contains(&&*who.id)
}

#[tokio::test(flavor = "multi_thread")]
async fn devices_are_followed_across_servers() {
    let Neighbours { cluster, alice, bob, room } = Neighbours::meet().await;
    let since = now(&bob).await;
    let (keys, _) = device_keys(&alice, 1);
    let one = json!({ "signed_curve25519:AAAA": { "key": "k" } });
    alice.post(v3!("keys/upload"), json!({ "device_keys": keys, "one_time_keys": one })).await.ok();
    let since = until(&bob, &since, "a new device", |seen| is_changed(seen, &alice)).await;
    assert_eq!(devices_of(&bob, &alice).await[&alice.device]["keys"], keys["keys"]);

    let claim = json!({ "one_time_keys": { &alice.id: { &alice.device: "signed_curve25519" } } });
    let claimed = bob.post(v3!("keys/claim"), claim.clone()).await.ok();
    assert_eq!(claimed["one_time_keys"][&alice.id][&alice.device]["signed_curve25519:AAAA"]["key"], "k");
    assert_eq!(bob.post(v3!("keys/claim"), claim).await.ok()["one_time_keys"], json!({}));

    // From here on EDUs contain the changes, so no server needs to query.
    let asked =
        |cluster: &Cluster| cluster.network.seen().iter().filter(|(_, call)| call.target.contains("/user/")).count();
    let before = asked(&cluster);
    let second = alice.at_another_device().await;
    let (keys, _) = device_keys(&second, 2);
    second.post(v3!("keys/upload"), json!({ "device_keys": keys })).await.ok();
    let since = until(&bob, &since, "a second device", |seen| is_changed(seen, &alice)).await;
    assert_eq!(devices_of(&bob, &alice).await[&second.device]["keys"], keys["keys"]);
    second.post(v3!("logout"), json!({})).await.ok();
    let since = until(&bob, &since, "a device less", |seen| is_changed(seen, &alice)).await;
    let left = devices_of(&bob, &alice).await;
    assert!(left[&second.device].is_null() && !left[&alice.device].is_null(), "{left}");
    assert_eq!(asked(&cluster), before);

    // Devices change during a partition; afterwards the server queries the current list.
    cluster.network.part("a.example", "b.example");
    let third = alice.at_another_device().await;
    let (keys, _) = device_keys(&third, 3);
    third.post(v3!("keys/upload"), json!({ "device_keys": keys })).await.ok();
    cluster.network.heal();
    let since = until(&bob, &since, "a third device", |seen| is_changed(seen, &alice)).await;
    assert_eq!(devices_of(&bob, &alice).await[&third.device]["keys"], keys["keys"]);

    bob.leaves(&room).await;
    let gone = |seen: &Seen| names(&seen.0["device_lists"]["left"]).contains(&&*alice.id);
    until(&bob, &since, "that there is nothing in common any more", gone).await;
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn they_find_each_other_and_what_they_show() {
    let Neighbours { cluster, alice, bob, room } = Neighbours::meet().await;
    bob.put(v3!("profile/{}/displayname", bob.id), json!({ "displayname": "Bøb" })).await.ok();
    let profile = |of: &str| alice.get(format!("/_matrix/client/v3/profile/{of}"));
    assert_eq!(profile(&encoded(&bob.id)).await.ok()["displayname"], "Bøb");
    let name = format!("{}/displayname", encoded(&bob.id));
    assert_eq!(profile(&name).await.ok(), json!({ "displayname": "Bøb" }));
    profile("@nobody:b.example").await.refused(404, "M_NOT_FOUND");

    let found = bob.get(v3!("directory/room/{}", "#hall:a.example")).await.ok();
    assert_eq!(found, json!({ "room_id": room.0, "servers": ["a.example", "b.example"] }));
    bob.get(v3!("directory/room/{}", "#attic:a.example")).await.refused(404, "M_NOT_FOUND");

    alice.put(v3!("directory/list/room/{}", room), json!({ "visibility": "public" })).await.ok();
    let listed = bob.get("/_matrix/client/v3/publicRooms?server=a.example").await.ok();
    assert_eq!(
        (&listed["chunk"][0]["room_id"], &listed["chunk"][0]["num_joined_members"]),
        (&json!(room.0), &json!(2))
    );
    let search = json!({ "filter": { "generic_search_term": "nothing like it" } });
    let found = bob.post("/_matrix/client/v3/publicRooms?server=a.example", search).await.ok();
    assert_eq!(found["chunk"], json!([]));
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_space_holds_rooms_of_both_servers() {
    let Neighbours { cluster, alice, bob, room: _ } = Neighbours::meet().await;
    let space = |of: &'static str| json!({ "type": "m.space", "org.example.of": of });
    let top = alice.creates_room().public().with("creation_content", space("top")).await;
    let sub = alice.creates_room().public().with("creation_content", space("sub")).await;
    let open = alice.creates_room().public().with("name", json!("open")).await;
    let deep = alice.creates_room().public().with("name", json!("deep")).await;
    let secret = alice.creates_room().with("name", json!("secret")).await;
    let own = bob.creates_room().public().with("name", json!("Bob's own")).await;
    let mut adopt = Vec::new();
    for (parent, child, via) in [
        (&top, &open, "a.example"),
        (&top, &sub, "a.example"),
        (&top, &secret, "a.example"),
        (&top, &own, "b.example"),
        (&sub, &deep, "a.example"),
    ] {
        adopt.push(alice.sets("m.space.child", &child.0, json!({ "via": [via] })).in_room(parent).await);
    }
    bob.post(v3!("join/{}", top), json!({})).query(&[("via", "a.example"), ("server_name", "a.example")]).await.ok();
    let tree = bob.get(format!("/_matrix/client/v1/rooms/{}/hierarchy", encoded(&top.0))).await.ok();
    let mut rooms: Vec<_> = tree["rooms"].as_array().expect("rooms").iter().map(|room| &room["room_id"]).collect();
    rooms.sort_by_key(|room| room.to_string());
    let mut all = [&top, &sub, &open, &deep, &own].map(|room| json!(room.0));
    all.sort_by_key(Value::to_string);
    assert_eq!(rooms, all.iter().collect::<Vec<_>>(), "{tree}");
    let page = bob.get(format!("/_matrix/client/v1/rooms/{}/hierarchy?limit=2", encoded(&top.0))).await.ok();
    assert_eq!(page["rooms"].as_array().map(Vec::len), Some(2));
    assert!(page["next_batch"].is_string());

    let summary = |room: &Room| format!("/_matrix/client/v1/room_summary/{}?via=a.example", encoded(&room.0));
    let said = bob.get(summary(&open)).await.ok();
    assert_eq!(
        (&said["name"], &said["num_joined_members"], &said["membership"]),
        (&json!("open"), &json!(1), &json!("leave"))
    );
    bob.get(summary(&secret)).await.refused(404, "M_NOT_FOUND");
    cluster.ends().await;
}
