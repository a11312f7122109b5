//! Subscriptions to threads (MSC4306): endpoints, push rules, unread counts, pushers, and the extension of sliding sync with
//! its pages (MSC4308).

use crate::harness::{Person, Room, Value, World, json, list, v3};
use crate::pushers::Gateway;

const SLIDING: &str = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
const CHANGES: &str = "/_matrix/client/unstable/io.element.msc4308/thread_subscriptions";
const EXTENSION: &str = "io.element.msc4308.thread_subscriptions";

fn thread(room: &Room, root: &str) -> String {
    let room = &room.0;
    format!("/_matrix/client/unstable/io.element.msc4306/rooms/{room}/thread/{root}/subscription")
}

async fn in_thread(person: &Person, text: &str, root: &str, room: &Room) -> String {
    person.replies(text, "m.thread", root).in_room(room).await
}

async fn unread(person: &Person, room: &Room) -> u64 {
    person.syncs().await.joined(room)["unread_notifications"]["notification_count"].as_u64().unwrap_or(0)
}

/// Alice and two others in a room of hers, in which messages notify.
async fn three(world: &World, version: &str) -> (Person, Person, Room) {
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room().public().version(version).await;
    bob.joins(&room).await;
    carol.joins(&room).await;
    (alice, bob, room)
}

/// Mutes a room for a person.
async fn mutes(person: &Person, room: &Room) {
    person.put(v3!("pushrules/global/room/{}", room), json!({ "actions": [] })).await.ok();
}

#[tokio::test]
async fn subscriptions_are_set_read_and_ended() {
    for version in ["11", "12"] {
        let mut world = World::new().await;
        let (alice, bob, room) = three(&world, version).await;
        let root = alice.sends("root").in_room(&room).await;
        let path = thread(&room, &root);
        bob.get(&path).await.refused(404, "M_NOT_FOUND");
        bob.delete(&path).await.ok();
        let cause = in_thread(&alice, "bob?", &root, &room).await;
        bob.put(&path, json!({ "automatic": cause })).await.ok();
        assert_eq!(bob.get(&path).await.ok(), json!({ "automatic": true }));
        bob.put(&path, json!({})).await.ok();
        bob.put(&path, json!({ "automatic": cause })).await.ok();
        world.restart().await;
        assert_eq!(bob.get(&path).await.ok(), json!({ "automatic": false }), "what the user chose stays");
        alice.get(&path).await.refused(404, "M_NOT_FOUND");
        bob.delete(&path).await.ok();
        bob.delete(&path).await.ok();
        bob.get(&path).await.refused(404, "M_NOT_FOUND");
        let versions = bob.get("/_matrix/client/versions").await.ok();
        assert_eq!(versions["unstable_features"]["org.matrix.msc4306"], true);
        world.ends().await;
    }
}

#[tokio::test]
async fn an_automatic_subscription_does_not_undo_a_later_unsubscription() {
    for version in ["11", "12"] {
        let world = World::new().await;
        let (alice, bob, room) = three(&world, version).await;
        let root = alice.sends("root").in_room(&room).await;
        let (path, outside) = (thread(&room, &root), alice.sends("outside").in_room(&room).await);
        let before = in_thread(&alice, "bob?", &root, &room).await;
        for other in [&outside, &root] {
            let not_in_it = bob.put(&path, json!({ "automatic": other })).await;
            not_in_it.refused(400, "IO.ELEMENT.MSC4306.M_NOT_IN_THREAD");
        }
        bob.put(&path, json!({ "automatic": "$unknown" })).await.refused(404, "M_NOT_FOUND");
        bob.put(&path, json!({ "automatic": before })).await.ok();
        bob.delete(&path).await.ok();
        let late = bob.put(&path, json!({ "automatic": before })).await;
        late.refused(409, "IO.ELEMENT.MSC4306.M_CONFLICTING_UNSUBSCRIPTION");
        bob.get(&path).await.refused(404, "M_NOT_FOUND");
        let after = in_thread(&alice, "bob, again?", &root, &room).await;
        bob.put(&path, json!({ "automatic": after })).await.ok();
        assert_eq!(bob.get(&path).await.ok(), json!({ "automatic": true }));
        bob.delete(&path).await.ok();
        bob.put(&path, json!({})).await.ok();
        world.ends().await;
    }
}

#[tokio::test]
async fn threads_that_the_user_may_not_see_are_not_found() {
    let world = World::new().await;
    let (alice, bob, room) = three(&world, "12").await;
    let (root, outsider) = (alice.sends("root").in_room(&room).await, world.register("dave").await);
    let hidden = alice.creates_room().await;
    let elsewhere = alice.sends("root").in_room(&hidden).await;
    for path in [thread(&hidden, &elsewhere), thread(&room, &elsewhere), thread(&room, "$unknown")] {
        bob.get(&path).await.refused(404, "M_NOT_FOUND");
        bob.put(&path, json!({})).await.refused(404, "M_NOT_FOUND");
        bob.delete(&path).await.refused(404, "M_NOT_FOUND");
    }
    outsider.put(thread(&room, &root), json!({})).await.refused(404, "M_NOT_FOUND");
    // Subscriptions go with a room that is forgotten.
    bob.put(thread(&room, &root), json!({})).await.ok();
    bob.leaves(&room).await;
    bob.forgets(&room).await;
    bob.joins(&room).await;
    bob.get(thread(&room, &root)).await.refused(404, "M_NOT_FOUND");
    world.ends().await;
}

#[tokio::test]
async fn the_rules_stand_after_content_and_can_only_be_switched() {
    let mut world = World::new().await;
    let alice = world.register("alice").await;
    let path = |id: &str| v3!("pushrules/global/postcontent/{}", id);
    let (unsubscribed, subscribed) =
        (".io.element.msc4306.rule.unsubscribed_thread", ".io.element.msc4306.rule.subscribed_thread");
    let rules = alice.get(v3!("pushrules/")).await.ok()["global"]["postcontent"].clone();
    let rule = |number: usize| &rules[number];
    assert_eq!(list(&rules).len(), 2, "{rules}");
    assert_eq!((&rule(0)["rule_id"], &rule(0)["actions"]), (&json!(unsubscribed), &json!([])));
    let condition = json!([{ "kind": "io.element.msc4306.thread_subscription", "subscribed": true }]);
    assert_eq!((&rule(1)["rule_id"], &rule(1)["conditions"]), (&json!(subscribed), &condition));
    alice.put(format!("{}/enabled", path(subscribed)), json!({ "enabled": false })).await.ok();
    alice.put(format!("{}/actions", path(unsubscribed)), json!({ "actions": ["notify"] })).await.ok();
    world.restart().await;
    assert_eq!(alice.get(path(subscribed)).await.ok()["enabled"], false);
    assert_eq!(alice.get(path(unsubscribed)).await.ok()["actions"], json!(["notify"]));
    // The kind's name in ruma, which clients on it may use in paths.
    let other = v3!("pushrules/global/io.element.msc4306.postcontent/{}", subscribed);
    assert_eq!(alice.get(other).await.ok()["enabled"], false);
    let shown = alice.syncs().await;
    let shown = &shown.account_data("m.push_rules")["global"]["postcontent"];
    assert_eq!((list(shown).len(), &shown[1]["enabled"]), (2, &json!(false)), "{shown}");
    let own = json!({ "conditions": [], "actions": ["notify"] });
    alice.put(path("mine"), own).await.refused(400, "M_INVALID_PARAM");
    alice.delete(path(subscribed)).await.refused(400, "M_INVALID_PARAM");
    world.ends().await;
}

#[tokio::test]
async fn unread_counts_follow_subscriptions() {
    for version in ["11", "12"] {
        let mut world = World::new().await;
        let (alice, bob, room) = three(&world, version).await;
        let (one, two) = (alice.sends("one").in_room(&room).await, alice.sends("two").in_room(&room).await);
        bob.reads_up_to(&two, &room).await;
        in_thread(&alice, "in one", &one, &room).await;
        in_thread(&alice, "in two", &two, &room).await;
        assert_eq!(unread(&bob, &room).await, 2, "without subscriptions threads notify as the room does");
        let since = bob.syncs().await;
        bob.put(thread(&room, &one), json!({})).await.ok();
        let news = bob.syncs().since(since.next()).await;
        assert_eq!(news.joined(&room)["unread_notifications"]["notification_count"], 1, "{}", news.0);
        assert_eq!(unread(&bob, &room).await, 1, "the other thread does not notify");
        let mention = json!({
            "msgtype": "m.text", "body": "bob?", "m.mentions": { "user_ids": [bob.id] },
            "m.relates_to": { "rel_type": "m.thread", "event_id": two },
        });
        alice.sends_event("m.room.message", mention).in_room(&room).await;
        assert_eq!(unread(&bob, &room).await, 2, "a mention does, also there");
        mutes(&bob, &room).await;
        alice.sends("not in a thread").in_room(&room).await;
        assert_eq!(unread(&bob, &room).await, 2, "a subscribed thread does in a muted room, too");
        world.restart().await;
        assert_eq!(unread(&bob, &room).await, 2);
        bob.delete(thread(&room, &one)).await.ok();
        assert_eq!(unread(&bob, &room).await, 1, "only the mention");
        world.ends().await;
    }
}

#[tokio::test]
async fn pushers_and_the_list_of_notifications_follow_subscriptions() {
    let world = World::with(|config| config.push.allowed_ranges = vec!["127.0.0.0/8".parse().expect("a range")]).await;
    let gateway = Gateway::opens().await;
    let (alice, bob, room) = three(&world, "12").await;
    let (one, two) = (alice.sends("one").in_room(&room).await, alice.sends("two").in_room(&room).await);
    mutes(&bob, &room).await;
    bob.put(thread(&room, &one), json!({})).await.ok();
    gateway.notifies(&bob, "key").await;
    in_thread(&alice, "unsubscribed", &two, &room).await;
    let first = in_thread(&alice, "subscribed", &one, &room).await;
    gateway.sees(|gateway| !gateway.taken().is_empty()).await;
    bob.delete(thread(&room, &one)).await.ok();
    in_thread(&alice, "no longer", &one, &room).await;
    bob.put(thread(&room, &two), json!({})).await.ok();
    let last = in_thread(&alice, "now this one", &two, &room).await;
    gateway.sees(|gateway| gateway.taken().iter().any(|notice| notice["event_id"] == last)).await;
    let taken = gateway.taken();
    let pushed: Vec<_> = taken.iter().filter_map(|notice| notice["event_id"].as_str()).collect();
    assert_eq!(pushed, [&first, &last]);
    let listed = bob.get(v3!("notifications")).await.ok();
    let listed: Vec<_> =
        list(&listed["notifications"]).iter().map(|one| one["event"]["content"]["body"].clone()).collect();
    assert_eq!(listed, ["now this one", "unsubscribed"], "as the subscriptions are now");
    world.ends().await;
}

async fn slides(person: &Person, limit: u64, before: Option<&Value>) -> Value {
    let body = json!({
        "lists": { "all": { "ranges": [[0, 19]], "timeline_limit": 1, "required_state": [] } },
        "extensions": { EXTENSION: { "enabled": true, "limit": limit } },
    });
    let ask = person.post(SLIDING, body).query(&[("timeout", "0")]);
    match before {
        Some(before) => ask.query(&[("pos", before["pos"].as_str().expect("a pos"))]).await.ok(),
        None => ask.await.ok(),
    }
}

#[tokio::test]
async fn sliding_sync_has_what_changed_also_after_a_restart() {
    let mut world = World::new().await;
    let (alice, bob, room) = three(&world, "12").await;
    let (one, two) = (alice.sends("one").in_room(&room).await, alice.sends("two").in_room(&room).await);
    let unread = in_thread(&alice, "in two", &two, &room).await;
    bob.put(thread(&room, &one), json!({})).await.ok();
    let first = slides(&bob, 10, None).await;
    let subscribed = &first["extensions"][EXTENSION]["subscribed"][&room.0];
    assert_eq!(subscribed[&one]["automatic"], false, "{first}");
    assert!(first["extensions"][EXTENSION]["prev_batch"].is_null(), "{first}");
    world.restart().await;
    let none = slides(&bob, 10, Some(&first)).await;
    assert!(none["extensions"][EXTENSION].is_null(), "a restart sends nothing again: {none}");
    bob.put(thread(&room, &two), json!({ "automatic": unread })).await.ok();
    bob.delete(thread(&room, &one)).await.ok();
    let news = slides(&bob, 10, Some(&none)).await;
    let found = &news["extensions"][EXTENSION];
    assert_eq!(found["subscribed"][&room.0][&two]["automatic"], true, "{news}");
    let stamps = [&found["subscribed"][&room.0][&two], &found["unsubscribed"][&room.0][&one]];
    let stamps = stamps.map(|thread| thread["bump_stamp"].as_u64().expect("a bump stamp"));
    assert!(stamps[0] < stamps[1], "{news}");
    assert!(news["rooms"][&room.0]["notification_count"].is_u64(), "the counts may have changed: {news}");
    assert!(slides(&bob, 10, Some(&news)).await["extensions"][EXTENSION].is_null());
    world.ends().await;
}

#[tokio::test]
async fn older_changes_are_read_page_by_page() {
    let world = World::new().await;
    let (alice, bob, room) = three(&world, "12").await;
    let mut roots = Vec::new();
    for n in 0..6 {
        roots.push(alice.sends(&n.to_string()).in_room(&room).await);
    }
    bob.put(thread(&room, &roots[0]), json!({})).await.ok();
    let seen = slides(&bob, 10, None).await;
    for root in &roots[1..] {
        bob.put(thread(&room, root), json!({})).await.ok();
    }
    let ids = |page: &Value| {
        let mut ids: Vec<String> =
            page["subscribed"][&room.0].as_object().into_iter().flat_map(|all| all.keys().cloned()).collect();
        ids.sort();
        ids
    };
    let expected = |part: &[String]| {
        let mut part = part.to_vec();
        part.sort();
        part
    };
    let news = slides(&bob, 2, Some(&seen)).await;
    let newest = &news["extensions"][EXTENSION];
    assert_eq!(ids(newest), expected(&roots[4..]), "{news}");
    let to = seen["pos"].as_str().expect("a pos");
    let page = async |from: &str| {
        bob.get(CHANGES).query(&[("dir", "b"), ("limit", "2"), ("from", from), ("to", to)]).await.ok()
    };
    let older = page(newest["prev_batch"].as_str().expect("there are older ones")).await;
    assert_eq!(ids(&older), expected(&roots[2..4]), "{older}");
    let oldest = page(older["end"].as_str().expect("there is one more")).await;
    assert_eq!(
        (ids(&oldest), &oldest["end"]),
        (expected(&roots[1..2]), &Value::Null),
        "what was sent before is not there"
    );
    let all = bob.get(CHANGES).query(&[("dir", "b")]).await.ok();
    assert_eq!((ids(&all), &all["end"]), (expected(&roots), &Value::Null));
    assert!(alice.get(CHANGES).query(&[("dir", "b")]).await.ok()["subscribed"].is_null());
    for wrong in [("dir", "f"), ("limit", "0"), ("from", "x"), ("to", "1_x")] {
        let dir = if wrong.0 == "dir" { vec![wrong] } else { vec![("dir", "b"), wrong] };
        bob.get(CHANGES).query(&dir).await.refused(400, "M_INVALID_PARAM");
    }
    world.ends().await;
}

#[tokio::test]
async fn a_client_that_asks_later_gets_all_subscriptions() {
    let world = World::new().await;
    let (alice, bob, room) = three(&world, "12").await;
    let root = alice.sends("root").in_room(&room).await;
    bob.put(thread(&room, &root), json!({})).await.ok();
    let without = bob.post(SLIDING, json!({})).query(&[("timeout", "0")]).await.ok();
    assert!(without["extensions"][EXTENSION].is_null(), "{without}");
    let with = slides(&bob, 10, Some(&without)).await;
    assert_eq!(with["extensions"][EXTENSION]["subscribed"][&room.0][&root]["automatic"], false, "{with}");
    world.ends().await;
}
