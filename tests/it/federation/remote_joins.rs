//! Remote joins, invites, knocks and leaves, between two servers and more.

use std::time::Duration;

use serde_json::{Value, json};

use crate::harness::{Answer, Cluster, Person, Room, v3};

const VERSIONS: [&str; 7] = ["6", "7", "8", "9", "10", "11", "12"];

/// Joins through a resident server.
pub(super) async fn joins(person: &Person, room: &str, via: &str) -> Answer {
    person.post(v3!("join/{}", room), json!({})).query(&[("via", via)]).await
}

/// Polls until a condition holds.
async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    for _ in 0..200 {
        if is_so().await {
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    unreachable!("it never came to be: {what}")
}

/// Waits until the seer's server has this membership of a user.
pub(super) async fn becomes(seer: &Person, who: &Person, room: &Room, membership: &str) -> Value {
    let see = async || seer.get(v3!("rooms/{}/state/m.room.member/{}", room, who.id)).await;
    let what = format!("{} sees that {} is at {membership}", seer.id, who.id);
    until(&what, async || see().await.json()["membership"] == membership).await;
    see().await.ok()
}

/// Waits until a user's server has a message.
async fn hears(person: &Person, room: &Room, text: &str) {
    let what = format!("{} hears {text:?}", person.id);
    until(&what, async || person.syncs().await.texts(room).contains(&text)).await;
}

/// Waits until a sync has something.
async fn is_shown(person: &Person, what: &str, shows: impl Fn(&Value) -> bool) -> Value {
    until(&format!("{} is shown {what}", person.id), async || shows(&person.syncs().await.0)).await;
    person.syncs().await.0
}

fn restricted(club: &Room) -> Value {
    json!({ "join_rule": "restricted", "allow": [{ "type": "m.room_membership", "room_id": club.0 }] })
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_of_every_version_are_joined_from_elsewhere() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob, ben) = (a.register("ann").await, b.register("bob").await, b.register("ben").await);
    bob.put(v3!("profile/{}/displayname", bob.id), json!({ "displayname": "Bob" })).await.ok();
    for version in VERSIONS {
        let room = ann.creates_room().public().version(version).with("name", json!("Hall")).await;
        let joined = joins(&bob, &room.0, "a.example").await.ok();
        assert_eq!(joined["room_id"], room.0, "{version}");
        joins(&bob, &room.0, "a.example").await.ok();
        assert_eq!(bob.state_of(&room, "m.room.name", "").await["name"], "Hall");
        assert_eq!(becomes(&ann, &bob, &room, "join").await["displayname"], "Bob");
        // The second user of a server joins without another server.
        ben.joins(&room).await;
        becomes(&ann, &ben, &room, "join").await;
        ann.sends("hello there").in_room(&room).await;
        hears(&bob, &room, "hello there").await;
        ben.sends("hello here").in_room(&room).await;
        hears(&ann, &room, "hello here").await;
        bob.leaves(&room).await;
        becomes(&ann, &bob, &room, "leave").await;
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_alias_leads_there_and_an_unknown_room_nowhere() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let room = ann.creates_room().public().version("12").with("room_alias_name", json!("hall")).await;
    assert_eq!(joins(&bob, "#hall:a.example", "b.example").await.ok()["room_id"], room.0);
    joins(&bob, "#attic:a.example", "a.example").await.refused(404, "M_NOT_FOUND");
    joins(&bob, "!nowhere:a.example", "a.example").await.refused(404, "M_NOT_FOUND");
    joins(&bob, "!nowhere:b.example", "b.example").await.refused(404, "M_NOT_FOUND");
    let secret = ann.creates_room().await;
    joins(&bob, &secret.0, "a.example").await.refused(403, "M_FORBIDDEN");
    cluster.network.part("a.example", "b.example");
    let answer = joins(&bob, &secret.0, "a.example").await;
    assert!(answer.status >= 500, "nobody can be reached: {}", answer.status);
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn two_clients_that_join_at_once_join_once() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob, ben) = (a.register("ann").await, b.register("bob").await, b.register("ben").await);
    let room = ann.creates_room().public().await;
    let (one, two, three) = tokio::join!(
        joins(&bob, &room.0, "a.example"),
        joins(&bob, &room.0, "a.example"),
        joins(&ben, &room.0, "a.example")
    );
    for answer in [one, two, three] {
        answer.ok();
    }
    let sent = cluster.network.seen().iter().filter(|(_, call)| call.target.contains("/send_join/")).count();
    assert_eq!(sent, 1, "the others find the door open");
    becomes(&ann, &ben, &room, "join").await;
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_was_away_is_let_in_again_and_hears_what_was_said() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let room = ann.creates_room().public().await;
    joins(&bob, &room.0, "a.example").await.ok();
    bob.leaves(&room).await;
    becomes(&ann, &bob, &room, "leave").await;
    ann.sends("while you were away").in_room(&room).await;
    ann.sets("m.room.topic", "", json!({ "topic": "absence" })).in_room(&room).await;
    // By room id only: the server remembers from an earlier membership which servers are in the room.
    bob.joins(&room).await;
    assert_eq!(bob.state_of(&room, "m.room.topic", "").await["topic"], "absence");
    ann.sends("welcome back").in_room(&room).await;
    hears(&bob, &room, "welcome back").await;
    // The creator leaves and rejoins through the other server.
    ann.leaves(&room).await;
    becomes(&bob, &ann, &room, "leave").await;
    joins(&ann, &room.0, "b.example").await.ok();
    becomes(&bob, &ann, &room, "join").await;
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invites_are_accepted_refused_and_taken_back() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob, ben) = (a.register("ann").await, b.register("bob").await, b.register("ben").await);
    for version in ["6", "11", "12"] {
        let room = ann.creates_room().version(version).with("name", json!("Parlour")).inviting(&[&bob]).await;
        let invited = |seen: &Value| seen["rooms"]["invite"].get(&room.0).is_some();
        let shown = is_shown(&bob, "an invite", invited).await;
        let shown = shown["rooms"]["invite"][&room.0]["invite_state"]["events"].as_array().expect("a list").clone();
        let named = |event: &&Value| event["type"] == "m.room.name" && event["content"]["name"] == "Parlour";
        assert!(shown.iter().any(|event| named(&event)), "{shown:?}");
        assert!(shown.iter().any(|event| event["state_key"] == bob.id && event["content"]["membership"] == "invite"));
        assert!(shown.iter().all(|event| event.get("signatures").is_none()), "clients get the form for clients");
        assert_eq!(becomes(&ann, &bob, &room, "invite").await["membership"], "invite");
        bob.get(v3!("rooms/{}/messages", room)).query(&[("dir", "b")]).await.refused(403, "M_FORBIDDEN");
        bob.get(v3!("rooms/{}/state", room)).await.refused(403, "M_FORBIDDEN");
        // The invite names the resident server.
        bob.joins(&room).await;
        becomes(&ann, &bob, &room, "join").await;
        // A server in the room receives an invite both as an invite and as a PDU.
        ann.invites(&ben, &room).await;
        is_shown(&ben, "an invite", invited).await;
        ben.leaves(&room).await;
        becomes(&ann, &ben, &room, "leave").await;
        bob.leaves(&room).await;
        becomes(&ann, &bob, &room, "leave").await;
        // That server has no user left in the room.
        ann.invites(&ben, &room).await;
        is_shown(&ben, "an invite", invited).await;
        ben.leaves(&room).await;
        becomes(&ann, &ben, &room, "leave").await;
        joins(&ben, &room.0, "a.example").await.refused(403, "M_FORBIDDEN");
        ann.invites(&ben, &room).await;
        is_shown(&ben, "an invite", invited).await;
        ann.kicks(&ben, &room).await;
        is_shown(&ben, "that it was taken back", |seen| !invited(seen)).await;
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invite_is_refused_even_if_its_server_is_gone() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let room = ann.creates_room().inviting(&[&bob]).await;
    let seen = is_shown(&bob, "an invite", |seen| seen["rooms"]["invite"].get(&room.0).is_some()).await;
    cluster.network.part("a.example", "b.example");
    bob.leaves(&room).await;
    let since = seen["next_batch"].as_str().expect("a token");
    let news = bob.syncs().since(since).await;
    let last = news.left(&room)["timeline"]["events"].as_array().and_then(|events| events.last()).cloned();
    assert_eq!(last.expect("how it ended")["content"]["membership"], "leave");
    bob.leaves(&room).await;
    bob.forgets(&room).await;
    assert!(bob.syncs().await.0["rooms"]["invite"].get(&room.0).is_none());
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn invites_of_no_one_and_of_the_wrong_people_are_refused() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let room = ann.creates_room().await;
    let invite = async |id: &str| ann.post(v3!("rooms/{}/invite", room), json!({ "user_id": id })).await;
    invite("@nobody:b.example").await.refused(403, "M_FORBIDDEN");
    assert!(invite("@bob:c.example").await.status >= 400);
    invite(&bob.id).await.ok();
    invite(&bob.id).await.ok();
    let asked = cluster.network.seen().iter().filter(|(_, call)| call.target.contains("/v2/invite/")).count();
    assert_eq!(asked, 3, "inviting again changes nothing");
    let state = v3!("rooms/{}/state/m.room.member/{}", room, "@nobody:b.example");
    ann.put(state, json!({ "membership": "invite" })).await.refused(403, "M_FORBIDDEN");
    ann.get(v3!("rooms/{}/state/m.room.member/{}", room, "@nobody:b.example")).await.refused(404, "M_NOT_FOUND");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_knocks_elsewhere_may_be_let_in_or_think_better_of_it() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob, ben) = (a.register("ann").await, b.register("bob").await, b.register("ben").await);
    let knocks = async |who: &Person, room: &Room| {
        who.post(v3!("knock/{}", room), json!({ "reason": "let me in" })).query(&[("via", "a.example")]).await
    };
    for version in ["7", "11", "12"] {
        let rule = json!({ "join_rule": "knock" });
        let room =
            ann.creates_room().version(version).with("name", json!("Den")).state("m.room.join_rules", rule).await;
        joins(&bob, &room.0, "a.example").await.refused(403, "M_FORBIDDEN");
        knocks(&bob, &room).await.ok();
        let seen = is_shown(&bob, "the room", |seen| seen["rooms"]["knock"].get(&room.0).is_some()).await;
        let shown = seen["rooms"]["knock"][&room.0]["knock_state"]["events"].as_array().expect("a list").clone();
        assert!(shown.iter().any(|event| event["content"]["name"] == "Den"), "{shown:?}");
        assert_eq!(becomes(&ann, &bob, &room, "knock").await["reason"], "let me in");
        ann.invites(&bob, &room).await;
        is_shown(&bob, "an invite", |seen| seen["rooms"]["invite"].get(&room.0).is_some()).await;
        bob.joins(&room).await;
        becomes(&ann, &bob, &room, "join").await;
        bob.leaves(&room).await;
        becomes(&ann, &bob, &room, "leave").await;
        knocks(&ben, &room).await.ok();
        becomes(&ann, &ben, &room, "knock").await;
        ben.leaves(&room).await;
        becomes(&ann, &ben, &room, "leave").await;
        knocks(&ben, &room).await.ok();
        becomes(&ann, &ben, &room, "knock").await;
        let since = ben.syncs().await;
        let refusal = json!({ "user_id": ben.id, "reason": "we are full" });
        ann.post(v3!("rooms/{}/kick", room), refusal).await.ok();
        is_shown(&ben, "that it was turned down", |seen| seen["rooms"]["knock"].get(&room.0).is_none()).await;
        let seen = ben.syncs().since(since.next()).await;
        let left = &seen.0["rooms"]["leave"][&room.0];
        let told = ["state", "timeline"].map(|part| left[part]["events"].as_array().cloned().unwrap_or_default());
        let end = told.concat().into_iter().find(|event| event["state_key"] == ben.id.as_str()).unwrap_or_default();
        let end = (&end["sender"], &end["content"]["membership"], &end["content"]["reason"]);
        assert_eq!(end, (&json!(ann.id), &json!("leave"), &json!("we are full")), "version {version}: {}", seen.0);
    }
    let shut = ann.creates_room().await;
    knocks(&bob, &shut).await.refused(403, "M_FORBIDDEN");
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn members_of_an_allowed_room_come_in_from_elsewhere() {
    let cluster = Cluster::of(["a.example", "b.example", "c.example"]).await;
    let [a, b, c] = &cluster.worlds[..] else { unreachable!("three servers") };
    let (ann, bob, ben) = (a.register("ann").await, b.register("bob").await, b.register("ben").await);
    let cat = c.register("cat").await;
    let club = ann.creates_room().public().await;
    joins(&cat, &club.0, "a.example").await.ok();
    for version in ["8", "10", "12"] {
        let room = ann.creates_room().version(version).state("m.room.join_rules", restricted(&club)).await;
        if version == "8" {
            joins(&bob, &room.0, "a.example").await.refused(403, "M_FORBIDDEN");
            joins(&bob, &club.0, "a.example").await.ok();
            joins(&ben, &club.0, "a.example").await.ok();
        }
        joins(&bob, &room.0, "a.example").await.ok();
        let member = becomes(&ann, &bob, &room, "join").await;
        assert_eq!(member["join_authorised_via_users_server"], ann.id, "{version}");
        // The second user of that server: no user there may invite, so the first server authorises the restricted join
        // again. In version 12 every user may, since power level 0 suffices in a private room.
        let levels =
            json!({ "invite": 50, "users": if version == "12" { json!({}) } else { json!({ &ann.id: 100 }) } });
        ann.sets("m.room.power_levels", "", levels).in_room(&room).await;
        until("the new levels are there", async || {
            bob.state_of(&room, "m.room.power_levels", "").await["invite"] == 50
        })
        .await;
        joins(&ben, &room.0, "a.example").await.ok();
        let member = becomes(&ann, &ben, &room, "join").await;
        assert_eq!(member["join_authorised_via_users_server"], ann.id, "{version}");
        becomes(&bob, &ben, &room, "join").await;
        // A server that is in the room and may not authorise the join refuses it; the client's next server is tried.
        let query = [("via", "b.example"), ("via", "a.example")];
        cat.post(v3!("join/{}", room), json!({})).query(&query).await.ok();
        becomes(&bob, &cat, &room, "join").await;
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn rooms_that_are_too_large_are_not_entered() {
    let cluster = Cluster::with(["a.example", "b.example"], 1, |config| config.federation.complexity_limit = 1).await;
    let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
    let (ann, bob) = (a.register("ann").await, b.register("bob").await);
    let initial: Vec<Value> =
        (0..498).map(|n| json!({ "type": "org.example.shelf", "state_key": n.to_string(), "content": {} })).collect();
    let room = ann.creates_room().public().with("initial_state", json!(initial)).await;
    joins(&bob, &room.0, "a.example").await.refused(400, "M_RESOURCE_LIMIT_EXCEEDED");
    let sent = cluster.network.seen().iter().any(|(_, call)| call.target.contains("/send_join/"));
    assert!(!sent, "it is asked first");
    cluster.ends().await;
}
