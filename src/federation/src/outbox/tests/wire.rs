//! A simulated network in which each server has a mode of failure.

use std::collections::HashMap;
use std::time::Duration;

use hearth_base::{Reason, Result, error::refuse};
use hearth_core::ports::{Call, Eventually, Network, RemoteResponse};
use parking_lot::Mutex;
use ruma::ServerName;
use serde_json::{Value, json};

/// A server's behaviour.
#[derive(Debug, Clone, Default)]
pub(super) enum Mood {
    /// Accepts all transactions.
    #[default]
    Well,
    /// Unreachable.
    Down,
    /// Returns this status and body, without processing the transaction.
    Status(u16, Value),
    /// Processes the transaction at once and responds after this delay.
    Slow(Duration),
    /// Refuses transactions that contain this text.
    Picky(&'static str),
    /// Fails in many ways, and sometimes processes a transaction and loses the response. The number is the state of
    /// its generator.
    Fickle(u64),
}

/// One transaction as a server received it.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub(super) to: String,
    pub(super) id: String,
    pub(super) events: Vec<Value>,
    pub(super) edus: Vec<Value>,
}

/// The simulated network.
#[derive(Debug, Default)]
pub(super) struct Wire {
    moods: Mutex<HashMap<String, Mood>>,
    heard: Mutex<Vec<Heard>>,
    calls: Mutex<HashMap<String, usize>>,
    forgotten: Mutex<Vec<String>>,
}

impl Wire {
    pub(super) fn set(&self, server: &str, mood: Mood) {
        self.moods.lock().insert(server.to_owned(), mood);
    }

    /// The transactions that a server received, in order.
    pub(super) fn heard_by(&self, server: &str) -> Vec<Heard> {
        self.heard.lock().iter().filter(|heard| heard.to == server).cloned().collect()
    }

    /// The messages that a server received, in order.
    pub(super) fn said_to(&self, server: &str) -> Vec<String> {
        let heard = self.heard_by(server);
        let events = heard.iter().flat_map(|heard| &heard.events);
        events.filter_map(|event| Some(event["content"]["body"].as_str()?.to_owned())).collect()
    }

    /// The EDUs that a server received, in order.
    pub(super) fn edus_to(&self, server: &str) -> Vec<Value> {
        self.heard_by(server).into_iter().flat_map(|heard| heard.edus).collect()
    }

    /// Number of calls to a server.
    pub(super) fn calls_to(&self, server: &str) -> usize {
        self.calls.lock().get(server).copied().unwrap_or(0)
    }

    /// Whether the outbox asked the network to resolve a server again.
    pub(super) fn is_forgotten(&self, server: &str) -> bool {
        self.forgotten.lock().iter().any(|name| name == server)
    }

    fn hear(&self, call: &Call) -> Value {
        let body: Value = serde_json::from_slice(&call.body).expect("JSON");
        let list = |name: &str| body[name].as_array().cloned().unwrap_or_default();
        let id = call.target.rsplit('/').next().unwrap_or_default().to_owned();
        let heard = Heard { to: call.to.to_string(), id, events: list("pdus"), edus: list("edus") };
        assert!(heard.events.len() <= 50 && heard.edus.len() <= 100, "too much in one transaction");
        assert_eq!(body["origin"], "home.example");
        self.heard.lock().push(heard);
        json!({"pdus": {}})
    }

    fn mood_of(&self, server: &str) -> Mood {
        let mut moods = self.moods.lock();
        let mood = moods.entry(server.to_owned()).or_default();
        let now = mood.clone();
        if let Mood::Fickle(dice) = mood {
            *dice = dice.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        }
        now
    }

    fn answer(&self, call: &Call, mood: &Mood) -> Result<RemoteResponse> {
        let unreachable = || Err(refuse(Reason::ConnectionFailed, format!("{} does not answer.", call.to)));
        match mood {
            Mood::Well | Mood::Slow(_) => Ok(shaped(200, &self.hear(call))),
            Mood::Down => unreachable(),
            Mood::Status(status, body) => Ok(shaped(*status, body)),
            Mood::Picky(needle) => {
                if String::from_utf8_lossy(&call.body).contains(needle) {
                    return Ok(shaped(400, &json!({"errcode": "M_BAD_JSON", "error": "I do not like it"})));
                }
                Ok(shaped(200, &self.hear(call)))
            }
            Mood::Fickle(dice) => match dice >> 60 {
                0..=2 => unreachable(),
                3 => Ok(shaped(502, &json!("<html>"))),
                4 => Ok(shaped(429, &json!({"errcode": "M_LIMIT_EXCEEDED", "retry_after_ms": 500}))),
                5 => Ok(shaped(200, &json!("<html>parked</html>"))),
                6 | 7 => {
                    self.hear(call);
                    unreachable()
                }
                _ => Ok(shaped(200, &self.hear(call))),
            },
        }
    }
}

fn shaped(status: u16, body: &Value) -> RemoteResponse {
    let piece = Ok(bytes::Bytes::from(body.to_string()));
    let body = Box::pin(futures_util::stream::iter([piece]));
    RemoteResponse { status, content_type: Some("application/json".to_owned()), body }
}

impl Network for Wire {
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>> {
        assert!(call.target.starts_with("/_matrix/federation/v1/send/") && call.method == "PUT", "{call:?}");
        assert!(call.authorization.is_some());
        *self.calls.lock().entry(call.to.to_string()).or_default() += 1;
        let mood = self.mood_of(call.to.as_str());
        match mood {
            Mood::Slow(delay) => {
                let answer = self.answer(&call, &mood);
                Box::pin(async move {
                    tokio::time::sleep(delay).await;
                    answer
                })
            }
            mood => Box::pin(std::future::ready(self.answer(&call, &mood))),
        }
    }

    fn fetch(&self, _: String, _: Duration) -> Eventually<Result<RemoteResponse>> {
        Box::pin(std::future::ready(Err(refuse(Reason::ConnectionFailed, "There is no web here."))))
    }

    fn forget(&self, server: &ServerName) {
        self.forgotten.lock().push(server.to_string());
    }
}
