//! Push rules and pushers.

use crate::harness::{World, json, list, v3};

#[tokio::test]
async fn rules_can_be_added_ordered_switched_and_removed() {
    let mut world = World::new().await;
    let alice = world.register("alice").await;
    let rule = |id: &str| v3!("pushrules/global/content/{}", id);
    alice.put(rule("tea"), json!({ "pattern": "tea", "actions": ["notify"] })).await.ok();
    alice.put(rule("milk"), json!({ "pattern": "milk", "actions": ["notify"] })).query(&[("after", "tea")]).await.ok();
    world.restart().await;
    let ids = async || {
        let all = alice.get(v3!("pushrules/")).await.ok();
        let content = list(&all["global"]["content"]).iter();
        content
            .filter(|rule| rule["default"] == false)
            .filter_map(|rule| rule["rule_id"].as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    assert_eq!(ids().await, ["tea", "milk"]);
    alice.put(v3!("pushrules/global/content/tea/enabled"), json!({ "enabled": false })).await.ok();
    assert_eq!(alice.get(rule("tea")).await.ok()["enabled"], false);
    let actions = json!({ "actions": [{ "set_tweak": "highlight" }] });
    alice.put(v3!("pushrules/global/content/tea/actions"), actions).await.ok();
    assert!(alice.get(rule("tea")).await.ok()["actions"][0]["set_tweak"] == "highlight");
    alice.delete(rule("tea")).await.ok();
    alice.get(rule("tea")).await.refused(404, "M_NOT_FOUND");
    assert_eq!(ids().await, ["milk"]);
    world.ends().await;
}

#[tokio::test]
async fn the_servers_own_rules_can_be_switched_and_not_removed() {
    let world = World::new().await;
    let alice = world.register("alice").await;
    let before = alice.syncs().await;
    let master = v3!("pushrules/global/override/{}", ".m.rule.master");
    assert_eq!(alice.get(&master).await.ok()["enabled"], false);
    alice.put(format!("{master}/enabled"), json!({ "enabled": true })).await.ok();
    let refused = alice.delete(&master).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    let refused =
        alice.put(v3!("pushrules/global/content/{}", ".mine"), json!({ "pattern": "x", "actions": [] })).await;
    assert!((400..500).contains(&refused.status), "{}", refused.text());
    let seen = alice.syncs().since(before.next()).await;
    let rules = list(&seen.account_data("m.push_rules")["global"]["override"]).to_vec();
    assert!(rules.iter().any(|rule| rule["rule_id"] == ".m.rule.master" && rule["enabled"] == true), "{}", seen.0);
    world.ends().await;
}

#[tokio::test]
async fn a_muted_room_counts_nothing() {
    let world = World::new().await;
    let (alice, bob, carol) =
        (world.register("alice").await, world.register("bob").await, world.register("carol").await);
    let room = alice.creates_room_with(&[&bob, &carol]).await;
    let start = alice.sends("zero").in_room(&room).await;
    bob.reads_up_to(&start, &room).await;
    let condition = json!({ "kind": "event_match", "key": "room_id", "pattern": room.0 });
    let mute = json!({ "conditions": [condition], "actions": [] });
    bob.put(v3!("pushrules/global/override/{}", room), mute).await.ok();
    alice.sends("one").in_room(&room).await;
    let counts = async |person: &crate::harness::Person| {
        person.syncs().await.joined(&room)["unread_notifications"]["notification_count"].as_u64().unwrap_or(0)
    };
    assert_eq!(counts(&bob).await, 0);
    assert!(counts(&carol).await > 0);
    world.ends().await;
}

#[tokio::test]
async fn pushers_are_kept_and_removed() {
    let mut world = World::new().await;
    let (alice, bob) = (world.register("alice").await, world.register("bob").await);
    let pusher = json!({
        "pushkey": "key", "kind": "http", "app_id": "org.example", "app_display_name": "App",
        "device_display_name": "Phone", "lang": "en", "data": { "url": "https://push.example.org/_matrix/push/v1/notify" },
    });
    alice.post(v3!("pushers/set"), pusher.clone()).await.ok();
    world.restart().await;
    let shown = alice.get(v3!("pushers")).await.ok();
    assert_eq!((list(&shown["pushers"]).len(), &shown["pushers"][0]["pushkey"]), (1, &json!("key")));
    assert!(list(&bob.get(v3!("pushers")).await.ok()["pushers"]).is_empty());
    let mut gone = pusher;
    gone["kind"] = json!(null);
    alice.post(v3!("pushers/set"), gone).await.ok();
    assert!(list(&alice.get(v3!("pushers")).await.ok()["pushers"]).is_empty());
    world.ends().await;
}
