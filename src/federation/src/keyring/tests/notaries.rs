//! Notaries: as their client, and as one.

use std::collections::BTreeMap;

use hearth_base::limits;
use ruma::room_version_rules::RoomVersionRules;
use ruma::{CanonicalJsonObject, OwnedServerName};
use serde_json::{Value, json};

use super::super::NotaryQuery;
use super::world::{DAY_MS, HERE, NOW_MS, World, event, key, list, name, signed, unsigned};

const A: &str = "a.example";
const NOTARY: &str = "notary.example";
const QUERY: &str = "/_matrix/key/v2/query";

fn trusting() -> World {
    World::with(|config| config.federation.notaries = vec![NOTARY.to_owned()])
}

#[tokio::test]
async fn a_notary_knows_of_servers_that_are_gone() {
    let world = trusting();
    let rules = RoomVersionRules::V11;
    let own = key("1");
    let old = signed(unsigned(A, &[&own], &[], NOW_MS - 30 * DAY_MS), A, &own);
    world.answers(NOTARY, QUERY, 200, &json!({ "server_keys": [old] }));
    let sent_ms = NOW_MS - 40 * DAY_MS;
    world.keyring.verify_event(&event(A, &own, sent_ms, &rules), &rules).await.expect("the notary knows the key");
    assert_eq!(world.calls(A), 1, "the server itself comes first");
    let asked = world.last_body();
    assert_eq!(asked["server_keys"][A]["ed25519:1"]["minimum_valid_until_ts"], sent_ms);
    world.keyring.verify_event(&event(A, &own, NOW_MS, &rules), &rules).await.expect_err("not for today");
}

#[tokio::test]
async fn a_notary_is_believed_no_further_than_that() {
    let world = trusting();
    let (own, made_up) = (key("1"), key("1"));
    let unasked = list("b.example", &made_up);
    let unsigned = unsigned("c.example", &[&made_up], &[], NOW_MS + DAY_MS);
    world.answers(NOTARY, QUERY, 200, &json!({ "server_keys": [unasked, unsigned, list(A, &made_up)] }));
    world.publishes(A, &list(A, &own));
    assert_eq!(world.request_keys(A, &own).await.expect("its key"), own.public_key(), "the server has the last word");
    world.request_keys("c.example", &made_up).await.expect_err("not signed by the server");
    world.loses(NOTARY);
    world.request_keys("b.example", &made_up).await.expect_err("nobody asked for that one");
}

#[tokio::test]
async fn without_a_notary_no_one_else_is_asked() {
    let world = World::new();
    let own = key("1");
    world.answers(NOTARY, QUERY, 200, &json!({ "server_keys": [list(A, &own)] }));
    world.request_keys(A, &own).await.expect_err("it is gone");
    assert_eq!(world.calls(NOTARY), 0);
}

#[tokio::test]
async fn for_many_servers_the_notary_comes_first() {
    let world = trusting();
    let rules = RoomVersionRules::V11;
    let own = key("1");
    let names: Vec<_> = (0..30).map(|n| format!("s{n}.example")).collect();
    let lists: Vec<_> = names.iter().map(|server| list(server, &own)).collect();
    world.answers(NOTARY, QUERY, 200, &json!({ "server_keys": lists }));
    let events: Vec<_> = names.iter().map(|server| event(server, &own, NOW_MS, &rules)).collect();
    let known = world.keyring.gather(&events, &rules).await;
    assert!(events.iter().all(|event| known.verify(event, &rules).is_ok()));
    assert_eq!((world.calls(NOTARY), world.calls("s0.example")), (1, 0));
}

async fn vouched(world: &World, server: &str, criteria: NotaryQuery) -> Vec<CanonicalJsonObject> {
    let wanted = BTreeMap::from([(name(server), criteria)]);
    let lists = world.keyring.vouch(wanted).await.expect("an answer");
    lists.iter().map(|list| serde_json::from_str(list.get()).expect("an object")).collect()
}

fn signers(list: &CanonicalJsonObject) -> Vec<String> {
    let list: Value = serde_json::to_value(list).expect("JSON");
    list["signatures"].as_object().expect("signatures").keys().cloned().collect()
}

#[tokio::test]
async fn being_a_notary() {
    let world = World::new();
    let own = key("1");
    world.publishes(A, &list(A, &own));
    let lists = vouched(&world, A, NotaryQuery::default()).await;
    assert_eq!(signers(&lists[0]), [A, HERE]);
    super::super::document::check(lists[0].clone(), NOW_MS).expect("its own signature is still good");
    vouched(&world, A, NotaryQuery::default()).await;
    assert_eq!(world.calls(A), 1, "what is kept is shown");

    world.clock.advance(20_000);
    let longer = NotaryQuery { ids: Vec::new(), valid_until_ms: NOW_MS + 9 * DAY_MS };
    vouched(&world, A, longer.clone()).await;
    assert_eq!(world.calls(A), 2, "asked anew when more is wanted");
    vouched(&world, A, longer).await;
    assert_eq!(world.calls(A), 2, "but not at once again");

    world.loses(A);
    world.clock.advance(20_000);
    let other = NotaryQuery { ids: vec!["ed25519:2".to_owned()], valid_until_ms: 0 };
    assert_eq!(vouched(&world, A, other).await.len(), 1, "what is known is shown");
    assert!(vouched(&world, "gone.example", NotaryQuery::default()).await.is_empty());
}

#[tokio::test]
async fn this_server_is_among_those_that_are_asked_for() {
    let world = World::new();
    let lists = vouched(&world, HERE, NotaryQuery::default()).await;
    assert_eq!(signers(&lists[0]), [HERE]);
}

#[tokio::test]
async fn too_many_servers_are_refused() {
    let world = World::new();
    let server =
        |n: usize| -> (OwnedServerName, NotaryQuery) { (name(&format!("s{n}.example")), NotaryQuery::default()) };
    let many = (0..=limits::NOTARY_SERVERS_MAX).map(server).collect();
    world.keyring.vouch(many).await.expect_err("too many");
}

#[tokio::test]
async fn a_server_in_the_room_gives_keys_of_one_that_is_gone_for_that_room_alone() {
    let world = World::new();
    let rules = RoomVersionRules::V11;
    let (own, resident, other) = (key("1"), name("resident.example"), name("other.example"));
    let old = event(A, &own, NOW_MS - DAY_MS, &rules);
    let list = signed(unsigned(A, &[&own], &[], NOW_MS), A, &own);
    world.answers(other.as_str(), QUERY, 200, &json!({ "server_keys": [list] }));
    let known = world.keyring.gather_via([&old], &rules, &[resident.clone(), other.clone()]).await;
    known.verify(&old, &rules).expect("the other server in the room knows the key");
    assert_eq!((world.calls(A), world.calls(resident.as_str()), world.calls(other.as_str())), (1, 1, 1));
    // Keys from untrusted servers are not stored: the same key is valid nowhere else.
    world.keyring.verify_event(&old, &rules).await.expect_err("not kept");
    world.request_keys(A, &own).await.expect_err("not kept");
}

#[tokio::test]
async fn a_server_in_the_room_does_not_replace_a_key() {
    let world = World::new();
    let rules = RoomVersionRules::V11;
    let (own, made_up, resident) = (key("1"), key("1"), name("resident.example"));
    world.publishes(A, &list(A, &own));
    world.request_keys(A, &own).await.expect("its key");
    world.answers(resident.as_str(), QUERY, 200, &json!({ "server_keys": [list(A, &made_up)] }));
    let forged = event(A, &made_up, NOW_MS + 30 * DAY_MS, &rules);
    let known = world.keyring.gather_via([&forged], &rules, &[resident]).await;
    known.verify(&forged, &rules).expect_err("the key of that id is another one");
}

#[tokio::test]
async fn a_notary_asks_anew_at_once_for_a_list_that_is_valid_for_longer() {
    let world = World::new();
    let own = key("1");
    let ask = async |valid_until_ms| {
        let wanted = BTreeMap::from([(name(A), NotaryQuery { ids: Vec::new(), valid_until_ms })]);
        let lists = world.keyring.vouch(wanted).await.expect("lists");
        serde_json::from_str::<Value>(lists[0].get()).expect("JSON")["valid_until_ts"].as_u64()
    };
    world.publishes(A, &signed(unsigned(A, &[&own], &[], NOW_MS + 1_000), A, &own));
    world.request_keys(A, &own).await.expect("its key");
    world.publishes(A, &signed(unsigned(A, &[&own], &[], NOW_MS + DAY_MS), A, &own));
    assert_eq!(ask(NOW_MS).await, Some(NOW_MS + 1_000), "what is here is enough");
    assert_eq!(ask(NOW_MS + 2_000).await, Some(NOW_MS + DAY_MS));
}
