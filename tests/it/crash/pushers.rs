//! Notifications survive kills: each is delivered once, or after a kill at most once more.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::harness::{Person, json, v3};
use crate::pushers::{Gateway, Reply};

use super::process::Process;

const PUSHERS: usize = 4;
const MESSAGES: usize = 45;
/// Messages between two kills.
const BETWEEN: usize = 15;
/// Messages that are sent again.
const REPEATED: usize = 4;
/// How long the next one may take to come.
const SILENCE: Duration = Duration::from_secs(3);

#[tokio::test]
async fn notifications_survive_kills() {
    let mut process = Process::with("[push]\nallowed_ranges = [\"127.0.0.0/8\"]\n");
    process.start().await;
    let alice = Person::registers(process.client(), "alice").await;
    let mut readers = Vec::new();
    for number in 0..PUSHERS {
        readers.push(Person::registers(process.client(), &format!("reader{number}")).await);
    }
    let room = alice.creates_room_with(&readers.iter().collect::<Vec<_>>()).await;
    // Fails a third of the time.
    let gateway = Gateway::decides(|_, request| match request % 6 {
        1 => Reply::Says(503, ""),
        4 => Reply::Hangs,
        _ => Reply::Takes,
    })
    .await;
    for (number, reader) in readers.iter().enumerate() {
        gateway.notifies(reader, &format!("key{number}")).await;
    }
    for number in 0..MESSAGES {
        alice.sends(&number.to_string()).in_room(&room).await;
        if number % BETWEEN == BETWEEN / 2 {
            let before = gateway.taken().len();
            gateway.sees(|gateway| gateway.taken().len() > before).await;
            process.kill();
            process.start().await;
            // What was sent again is recorded before the next kill, which the next new notification would allow otherwise.
            gateway.sees(|gateway| all_have(gateway, number + 1)).await;
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
    }
    gateway.sees(|gateway| all_have(gateway, MESSAGES)).await;
    for key in 0..PUSHERS {
        let counts = counts(&gateway, key);
        assert!(counts.values().all(|times| *times <= 2), "more than once again: {counts:?}");
        let mut firsts = gateway.bodies(&format!("key{key}"));
        let mut seen = std::collections::BTreeSet::new();
        firsts.retain(|body| seen.insert(body.clone()));
        assert_eq!(firsts, (0..MESSAGES).map(|number| number.to_string()).collect::<Vec<_>>());
    }
    alice.post(v3!("logout"), json!({})).await.ok();
    process.stops_well().await;
    process.check_database();
}

/// The second crash comes while the notifications are sent again that the first one left unrecorded, after each of them.
#[tokio::test]
async fn a_crash_amid_repeated_notifications_makes_no_third() {
    let mut process = Process::with("[push]\nallowed_ranges = [\"127.0.0.0/8\"]\n");
    process.start().await;
    let alice = Person::registers(process.client(), "alice").await;
    let bob = Person::registers(process.client(), "bob").await;
    let room = alice.creates_room_with(&[&bob]).await;
    let gateway = Gateway::opens().await;
    gateway.notifies(&bob, "key0").await;
    let mut wanted = 0;
    for taken in 0..=REPEATED {
        gateway.now(|_, _| Reply::Takes);
        for number in 0..REPEATED {
            alice.sends(&format!("{taken}-{number}")).in_room(&room).await;
        }
        wanted += REPEATED;
        gateway.sees(|gateway| counts(gateway, 0).len() == wanted).await;
        process.kill();
        // Takes so many of them again, and is silent at the next one, until which nothing else is sent.
        let asked = gateway.asked().len();
        gateway.now(move |_, request| if request < asked + taken { Reply::Takes } else { Reply::Sleeps });
        process.start().await;
        // Fewer come if some were recorded before the first kill; the reader must have them all then.
        let silent = gateway.sees(|gateway| gateway.asked().len() > asked + taken);
        tokio::time::timeout(SILENCE, silent).await.ok();
        process.kill();
        gateway.now(|_, _| Reply::Takes);
        process.start().await;
        // The last of the step, so that nothing of it is in flight any more.
        alice.sends(&format!("{taken}-last")).in_room(&room).await;
        wanted += 1;
        gateway.sees(|gateway| counts(gateway, 0).len() == wanted).await;
        let counts = counts(&gateway, 0);
        assert!(counts.values().all(|times| *times <= 2), "{taken} repeated before the second crash: {counts:?}");
    }
    process.stops_well().await;
    process.check_database();
}

/// Whether each pusher has had so many messages, however often.
fn all_have(gateway: &Gateway, messages: usize) -> bool {
    (0..PUSHERS).all(|key| counts(gateway, key).len() == messages)
}

/// How often each message was taken for a pushkey.
fn counts(gateway: &Gateway, key: usize) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for body in gateway.bodies(&format!("key{key}")) {
        *counts.entry(body).or_insert(0) += 1;
    }
    counts
}
