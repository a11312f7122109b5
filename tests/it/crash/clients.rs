//! The clients that work while the server is killed, and their notes.
//!
//! When a connection breaks, the client cannot know whether the request took effect. Idempotent requests (with a
//! transaction id, or setting a value) are repeated until they are answered; others are noted as in doubt.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::harness::keys::{base64, device_keys, signed};
use crate::harness::{Answer, Ask, Person, Room, Seen, Value, json, list, v3};

/// Messages of one sender.
pub(super) struct Spoken {
    pub(super) speaker: String,
    /// Text, room, event id.
    pub(super) acknowledged: Vec<(String, String, String)>,
}

/// The last acknowledged value of an account data item.
pub(super) struct Noted {
    pub(super) acknowledged: u64,
}

/// Ids of one-time keys whose upload was acknowledged.
pub(super) struct Uploads {
    pub(super) acknowledged: Vec<String>,
}

/// Ids of claimed one-time keys, and the number of lost responses.
pub(super) struct Claims {
    pub(super) acknowledged: Vec<String>,
    pub(super) in_doubt: usize,
}

/// Number of acknowledged to-device messages.
pub(super) struct Posted {
    pub(super) acknowledged: u64,
}

/// What the syncing client received: message ids by room, and numbers of to-device messages, in order.
pub(super) struct Heard {
    pub(super) messages: BTreeMap<String, Vec<String>>,
    pub(super) letters: Vec<u64>,
}

/// Sends a request; `None` if the connection broke. Any status other than 200 fails the test.
async fn once(ask: Ask) -> Option<Value> {
    ask.attempt().await.ok().map(|answer: Answer| answer.ok())
}

/// Repeats a request until it is answered.
async fn insist(ask: Ask) -> Value {
    loop {
        if let Some(answer) = once(ask.clone()).await {
            return answer;
        }
        tokio::time::sleep(Duration::from_millis(15)).await;
    }
}

/// A message with its text as transaction id.
pub(super) fn say(speaker: &Person, room: &Room, text: &str) -> Ask {
    let path = v3!("rooms/{}/send/m.room.message/{}", room, text);
    speaker.put(path, json!({ "msgtype": "m.text", "body": text }))
}

pub(super) async fn speak(speaker: Arc<Person>, number: usize, rooms: Arc<Vec<Room>>, stop: Arc<AtomicBool>) -> Spoken {
    let mut acknowledged = Vec::new();
    let mut count = 0;
    while !stop.load(Ordering::Relaxed) {
        let (text, room) = (format!("speaker {number}, message {count}"), &rooms[(number + count) % rooms.len()]);
        let answer = insist(say(&speaker, room, &text)).await;
        let id = answer["event_id"].as_str().expect("a sent event has an id").to_owned();
        acknowledged.push((text, room.0.clone(), id));
        count += 1;
    }
    Spoken { speaker: speaker.name().to_owned(), acknowledged }
}

pub(super) async fn note(owner: Arc<Person>, stop: Arc<AtomicBool>) -> Noted {
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        n += 1;
        insist(owner.put(v3!("user/{}/account_data/org.example.count", owner.id), json!({ "n": n }))).await;
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    Noted { acknowledged: n }
}

pub(super) async fn upload(owner: Arc<Person>, stop: Arc<AtomicBool>) -> Uploads {
    let (keys, pair) = device_keys(&owner, 7);
    insist(owner.post(v3!("keys/upload"), json!({ "device_keys": keys }))).await;
    let (mut acknowledged, mut batch) = (Vec::new(), 0_u32);
    while !stop.load(Ordering::Relaxed) {
        // New ids for each batch, since a lost response leaves it unknown whether the old ones are stored.
        batch += 1;
        let ids: Vec<_> = (0..4).map(|n| format!("signed_curve25519:{batch:05}{n}")).collect();
        let key = |id: &String| {
            let mut bytes = [0; 32];
            bytes[..id.len().min(32)].copy_from_slice(&id.as_bytes()[..id.len().min(32)]);
            (id.clone(), signed(json!({ "key": base64(&bytes) }), &owner.id, &pair))
        };
        let one_time: serde_json::Map<_, _> = ids.iter().map(key).collect();
        if once(owner.post(v3!("keys/upload"), json!({ "one_time_keys": one_time }))).await.is_some() {
            acknowledged.extend(ids);
        }
        tokio::time::sleep(Duration::from_millis(60)).await;
    }
    Uploads { acknowledged }
}

pub(super) fn claim_once(stranger: &Person, owner: &Person) -> Ask {
    let wish = json!({ owner.id.clone(): { owner.device.clone(): "signed_curve25519" } });
    stranger.post(v3!("keys/claim"), json!({ "one_time_keys": wish }))
}

/// The key in a claim response.
pub(super) fn claimed(answer: &Value, owner: &Person) -> Option<String> {
    answer["one_time_keys"][&owner.id][&owner.device].as_object()?.keys().next().cloned()
}

pub(super) async fn claim(stranger: Arc<Person>, owner: Arc<Person>, stop: Arc<AtomicBool>) -> Claims {
    let mut claims = Claims { acknowledged: Vec::new(), in_doubt: 0 };
    while !stop.load(Ordering::Relaxed) {
        match once(claim_once(&stranger, &owner)).await {
            Some(answer) => claims.acknowledged.extend(claimed(&answer, &owner)),
            None => claims.in_doubt += 1,
        }
        // Slower than the uploads, so that some keys remain.
        tokio::time::sleep(Duration::from_millis(40)).await;
    }
    claims
}

pub(super) async fn post(stranger: Arc<Person>, reader: Arc<Person>, stop: Arc<AtomicBool>) -> Posted {
    let mut n = 0;
    while !stop.load(Ordering::Relaxed) {
        let path = v3!("sendToDevice/org.example.letter/{}", format!("letter {n}"));
        let messages = json!({ reader.id.clone(): { reader.device.clone(): { "n": n } } });
        insist(stranger.put(path, json!({ "messages": messages }))).await;
        n += 1;
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Posted { acknowledged: n }
}

pub(super) async fn listen(reader: Arc<Person>, stop: Arc<AtomicBool>) -> Heard {
    let mut heard = Heard { messages: BTreeMap::new(), letters: Vec::new() };
    let filter = json!({ "room": { "timeline": { "limit": 500 } }, "presence": { "types": [] } }).to_string();
    let mut since = None::<String>;
    loop {
        // Read before the sync, so that the last sync is complete.
        let last = stop.load(Ordering::Relaxed);
        let mut query = vec![("filter", filter.as_str()), ("timeout", if last { "0" } else { "500" })];
        query.extend(since.as_deref().map(|since| ("since", since)));
        let seen = Seen(insist(reader.get(v3!("sync")).query(&query)).await);
        let news = heard.take(&seen, since.is_some());
        since = Some(seen.next().to_owned());
        if last && !news {
            return heard;
        }
    }
}

impl Heard {
    /// Records a sync response; returns whether it contained anything.
    fn take(&mut self, seen: &Seen, incremental: bool) -> bool {
        let mut news = false;
        for (room, joined) in seen.0["rooms"]["join"].as_object().into_iter().flatten() {
            assert!(!incremental || joined["timeline"]["limited"] != true, "a gap that nobody asked for: {joined}");
            let events = list(&joined["timeline"]["events"]).iter().filter(|event| event["type"] == "m.room.message");
            let ids: Vec<_> = events.map(|event| event["event_id"].as_str().expect("an id").to_owned()).collect();
            news |= !ids.is_empty();
            self.messages.entry(room.clone()).or_default().extend(ids);
        }
        let letters = seen.to_device().iter().filter_map(|event| event["content"]["n"].as_u64());
        let before = self.letters.len();
        self.letters.extend(letters);
        news || self.letters.len() > before
    }
}
