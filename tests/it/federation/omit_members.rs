//! The response to `send_join` with `omit_members`: all that a server needs to check the room without its members, and
//! the servers in it.

use std::collections::BTreeSet;

use ruma::CanonicalJsonObject;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::reference_hash;
use serde_json::{Value, json};

use super::remote_joins::{becomes, joins};
use super::resident::{put, signed};
use super::transaction::{Letter, Reply};
use crate::harness::{Cluster, Person, Room, World, encoded};

const VERSIONS: [(&str, RoomVersionRules); 2] = [("11", RoomVersionRules::V11), ("12", RoomVersionRules::V12)];

/// A join of a user of the second server, signed by it.
struct Join<'a> {
    cluster: &'a Cluster,
    room: String,
    id: String,
    event: Value,
}

impl<'a> Join<'a> {
    async fn make(cluster: &'a Cluster, room: &Room, user: &str, version: &str, rules: &RoomVersionRules) -> Self {
        let [a, b, ..] = &cluster.worlds[..] else { unreachable!("two servers") };
        let (room, user) = (encoded(&room.0), encoded(user));
        let path = format!("/_matrix/federation/v1/make_join/{room}/{user}?ver={version}");
        let template = Letter::get(b, a, &path).arrives(cluster).await.ok();
        let (id, event) = signed(b, rules, &template["event"]);
        Self { cluster, room, id, event }
    }

    async fn send(&self, version: &str, query: &str) -> Reply {
        let [a, b, ..] = &self.cluster.worlds[..] else { unreachable!("two servers") };
        let target = format!("/_matrix/federation/{version}/send_join/{}/{}{query}", self.room, encoded(&self.id));
        put(self.cluster, b, a, &target, &self.event).await
    }
}

/// The ids of the events in a list.
fn ids(list: &Value, rules: &RoomVersionRules) -> BTreeSet<String> {
    let id = |event: &Value| {
        let object: CanonicalJsonObject = serde_json::from_value(event.clone()).expect("canonical JSON");
        format!("${}", reference_hash(&object, rules).expect("a hash"))
    };
    list.as_array().expect("a list").iter().map(id).collect()
}

/// The users whose member events are in a list.
fn members(list: &Value) -> BTreeSet<&str> {
    let events = list.as_array().expect("a list").iter().filter(|event| event["type"] == "m.room.member");
    events.map(|event| event["state_key"].as_str().expect("a state key")).collect()
}

/// The response has every auth event of what is in it, and no event twice.
fn is_closed(answer: &Value, rules: &RoomVersionRules) {
    let (state, chain) = (ids(&answer["state"], rules), ids(&answer["auth_chain"], rules));
    assert_eq!(state.intersection(&chain).count(), 0, "an event is sent twice");
    let lists = ["state", "auth_chain"].into_iter().flat_map(|list| answer[list].as_array().expect("a list"));
    for event in lists.chain([&answer["event"]]) {
        for auth in event["auth_events"].as_array().expect("auth events") {
            let auth = auth.as_str().expect("an id");
            assert!(state.contains(auth) || chain.contains(auth), "{auth} is missing, an auth event of {event}");
        }
    }
}

/// A server of its own for each of the first three; the last user is on the first server.
async fn people(worlds: &[World], version: &str) -> [Person; 4] {
    let [a, _, c, d] = worlds else { unreachable!("four servers") };
    [
        a.register(&format!("ann{version}")).await,
        c.register(&format!("cat{version}")).await,
        d.register(&format!("dan{version}")).await,
        a.register(&format!("amy{version}")).await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn members_are_left_out_where_the_other_server_asks_for_it() {
    let cluster = Cluster::of(["a.example", "b.example", "c.example", "d.example"]).await;
    for (version, rules) in &VERSIONS {
        let [ann, cat, dan, amy] = people(&cluster.worlds, version).await;
        let room = ann.creates_room().public().with("name", json!("Hall")).version(version).await;
        amy.joins(&room).await;
        joins(&cat, &room.0, "a.example").await.ok();
        joins(&dan, &room.0, "a.example").await.ok();
        dan.leaves(&room).await;
        becomes(&ann, &dan, &room, "leave").await;
        let join = Join::make(&cluster, &room, "@bob:b.example", version, rules).await;
        join.send("v2", "?omit_members=perhaps").await.refused(400, "M_INVALID_PARAM");
        assert_eq!(ann.state_of(&room, "m.room.member", "@bob:b.example").await, Value::Null, "nothing has happened");

        let part = join.send("v2", "?omit_members=true").await.ok();
        assert_eq!(part["members_omitted"], true, "version {version}");
        assert_eq!(part["servers_in_room"], json!(["a.example", "c.example"]), "those before the join");
        assert_eq!(members(&part["state"]), BTreeSet::new(), "version {version}");
        assert_eq!(members(&part["auth_chain"]), BTreeSet::from([&*ann.id]), "who made the rest of the state");
        assert_eq!(part["event"]["state_key"], "@bob:b.example");
        is_closed(&part, rules);

        for (endpoint, query) in [("v2", ""), ("v2", "?omit_members=false"), ("v1", "?omit_members=true")] {
            let whole = join.send(endpoint, query).await.ok();
            let whole = if endpoint == "v1" { &whole[1] } else { &whole };
            assert_eq!((&whole["members_omitted"], whole.get("servers_in_room")), (&json!(false), None));
            let everyone = BTreeSet::from([&*ann.id, &*amy.id, &*cat.id, &*dan.id]);
            assert_eq!(members(&whole["state"]), everyone, "{endpoint} {query}");
            let others = |list: &Value| {
                let events = list.as_array().expect("a list").iter().filter(|event| event["type"] != "m.room.member");
                ids(&events.cloned().collect(), rules)
            };
            assert_eq!(others(&whole["state"]), others(&part["state"]), "only members are left out");
        }

        // The response to a join that is sent again is still about the room before the join.
        cat.leaves(&room).await;
        becomes(&ann, &cat, &room, "leave").await;
        let again = join.send("v2", "?omit_members=true").await.ok();
        assert_eq!(again["servers_in_room"], json!(["a.example", "c.example"]), "version {version}");
    }
    cluster.ends().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn heroes_and_what_the_join_replaces_are_not_left_out() {
    let cluster = Cluster::of(["a.example", "b.example"]).await;
    for (version, rules) in &VERSIONS {
        let [a, b] = &cluster.worlds[..] else { unreachable!("two servers") };
        let ann = a.register(&format!("ann{version}")).await;
        let bob = b.register(&format!("bob{version}")).await;
        let room = ann.creates_room().version(version).await;
        let mut everyone = vec![ann.id.clone()];
        for n in 0..7 {
            let guest = a.register(&format!("guest{n}v{version}")).await;
            ann.invites(&guest, &room).await;
            guest.joins(&room).await;
            everyone.push(guest.id);
        }
        ann.invites(&bob, &room).await;
        let join = Join::make(&cluster, &room, &bob.id, version, rules).await;
        let part = join.send("v2", "?omit_members=true").await.ok();
        let mut shown = members(&part["state"]);
        assert!(shown.remove(&*bob.id), "the invite");
        assert_eq!(shown.len(), 5, "heroes: {shown:?}");
        assert!(shown.iter().all(|hero| everyone.iter().any(|user| user == hero)), "{shown:?}");
        assert_eq!(part["servers_in_room"], json!(["a.example"]), "an invited user makes no server a member");
        is_closed(&part, rules);
    }
    cluster.ends().await;
}
