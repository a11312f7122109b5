//! Forks of the event graph, after two servers were partitioned: what a client sees of them.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Cluster, Person, Room, v3};

/// Waits until a user's server has an event.
async fn until_there(who: &Person, room: &Room, event: &str) {
    for _ in 0..300 {
        if who.get(v3!("rooms/{}/event/{}", room, event)).await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("{event} never came to {}", who.id);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_device_gets_the_state_of_both_branches() {
    let cluster = Cluster::of(["a.example", "b.example", "c.example"]).await;
    let alice = cluster.worlds[0].register("alice").await;
    let bob = cluster.worlds[1].register("bob").await;
    let carol = cluster.worlds[2].register("carol").await;
    let room = alice.creates_room().public().await;
    for person in [&bob, &carol] {
        person.post(v3!("join/{}?via=a.example", room), json!({})).await.ok();
    }
    let together = alice.sends("we are all here").in_room(&room).await;
    until_there(&bob, &room, &together).await;
    until_there(&carol, &room, &together).await;

    // Carol's server does not receive Alice's events, so that both create events with the same prev events.
    cluster.network.part("a.example", "c.example");
    let named = alice.sets("m.room.name", "", json!({ "name": "one branch" })).in_room(&room).await;
    until_there(&bob, &room, &named).await;
    let mut last = String::new();
    for number in 0..12 {
        last = carol.sends(&format!("other branch, {number}")).in_room(&room).await;
    }
    until_there(&bob, &room, &last).await;

    let seen = bob.at_another_device().await.syncs().await;
    assert_eq!(seen.texts(&room).last(), Some(&"other branch, 11"));
    assert!(seen.timeline(&room).iter().all(|event| event["type"] != "m.room.name"), "the test shows nothing");
    let names: Vec<&Value> = seen.state(&room).iter().filter(|event| event["type"] == "m.room.name").collect();
    assert_eq!(names.len(), 1, "{:?}", seen.state(&room));
    assert_eq!(names[0]["content"]["name"], "one branch");
    cluster.ends().await;
}
