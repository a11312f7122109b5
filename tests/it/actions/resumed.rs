//! Regressions of interrupted actions, and what servers that were unreachable learn later.

use std::collections::BTreeSet;
use std::time::Duration;

use hearth_domain::admin::jobs::State;

use super::interrupted::{Http, begin, stops};
use super::scenarios::{Action, Progress, Ready};
use super::{comes_true, membership};
use crate::harness::{Cluster, World, json, v3};

/// Sends a request and disconnects after a moment.
async fn hangs_up(ask: crate::harness::Ask, after: Duration) {
    let _ = tokio::time::timeout(after, ask.attempt()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deactivated_user_of_60_rooms_is_in_none_of_them() {
    for after_ms in [1, 15, 30] {
        let mut world = World::new().await;
        let (ann, amy) = (world.register("ann").await, world.register("amy").await);
        let mut rooms = Vec::new();
        for _ in 0..60 {
            rooms.push(amy.creates_room().public().await);
            ann.joins(&rooms[rooms.len() - 1]).await;
        }
        let ask = ann.post(v3!("account/deactivate"), json!({ "auth": ann.proof(None) }));
        hangs_up(ask, Duration::from_millis(after_ms)).await;
        if after_ms == 30 {
            // A clean stop in the middle must work as well.
            world.restart().await;
        }
        let joined = async || {
            let mut joined = 0;
            for room in &rooms {
                joined += usize::from(membership(&world, &room.0, &ann.id).await == "join");
            }
            joined
        };
        let begun = ann.get(v3!("account/whoami")).await.status == 401;
        assert!(begun || joined().await == 60, "either nothing or all");
        if begun {
            assert!(comes_true(async || joined().await == 0).await, "still in {} rooms", joined().await);
        }
        world.ends().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn all_of_20_guests_are_invited_when_the_client_hangs_up() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let ann = a.register("ann").await;
    let mut guests = Vec::new();
    for n in 0..20 {
        guests.push(b.register(&format!("guest{n}")).await);
    }
    let invited: Vec<_> = guests.iter().map(|guest| guest.id.clone()).collect();
    hangs_up(ann.post(v3!("createRoom"), json!({ "invite": invited })), Duration::from_millis(60)).await;
    let rooms = ann.get(v3!("joined_rooms")).await.ok();
    let Some(room) = rooms["joined_rooms"][0].as_str() else {
        // The machine was too slow and the action has not begun.
        return cluster.ends().await;
    };
    for guest in &guests {
        let both = async || {
            membership(a, room, &guest.id).await == "invite" && membership(b, room, &guest.id).await == "invite"
        };
        assert!(comes_true(both).await, "{} is not invited", guest.id);
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_was_away_is_told_of_a_rejected_invite_and_gets_the_invites_of_a_new_room() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    for version in ["11", "12"] {
        let (ann, bob) = (a.register(&format!("ann{version}")).await, b.register(&format!("bob{version}")).await);
        let invited = bob.creates_room().version(version).await;
        bob.invites(&ann, &invited).await;
        cluster.network.part("a.example", "b.example");
        ann.leaves(&invited).await;
        let room = ann.creates_room().version(version).with("invite", json!([bob.id])).await;
        assert_eq!(membership(a, &invited.0, &ann.id).await, "leave", "it ends here in any case");
        assert_eq!(membership(b, &invited.0, &ann.id).await, "invite");
        cluster.network.heal();
        assert!(comes_true(async || membership(b, &invited.0, &ann.id).await == "leave").await, "version {version}");
        let both = async || {
            membership(a, &room.0, &bob.id).await == "invite" && membership(b, &room.0, &bob.id).await == "invite"
        };
        assert!(comes_true(both).await, "version {version}");
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_that_comes_again_is_not_rejected_by_an_older_leave() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let room = bob.creates_room().await;
    bob.invites(&ann, &room).await;
    cluster.network.part("a.example", "b.example");
    ann.leaves(&room).await;
    cluster.network.heal();
    // Before the leave is delivered to the other server.
    bob.kicks(&ann, &room).await;
    bob.invites(&ann, &room).await;
    tokio::time::sleep(Duration::from_secs(5)).await;
    assert_eq!((membership(a, &room.0, &ann.id).await, membership(b, &room.0, &ann.id).await), ("invite", "invite"));
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_that_cannot_be_left_does_not_hold_up_the_others_at_deactivation() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    for version in ["11", "12"] {
        let name = |who: &str| format!("{who}{version}");
        let (ann, amy) = (a.register(&name("ann")).await, a.register(&name("amy")).await);
        let bob = b.register(&name("bob")).await;
        // Rooms are left in the order of their creation.
        let mut rooms = Vec::new();
        for _ in 0..3 {
            rooms.push(amy.creates_room().public().version(version).await);
            ann.joins(&rooms[rooms.len() - 1]).await;
        }
        let guarded = &rooms[0];
        bob.post(format!("{}?via=a.example", v3!("join/{}", guarded)), json!({})).await.ok();
        let key = "A".repeat(43);
        let policy = json!({ "via": "b.example", "public_keys": { "ed25519": key } });
        amy.sets("m.room.policy", "", policy).in_room(guarded).await;
        cluster.network.part("a.example", "b.example");
        ann.post(v3!("account/deactivate"), json!({ "auth": ann.proof(None) })).await.ok();
        for room in &rooms[1..] {
            assert_eq!(membership(a, &room.0, &ann.id).await, "leave", "version {version}");
        }
        assert_eq!(membership(a, &guarded.0, &ann.id).await, "join", "its policy server does not answer");
        cluster.network.heal();
        amy.sets("m.room.policy", "", json!({})).in_room(guarded).await;
        assert!(comes_true(async || membership(a, &guarded.0, &ann.id).await == "leave").await, "version {version}");
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_is_resumed_when_the_other_server_cannot_reach_this_one_for_its_keys_at_first() {
    for version in ["11", "12"] {
        let mut cluster = Cluster::of(["a.example", "b.example"]).await;
        cluster.worlds[0].counts_steps().await;
        let ready = Action::Join.prepare(&cluster.worlds[0], &cluster.worlds[1], 1, version).await;
        cluster.worlds[0].steps().stop_after(1);
        let mut request = begin(&cluster.worlds[0], &ready, Http::One);
        assert!(stops(&cluster.worlds[0], &mut request).await, "it has a first step");
        cluster.network.cut("b.example", "a.example");
        cluster.worlds[0].is_killed_and_starts_again().await;
        let asked = async || cluster.network.seen().iter().any(|(_, call)| call.target.contains("/make_join/"));
        assert!(comes_true(asked).await, "it is resumed");
        // By then the other server has refused with 401.
        tokio::time::sleep(Duration::from_millis(500)).await;
        cluster.network.heal();
        // The other server fetches keys again only after its backoff.
        cluster.worlds[0].clock.skip(120_000);
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let done = comes_true(async || ready.progress(a, b).await == Progress::Done).await;
        assert!(done, "version {version}: {ready:?}");
        cluster.ends().await;
    }
}

/// Lets the server take one step after the other, until a join has stored a part of the room's events.
async fn stores_a_part(world: &World, request: &mut tokio::task::JoinHandle<reqwest::Result<u16>>) {
    loop {
        assert!(stops(world, request).await, "the room is stored in several writes");
        let jobs = world.server().domain.admin.jobs.list();
        if jobs.iter().any(|job| job.message.contains("events stored")) {
            return;
        }
        world.steps().stop_after(0);
        world.steps().release();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_join_is_resumed_when_the_server_is_killed_amid_the_state_of_the_room() {
    for version in ["11", "12"] {
        let mut cluster = Cluster::of(["a.example", "b.example"]).await;
        cluster.worlds[0].counts_steps().await;
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let (ann, bob) = (a.register("ann").await, b.register("bob").await);
        let shelf = |n: i32| json!({ "type": "org.example.shelf", "state_key": n.to_string(), "content": {} });
        let shelves: Vec<_> = (0..450).map(shelf).collect();
        let room = bob.creates_room().public().version(version).with("initial_state", json!(shelves)).await;
        let ready = Ready::join(&ann, &room);
        a.steps().stop_after(0);
        let mut request = begin(a, &ready, Http::One);
        stores_a_part(a, &mut request).await;
        cluster.worlds[0].is_killed_and_starts_again().await;
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let done = comes_true(async || ready.progress(a, b).await == Progress::Done).await;
        assert!(done, "version {version}: {ready:?}");
        let state = async |of: &crate::harness::Person| {
            let state = of.get(v3!("rooms/{}/state", room)).await.ok();
            let events = state.as_array().expect("a list").iter();
            events.map(|event| event["event_id"].as_str().expect("an id").to_owned()).collect::<BTreeSet<_>>()
        };
        assert_eq!(state(&ann).await, state(&bob).await, "version {version}");
        let jobs = a.server().domain.admin.jobs.list();
        let is_shown = jobs.iter().any(|job| (job.name, job.state) == ("join_room", State::Done));
        assert!(is_shown, "the resumed join is in the list of jobs: {jobs:?}");
        cluster.ends().await;
    }
}
