//! Delayed events on a server that is killed repeatedly: each is sent exactly once.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hearth_base::random::SeededRandom;

use super::between;
use super::process::Process;
use crate::harness::{Person, json, list, v3};

const EVENTS: u64 = 60;
const KILLS: usize = 10;
const UNSTABLE: &str = "/_matrix/client/unstable/org.matrix.msc4140/delayed_events";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_waits_is_sent_once_however_often_the_server_dies() {
    let mut process = Process::new();
    process.first_start().await;
    let random = SeededRandom::new(20_261_122);
    let alice = Person::registers(process.client(), "alice").await;
    let room = alice.creates_room().await;
    for n in 0..EVENTS {
        let path = v3!("rooms/{}/send/m.room.message/{}", room, format!("t{n}"));
        let delay_ms = between(&random, 1, 4_000).to_string();
        let asked = alice.put(path, json!({ "msgtype": "m.text", "body": format!("{n}") }));
        let answer = asked.query(&[("org.matrix.msc4140.delay", &delay_ms)]).await.ok();
        if n % 3 == 0 {
            let id = answer["delay_id"].as_str().expect("an id");
            // It may have been sent already.
            alice.post(format!("{UNSTABLE}/{id}/restart"), json!({})).await;
        }
    }
    for _ in 0..KILLS {
        tokio::time::sleep(Duration::from_millis(between(&random, 20, 400))).await;
        process.kill();
        process.start().await;
    }
    let began = Instant::now();
    while !list(&alice.get(format!("{UNSTABLE}?status=scheduled")).await.ok()["delayed_events"]).is_empty() {
        assert!(began.elapsed() < Duration::from_secs(60), "some still wait");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut said = BTreeMap::<String, u32>::new();
    for event in alice.reads_all_of(&room).await.iter().filter(|event| event["type"] == "m.room.message") {
        *said.entry(event["content"]["body"].as_str().expect("a text").to_owned()).or_default() += 1;
    }
    let wanted: BTreeMap<_, _> = (0..EVENTS).map(|n| (n.to_string(), 1)).collect();
    assert_eq!(said, wanted);
    process.stops_well().await;
    process.check_database();
    process.nothing_was_logged();
}
