//! Scripted servers that count requests.

use std::collections::HashMap;
use std::time::Duration;

use hearth_base::{Reason, Result, error::refuse};
use hearth_core::ports::{Call, Eventually, Network, RemoteResponse};
use parking_lot::Mutex;
use serde_json::{Value, json};

/// The simulated network.
#[derive(Debug, Default)]
pub(super) struct Wire {
    answers: Mutex<HashMap<(String, String), (u16, Value)>>,
    calls: Mutex<Vec<Call>>,
}

impl Wire {
    /// Sets a server's response to requests with this path prefix.
    pub(super) fn set(&self, server: &str, path: &str, answer: Value) {
        self.answers.lock().insert((server.to_owned(), path.to_owned()), (200, answer));
    }

    /// Sets a server's error for such requests.
    pub(super) fn refuse(&self, server: &str, path: &str, status: u16, errcode: &str) {
        let answer = (status, json!({ "errcode": errcode, "error": "no" }));
        self.answers.lock().insert((server.to_owned(), path.to_owned()), answer);
    }

    /// Sets a server's device list of one user.
    pub(super) fn set_devices(&self, user: &str, stream: i64, devices: &[(&str, Value)]) {
        let server = user.split_once(':').expect("a user id").1;
        let list: Vec<_> = devices.iter().map(|(id, keys)| json!({ "device_id": id, "keys": keys })).collect();
        let answer = json!({ "user_id": user, "stream_id": stream, "devices": list });
        self.set(server, &format!("/_matrix/federation/v1/user/devices/{user}"), answer);
    }

    /// Makes a server unreachable.
    pub(super) fn silence(&self, server: &str) {
        self.answers.lock().retain(|(name, _), _| name != server);
    }

    /// Total number of requests.
    pub(super) fn asked(&self) -> usize {
        self.calls.lock().len()
    }

    /// The last request.
    pub(super) fn last(&self) -> Call {
        self.calls.lock().last().expect("somebody was asked").clone()
    }
}

impl Network for Wire {
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>> {
        let target = call.target.replace("%40", "@").replace("%3A", ":").replace("%23", "#").replace("%21", "!");
        let answers = self.answers.lock();
        let found = answers.iter().filter(|((name, path), _)| *name == *call.to.as_str() && target.starts_with(path));
        let answer = match found.max_by_key(|((_, path), _)| path.len()) {
            Some((_, (status, body))) => {
                let piece = Ok(bytes::Bytes::from(body.to_string()));
                let body = Box::pin(futures_util::stream::iter([piece]));
                Ok(RemoteResponse { status: *status, content_type: Some("application/json".to_owned()), body })
            }
            None => Err(refuse(Reason::ConnectionFailed, format!("{} does not answer.", call.to))),
        };
        self.calls.lock().push(call);
        Box::pin(std::future::ready(answer))
    }

    fn fetch(&self, _: String, _: Duration) -> Eventually<Result<RemoteResponse>> {
        Box::pin(std::future::ready(Err(refuse(Reason::ConnectionFailed, "There is no web here."))))
    }
}
