//! Malformed input: whatever a client sends to any endpoint, the response is a Matrix error or a harmless success;
//! never a fault, never a panic; and the server keeps serving.
//!
//! Each test covers all endpoints. The input is fixed, and derived from the endpoint's path and fields, so that it gets
//! past the first check.

mod endpoints;
mod values;

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use reqwest::Method;

use crate::harness::{Answer, Ask, Person, Room, Value, World, encoded, json, v3};
use endpoints::{ENDPOINTS, Endpoint};

/// A user who sends malformed requests, and a room to send them to.
struct Prankster {
    person: Person,
    room: Room,
    event: String,
    complaints: Vec<String>,
    sent: usize,
    /// Number of responses by status.
    statuses: BTreeMap<u16, usize>,
}

impl Prankster {
    async fn new(world: &World, name: &str) -> Self {
        let person = world.register(name).await;
        let (room, event) = Self::fresh_room(&person).await;
        Self { person, room, event, complaints: Vec::new(), sent: 0, statuses: BTreeMap::new() }
    }

    async fn fresh_room(person: &Person) -> (Room, String) {
        let room = person.creates_room().await;
        let event = person.sends("hello").in_room(&room).await;
        (room, event)
    }

    /// Restores the initial state after each endpoint, since some log out, leave or forget.
    async fn recovers(&mut self) {
        if self.person.get(v3!("account/whoami")).await.status == 401 {
            self.person = Person::logs_in(&self.person, &self.person.id).await;
        }
        if self.person.get(v3!("rooms/{}/event/{}", self.room, self.event)).await.status != 200 {
            (self.room, self.event) = Self::fresh_room(&self.person).await;
        }
    }

    /// A valid value for a path parameter.
    fn fitting(&self, name: &str) -> String {
        match name {
            "userId" => self.person.id.clone(),
            "roomId" | "roomIdOrAlias" => self.room.0.clone(),
            "eventId" => self.event.clone(),
            "roomAlias" => "#nowhere:localhost".to_owned(),
            "deviceId" => self.person.device.clone(),
            "serverName" => "localhost".to_owned(),
            "eventType" | "type" => "org.example.kind".to_owned(),
            "receiptType" => "m.read".to_owned(),
            "relType" => "m.thread".to_owned(),
            "kind" => "content".to_owned(),
            "keyName" => "displayname".to_owned(),
            _ => "1".to_owned(),
        }
    }

    /// The path with valid values, except for `name`, which becomes `raw`, already encoded.
    fn path_with(&self, path: &str, name: &str, raw: &str) -> String {
        let segments =
            path.split('/').map(|segment| match segment.strip_prefix('{').and_then(|s| s.strip_suffix('}')) {
                Some(placeholder) if placeholder == name => raw.to_owned(),
                Some(placeholder) => encoded(&self.fitting(placeholder)),
                None => segment.to_owned(),
            });
        segments.collect::<Vec<_>>().join("/")
    }

    fn path(&self, path: &str) -> String {
        self.path_with(path, "", "")
    }

    /// A request to an endpoint, without a body.
    fn ask(&self, endpoint: &Endpoint, path: &str) -> Ask {
        let method = Method::from_bytes(endpoint.0.as_bytes()).expect("a method");
        self.person.ask(method, path)
    }

    async fn sends(&mut self, ask: Ask, what: &str) {
        self.sent += 1;
        let answer = match ask.attempt().await {
            Ok(answer) => answer,
            Err(error) => {
                // The client cannot send headers and addresses that are invalid in HTTP itself.
                if !error.is_builder() {
                    self.complaints.push(format!("{what}: the connection broke: {error:?}"));
                }
                return;
            }
        };
        *self.statuses.entry(answer.status).or_default() += 1;
        if let Some(complaint) = fault_in(&answer) {
            let text: String = answer.text().chars().take(200).collect();
            self.complaints.push(format!("{} {what:.120}: {complaint}: {} {text}", answer.asked, answer.status));
        }
    }

    /// Fails with all problems at once, or if too few requests were sent for the test to be meaningful.
    async fn finds_all_well(self, world: World, sent_min: usize) {
        assert!(
            self.complaints.is_empty(),
            "{} of {}:\n{}",
            self.complaints.len(),
            self.sent,
            self.complaints.join("\n")
        );
        assert!(self.sent >= sent_min, "only {} requests were sent", self.sent);
        // Requests that are refused for a missing token or an unknown path do not reach the code under test.
        let judged = self.statuses.get(&400).copied().unwrap_or_default();
        assert!(judged * 2 >= self.sent, "of {} requests, few were judged: {:?}", self.sent, self.statuses);
        // Other users are still served.
        let (alice, bob) = (world.register("alice").await, world.register("bob").await);
        let room = alice.creates_room_with(&[&bob]).await;
        alice.sends("all is well").in_room(&room).await;
        assert_eq!(bob.syncs().await.texts(&room), ["all is well"]);
        self.person.syncs().await;
        world.ends().await;
    }
}

/// What is wrong with a response to malformed input; `None` for a correct one.
fn fault_in(answer: &Answer) -> Option<&'static str> {
    match answer.status {
        200..400 => None,
        // The one valid 504: the media has not been uploaded yet.
        504 if answer.json()["errcode"] == "M_NOT_YET_UPLOADED" => None,
        400..500 => {
            let body = answer.json();
            let said = body["errcode"].as_str().is_some_and(|code| code.starts_with("M_")) && body["error"].is_string();
            let asked_for_proof = answer.status == 401 && body["flows"].is_array();
            (!said && !asked_for_proof).then_some("not a Matrix error")
        }
        _ => Some("not a refusal"),
    }
}

fn takes_a_body(endpoint: &Endpoint) -> bool {
    matches!(endpoint.0, "POST" | "PUT") && !endpoint.1.starts_with("/_matrix/media/")
}

#[tokio::test]
async fn bodies_that_are_not_what_an_endpoint_wants_are_refused() {
    let world = World::new().await;
    let mut prankster = Prankster::new(&world, "prankster").await;
    let bodies = values::raw_bodies();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| takes_a_body(endpoint)) {
        let path = prankster.path(endpoint.1);
        for (what, content_type, body) in &bodies {
            let ask = prankster.ask(endpoint, &path).bytes(content_type, body.clone());
            prankster.sends(ask, what).await;
        }
        let without = prankster.ask(endpoint, &path);
        prankster.sends(without, "no body").await;
        prankster.recovers().await;
    }
    prankster.finds_all_well(world, 1_000).await;
}

#[tokio::test]
async fn fields_of_the_wrong_type_are_refused() {
    let world = World::new().await;
    let mut prankster = Prankster::new(&world, "prankster").await;
    let wrong = values::wrong_values();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| takes_a_body(endpoint)) {
        let path = prankster.path(endpoint.1);
        let good = values::good_body(endpoint.1, &prankster.person.id);
        for field in endpoint.2 {
            for value in &wrong {
                let mut body = good.clone();
                body[*field] = value.clone();
                let what = format!("{field} = {value:.80}");
                let ask = prankster.ask(endpoint, &path).json(&body);
                prankster.sends(ask, &what).await;
            }
        }
        prankster.recovers().await;
    }
    prankster.finds_all_well(world, 1_500).await;
}

#[tokio::test]
async fn names_in_paths_that_cannot_be_are_refused() {
    let world = World::new().await;
    let mut prankster = Prankster::new(&world, "prankster").await;
    let strange = values::strange_segments();
    for endpoint in ENDPOINTS {
        let names = endpoint.1.split('/').filter_map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        for name in names {
            for raw in &strange {
                let path = prankster.path_with(endpoint.1, name, raw);
                let body = values::good_body(endpoint.1, &prankster.person.id);
                let ask = prankster.ask(endpoint, &path);
                let ask = if takes_a_body(endpoint) { ask.json(&body) } else { ask };
                prankster.sends(ask, &format!("{name} = {raw:.60}")).await;
            }
        }
        prankster.recovers().await;
    }
    prankster.finds_all_well(world, 1_500).await;
}

#[tokio::test]
async fn queries_that_make_no_sense_are_refused() {
    let world = World::new().await;
    let mut prankster = Prankster::new(&world, "prankster").await;
    for endpoint in ENDPOINTS {
        let path = prankster.path(endpoint.1);
        for name in endpoint.3 {
            for raw in values::strange_query_values() {
                // Other valid parameters get the request past the first check, and keep it from waiting.
                let others =
                    [("dir", "b"), ("width", "32"), ("height", "32"), ("ts", "1"), ("version", "1"), ("timeout", "0")];
                let others = others.iter().filter(|(other, _)| other != name && endpoint.3.contains(other));
                let query: Vec<_> = others.map(|(name, value)| format!("{name}={value}")).collect();
                let target = format!("{path}?{}&{name}={raw}", query.join("&"));
                let ask = prankster.ask(endpoint, &target);
                let ask = if takes_a_body(endpoint) { ask.json(&json!({})) } else { ask };
                prankster.sends(ask, "query").await;
            }
        }
        prankster.recovers().await;
    }
    prankster.finds_all_well(world, 700).await;
}

#[tokio::test]
async fn events_of_every_kind_with_any_content_leave_the_room_usable() {
    let world = World::new().await;
    let (mut prankster, bob) = (Prankster::new(&world, "prankster").await, world.register("reader").await);
    prankster.person.invites(&bob, &prankster.room).await;
    bob.joins(&prankster.room).await;
    for kind in values::STATE_TYPES {
        for content in values::wrong_contents() {
            let room = prankster.room.clone();
            for path in [
                v3!("rooms/{}/state/{}/", room, kind),
                v3!("rooms/{}/send/{}/{}", room, kind, prankster.sent.to_string()),
            ] {
                let ask = prankster.person.ask(Method::PUT, &path).json(&content);
                prankster.sends(ask, &format!("{content:.80}")).await;
            }
        }
    }
    // Whatever was accepted, the room stays readable.
    let room = prankster.room.clone();
    bob.syncs().await;
    bob.reads_all_of(&room).await;
    bob.get(v3!("rooms/{}/members", room)).await.ok();
    prankster.finds_all_well(world, 100).await;
}

/// Arbitrary JSON of limited depth.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = proptest::prop_oneof![
        proptest::strategy::Just(Value::Null),
        proptest::arbitrary::any::<bool>().prop_map(Value::from),
        proptest::arbitrary::any::<i64>().prop_map(Value::from),
        proptest::arbitrary::any::<f64>().prop_map(Value::from),
        "\\PC{0,20}".prop_map(Value::from),
        "[@!#$][a-z]{0,5}:[a-z.]{0,9}".prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 5, |inner| {
        proptest::prop_oneof![
            proptest::collection::vec(inner.clone(), 0..5).prop_map(Value::from),
            proptest::collection::btree_map("[a-z_.]{0,12}", inner, 0..5)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[tokio::test]
async fn generated_bodies_are_refused_or_harmless() {
    let world = World::new().await;
    let mut prankster = Prankster::new(&world, "prankster").await;
    let mut runner = TestRunner::deterministic();
    let strategy = any_json();
    for endpoint in ENDPOINTS.iter().filter(|endpoint| takes_a_body(endpoint)) {
        let path = prankster.path(endpoint.1);
        for _ in 0..8 {
            let mut body = values::good_body(endpoint.1, &prankster.person.id);
            for field in endpoint.2 {
                let value = strategy.new_tree(&mut runner).expect("a value can be made").current();
                body[*field] = value;
            }
            let ask = prankster.ask(endpoint, &path).json(&body);
            prankster.sends(ask, &format!("{body:.120}")).await;
        }
        prankster.recovers().await;
    }
    prankster.finds_all_well(world, 400).await;
}
