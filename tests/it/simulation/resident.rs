//! A user in a simulation: acts, syncs, and records the events that the client receives.

use std::collections::HashMap;

use serde_json::Value;

use crate::harness::{Answer, Person, Room, World, v3};

/// The largest timeline of one sync; the client pages through gaps, as real clients do.
const FILTER: &str = r#"{"room":{"timeline":{"limit":200}},"presence":{"limit":0}}"#;

/// A user whose client remembers what it received.
#[derive(Debug)]
pub(super) struct Resident {
    pub(super) person: Person,
    pub(super) server: String,
    since: Option<String>,
    /// Gaps of limited timelines: the token where a gap ends, and the one where it begins.
    left_out: Vec<(String, String)>,
    /// How often each event was received.
    seen: HashMap<String, u32>,
}

impl Resident {
    pub(super) async fn moves_in(world: &World, name: &str) -> Self {
        let person = world.register(name).await;
        let server = world.config().server.name.clone();
        Self { person, server, since: None, left_out: Vec::new(), seen: HashMap::new() }
    }

    /// Sends a message; returns the event id, or the server's refusal.
    pub(super) async fn says(&self, room: &str, text: &str) -> Result<String, String> {
        let content = serde_json::json!({ "msgtype": "m.text", "body": text });
        let txn = self.person.fresh_transaction();
        let path = v3!("rooms/{}/send/m.room.message/{}", room, txn);
        let answer = self.person.put(path, content).await;
        answer.json()["event_id"].as_str().map(str::to_owned).ok_or_else(|| answer.text())
    }

    pub(super) async fn sets(&self, room: &str, kind: &str, key: &str, content: Value) -> Answer {
        self.person.put(v3!("rooms/{}/state/{}/{}", room, kind, key), content).await
    }

    pub(super) async fn joins(&self, room: &str, via: &str) -> Answer {
        let body = serde_json::json!({});
        self.person.post(v3!("join/{}", room), body).query(&[("via", via), ("server_name", via)]).await
    }

    /// The room state on the user's server: the current event for each type and key. `None` for users who are not in
    /// the room.
    pub(super) async fn state(&self, room: &str) -> Option<Vec<(String, String, String)>> {
        let answer = self.person.get(v3!("rooms/{}/state", room)).await;
        if answer.status != 200 {
            return None;
        }
        let text = |event: &Value, field: &str| event[field].as_str().unwrap_or_default().to_owned();
        let events = answer.json();
        let events = events.as_array()?.iter();
        let mut state: Vec<_> = events.map(|e| (text(e, "type"), text(e, "state_key"), text(e, "event_id"))).collect();
        state.sort();
        Some(state)
    }

    /// Syncs once, records new events, and pages through the gap of a limited timeline.
    pub(super) async fn looks(&mut self, room: &str) {
        let mut ask = self.person.get(v3!("sync")).query(&[("timeout", "0"), ("filter", FILTER)]);
        if let Some(since) = &self.since {
            ask = ask.query(&[("since", since)]);
        }
        let news = ask.await.ok();
        let since = self.since.replace(news["next_batch"].as_str().expect("a token").to_owned());
        for part in ["join", "leave"] {
            let timeline = &news["rooms"][part][room]["timeline"];
            for event in timeline["events"].as_array().into_iter().flatten() {
                self.takes(event);
            }
            if let Some(since) = since.as_ref().filter(|_| timeline["limited"] == true) {
                let from = timeline["prev_batch"].as_str().unwrap_or_default().to_owned();
                self.left_out.push((from.clone(), since.clone()));
                self.pages_back(room, from, since).await;
            }
        }
    }

    /// Pages through all gaps again, as users do who scroll up: a page omits missing events while no other server is
    /// reachable, and contains them later.
    pub(super) async fn scrolls_up(&mut self, room: &str) {
        for (from, since) in self.left_out.clone() {
            self.pages_back(room, from, &since).await;
        }
    }

    fn takes(&mut self, event: &Value) {
        let id = event["event_id"].as_str().expect("events have ids").to_owned();
        *self.seen.entry(id).or_default() += 1;
    }

    /// Records new events between two tokens, newest first.
    async fn pages_back(&mut self, room: &str, mut from: String, since: &str) {
        for _ in 0..20 {
            let path = v3!("rooms/{}/messages", room);
            let query = [("dir", "b"), ("limit", "100"), ("from", from.as_str()), ("to", since)];
            let page = self.person.get(path).query(&query).await.ok();
            let events = page["chunk"].as_array().expect("a chunk");
            for event in events {
                let id = event["event_id"].as_str().expect("events have ids");
                if !self.seen.contains_key(id) {
                    self.takes(event);
                }
            }
            match page["end"].as_str() {
                Some(end) if !events.is_empty() || end != from => end.clone_into(&mut from),
                _ => return,
            }
        }
    }

    /// How often an event was received.
    pub(super) fn times(&self, event: &str) -> u32 {
        self.seen.get(event).copied().unwrap_or_default()
    }

    /// Events that were received more than once.
    pub(super) fn doubled(&self) -> Vec<&str> {
        self.seen.iter().filter(|(_, times)| **times > 1).map(|(id, _)| id.as_str()).collect()
    }
}

impl AsRef<str> for Resident {
    fn as_ref(&self) -> &str {
        &self.person.id
    }
}

/// The id of a harness room.
pub(super) fn id_of(room: &Room) -> String {
    room.as_ref().to_owned()
}
