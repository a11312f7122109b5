//! Server discovery: the steps of the specification, without connections.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::{Random, Seams};
use hearth_domain::ports::Eventually;
use parking_lot::Mutex;

use super::internet::Names;
use crate::federation::authority::Authority;
use crate::federation::locate::locate;
use crate::federation::well_known::{Ask, Asked, WellKnown};

/// A random source that always returns the same value.
struct NoChance;

impl Random for NoChance {
    fn fill(&self, out: &mut [u8]) {
        out.fill(0);
    }
}

const HOUR: Duration = Duration::from_secs(3_600);

/// The resolved addresses in the order in which they are tried, in groups.
async fn found(names: &Names, name: &str) -> Vec<Vec<String>> {
    let authority = Authority::parse(name).expect("a server name");
    let groups = locate(names, &authority).await.expect("it is found");
    groups.iter().map(|group| group.iter().map(ToString::to_string).collect()).collect()
}

async fn why(names: &Names, name: &str) -> String {
    let authority = Authority::parse(name).expect("a server name");
    locate(names, &authority).await.expect_err("it is not found").0
}

#[tokio::test]
async fn addresses_are_taken_as_they_are() {
    let names = Names::default();
    assert_eq!(found(&names, "192.0.2.1").await, [["192.0.2.1:8448"]]);
    assert_eq!(found(&names, "192.0.2.1:1").await, [["192.0.2.1:1"]]);
    assert_eq!(found(&names, "[2001:db8::1]").await, [["[2001:db8::1]:8448"]]);
    assert!(names.asked.lock().is_empty());
}

#[tokio::test]
async fn a_port_makes_services_needless() {
    let names = Names::default();
    names.host("a.example", &["192.0.2.1", "2001:db8::1"]);
    assert_eq!(found(&names, "a.example:443").await, [["192.0.2.1:443", "[2001:db8::1]:443"]]);
    assert_eq!(*names.asked.lock(), ["a.example"]);
}

#[tokio::test]
async fn services_come_before_the_usual_port() {
    let names = Names::default();
    names.host("a.example", &["192.0.2.1"]);
    assert_eq!(found(&names, "a.example").await, [["192.0.2.1:8448"]]);
    assert_eq!(*names.asked.lock(), ["_matrix-fed._tcp.a.example", "_matrix._tcp.a.example", "a.example"]);

    names.host("old.example", &["192.0.2.2"]);
    names.service("_matrix._tcp.a.example", 0, 0, "old.example", 2);
    assert_eq!(found(&names, "a.example").await, [["192.0.2.2:2"]]);

    names.host("new.example", &["192.0.2.3"]);
    names.service("_matrix-fed._tcp.a.example", 0, 0, "new.example", 3);
    assert_eq!(found(&names, "a.example").await, [["192.0.2.3:3"]]);
}

#[tokio::test]
async fn services_are_tried_in_their_order() {
    let names = Names::default();
    for (target, address) in [("x.example", "192.0.2.1"), ("y.example", "192.0.2.2"), ("z.example", "192.0.2.3")] {
        names.host(target, &[address]);
    }
    names.service("_matrix-fed._tcp.a.example", 20, 0, "x.example", 1);
    names.service("_matrix-fed._tcp.a.example", 10, 1, "y.example", 2);
    names.service("_matrix-fed._tcp.a.example", 10, 9, "z.example", 3);
    names.service("_matrix-fed._tcp.a.example", 10, 9, "nowhere.example", 4);
    assert_eq!(found(&names, "a.example").await, [["192.0.2.3:3"], ["192.0.2.2:2"], ["192.0.2.1:1"]]);
}

#[tokio::test]
async fn what_is_not_found_is_said() {
    let names = Names::default();
    assert_eq!(why(&names, "a.example").await, "there is no address of a.example in the DNS");
    names.service("_matrix-fed._tcp.b.example", 0, 0, "", 0);
    assert_eq!(why(&names, "b.example").await, "b.example says in the DNS that it is no homeserver");
    names.service("_matrix-fed._tcp.c.example", 0, 0, "d.example", 1);
    assert_eq!(why(&names, "c.example").await, "there is no address of d.example in the DNS");
    names.fails("_matrix-fed._tcp.e.example");
    names.host("e.example", &["192.0.2.5"]);
    assert_eq!(found(&names, "e.example").await, [["192.0.2.5:8448"]], "trouble with services is no reason to give up");
}

/// Returns the result that the test has set last, and counts the requests.
#[derive(Debug, Default)]
struct Scripted(std::sync::Arc<Mutex<(u32, Option<Asked>)>>);

impl Ask for Scripted {
    fn ask(&self, _: &str) -> Eventually<Asked> {
        let mut script = self.0.lock();
        script.0 += 1;
        Box::pin(std::future::ready(script.1.clone().unwrap_or(Asked::Failed("the web is down".to_owned()))))
    }
}

/// A well-known document that the test controls.
struct Said {
    script: std::sync::Arc<Mutex<(u32, Option<Asked>)>>,
    known: WellKnown,
}

impl Said {
    fn new() -> Self {
        let script = Scripted::default();
        // Without randomness, each backoff is as long as it can be.
        let seams = Seams { random: Arc::new(NoChance), ..Seams::system() };
        Self { script: script.0.clone(), known: WellKnown::new(Box::new(script), seams) }
    }

    fn document(&self, json: &'static str, lifetime: Option<Duration>) {
        self.script.lock().1 = Some(Asked::Document(Bytes::from_static(json.as_bytes()), lifetime));
    }

    fn answer(&self, asked: Option<Asked>) {
        self.script.lock().1 = asked;
    }

    async fn delegate(&self) -> Option<String> {
        self.known.of("a.example").await.map(|authority| authority.text.clone())
    }

    /// Requests to the host so far.
    fn asked(&self) -> u32 {
        self.script.lock().0
    }
}

const THERE: Option<&str> = Some("b.example:1");

#[tokio::test(start_paused = true)]
async fn what_a_server_says_is_remembered_as_long_as_it_says() {
    let said = Said::new();
    said.document(r#"{"m.server":"b.example:1"}"#, Some(HOUR));
    assert_eq!(said.delegate().await.as_deref(), THERE);
    tokio::time::advance(HOUR - Duration::from_secs(1)).await;
    assert_eq!((said.delegate().await.as_deref(), said.asked()), (THERE, 1));
    tokio::time::advance(Duration::from_secs(2)).await;
    assert_eq!((said.delegate().await.as_deref(), said.asked()), (THERE, 2));
}

#[tokio::test(start_paused = true)]
async fn lifetimes_have_bounds() {
    for (lifetime, bound) in [(Some(HOUR * 24 * 365), HOUR * 48), (None, HOUR * 24), (Some(Duration::ZERO), HOUR / 12)]
    {
        let said = Said::new();
        said.document(r#"{"m.server":"b.example:1"}"#, lifetime);
        said.delegate().await;
        tokio::time::advance(bound - Duration::from_secs(1)).await;
        said.delegate().await;
        assert_eq!(said.asked(), 1, "{lifetime:?}");
        tokio::time::advance(Duration::from_secs(2)).await;
        said.delegate().await;
        assert_eq!(said.asked(), 2, "{lifetime:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn errors_are_remembered_too_and_ever_longer() {
    let said = Said::new();
    said.answer(Some(Asked::Nothing("it answered 404".to_owned())));
    assert_eq!((said.delegate().await, said.asked()), (None, 1));
    tokio::time::advance(HOUR / 12 - Duration::from_secs(1)).await;
    assert_eq!((said.delegate().await, said.asked()), (None, 1));
    for _ in 0..10 {
        tokio::time::advance(HOUR).await;
        said.delegate().await;
    }
    assert_eq!(said.asked(), 11, "never longer than an hour");
    tokio::time::advance(HOUR / 2).await;
    said.delegate().await;
    assert_eq!(said.asked(), 11, "but as long as that after many times");
}

#[tokio::test(start_paused = true)]
async fn while_a_server_is_down_what_it_said_last_counts() {
    let said = Said::new();
    said.document(r#"{"m.server":"b.example:1"}"#, Some(HOUR));
    said.delegate().await;
    said.answer(None);
    for _ in 0..24 {
        tokio::time::advance(HOUR + Duration::from_secs(1)).await;
        assert_eq!(said.delegate().await.as_deref(), THERE);
    }
    tokio::time::advance(HOUR * 48).await;
    assert_eq!(said.delegate().await, None, "but not for ever");
}

#[tokio::test(start_paused = true)]
async fn what_is_not_in_order_counts_as_nothing() {
    for json in [
        "",
        "[]",
        "{}",
        r#"{"m.server":1}"#,
        r#"{"m.server":""}"#,
        r#"{"m.server":"b.example:0"}"#,
        r#"{"m.server":"b.example:65536"}"#,
        r#"{"m.server":"https://b.example"}"#,
        r#"{"m.server":"b.example/../"}"#,
        r#"{"m.server":"[::1"}"#,
        r#"{"m.server":"user@b.example"}"#,
    ] {
        let said = Said::new();
        said.document(json, None);
        assert_eq!(said.delegate().await, None, "{json}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_operator_may_have_it_asked_anew() {
    let said = Said::new();
    said.document(r#"{"m.server":"b.example:1"}"#, None);
    said.delegate().await;
    said.known.doubt("A.example");
    said.delegate().await;
    assert_eq!(said.asked(), 1, "it was asked a moment ago");
    tokio::time::advance(HOUR).await;
    said.known.doubt("A.example");
    said.delegate().await;
    assert_eq!(said.asked(), 2);
    said.known.forget("A.example");
    said.delegate().await;
    assert_eq!(said.asked(), 3);
}
