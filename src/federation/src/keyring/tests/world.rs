//! A server with a keyring, and scripted remote servers.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::clock::ManualClock;
use hearth_base::config::Config;
use hearth_base::random::SeededRandom;
use hearth_base::{Reason, Result, Seams, error::refuse};
use hearth_core::ports::{Call, Eventually, Network, RemoteResponse};
use hearth_rooms::RoomCore;
use hearth_store::{Options, Store};
use parking_lot::Mutex;
use ruma::room_version_rules::RoomVersionRules;
use ruma::serde::{Base64, base64::Standard};
use ruma::signatures::{Ed25519KeyPair, hash_and_sign_event, sign_json};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use serde_json::{Value, json};
use tempfile::TempDir;

use super::super::Keyring;

pub(super) const DAY_MS: u64 = 24 * 60 * 60 * 1_000;
/// The current time, in milliseconds.
pub(super) const NOW_MS: u64 = 1_800_000_000_000;
/// The server under test.
pub(super) const HERE: &str = "here.example";

/// Scripted responses, by server name and request target.
#[derive(Debug, Default)]
pub(super) struct Script {
    answers: Mutex<HashMap<(String, String), (u16, Bytes)>>,
    /// All calls, as `name target`.
    calls: Mutex<Vec<(String, Bytes)>>,
    delay: Mutex<Duration>,
}

#[derive(Debug)]
struct Scripted(Arc<Script>);

impl Network for Scripted {
    fn call(&self, call: Call) -> Eventually<Result<RemoteResponse>> {
        let line = format!("{} {}", call.to, call.target);
        self.0.calls.lock().push((line, call.body.clone()));
        let answer = self.0.answers.lock().get(&(call.to.to_string(), call.target)).cloned();
        let delay = *self.0.delay.lock();
        Box::pin(async move {
            tokio::time::sleep(delay).await;
            let gone = || refuse(Reason::ConnectionFailed, format!("{} cannot be reached: it is gone.", call.to));
            let (status, body) = answer.ok_or_else(gone)?;
            let body = Box::pin(futures_util::stream::iter([Ok(body)]));
            Ok(RemoteResponse { status, content_type: None, body })
        })
    }

    fn fetch(&self, _: String, _: Duration) -> Eventually<Result<RemoteResponse>> {
        Box::pin(std::future::ready(Err(refuse(Reason::ConnectionFailed, "There is no web here."))))
    }
}

/// The server under test and its simulated network.
pub(super) struct World {
    pub(super) core: Arc<RoomCore>,
    pub(super) keyring: Keyring,
    pub(super) clock: Arc<ManualClock>,
    pub(super) script: Arc<Script>,
    _folder: TempDir,
}

impl World {
    pub(super) fn new() -> Self {
        Self::with(|_| {})
    }

    pub(super) fn with(change: impl FnOnce(&mut Config)) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let clock = Arc::new(ManualClock::at(NOW_MS));
        let seams = Seams { clock: clock.clone(), random: Arc::new(SeededRandom::new(7)) };
        let store = Store::open(Options::sqlite(folder.path().join("hearth.db")), seams.clone()).expect("a store");
        let mut config = Config::default();
        config.server.name = HERE.to_owned();
        change(&mut config);
        let core = RoomCore::new(store, seams, Arc::new(config)).expect("a core");
        let script = Arc::<Script>::default();
        let keyring = Keyring::new(core.clone(), Arc::new(Scripted(script.clone())));
        Self { core, keyring, clock, script, _folder: folder }
    }

    /// Restarts the server: it loses everything that is not on disk.
    pub(super) fn restarts(&mut self) {
        self.keyring = Keyring::new(self.core.clone(), Arc::new(Scripted(self.script.clone())));
    }

    /// A server publishes a key document at its own endpoint.
    pub(super) fn publishes(&self, server: &str, list: &CanonicalJsonObject) {
        self.answers(server, "/_matrix/key/v2/server", 200, list);
    }

    pub(super) fn answers(&self, server: &str, target: &str, status: u16, body: &impl serde::Serialize) {
        let body = serde_json::to_vec(body).expect("JSON");
        self.script.answers.lock().insert((server.to_owned(), target.to_owned()), (status, body.into()));
    }

    /// A server becomes unreachable.
    pub(super) fn loses(&self, server: &str) {
        self.script.answers.lock().retain(|(name, _), _| name != server);
    }

    pub(super) fn takes(&self, delay: Duration) {
        *self.script.delay.lock() = delay;
    }

    /// Number of calls to a server.
    pub(super) fn calls(&self, server: &str) -> usize {
        self.script.calls.lock().iter().filter(|(line, _)| line.starts_with(&format!("{server} "))).count()
    }

    pub(super) fn last_body(&self) -> Value {
        let calls = self.script.calls.lock();
        calls.last().map_or(Value::Null, |(_, body)| serde_json::from_slice(body).expect("JSON"))
    }

    /// The keys that the check of a signed request gets for a server.
    pub(super) async fn request_keys(&self, server: &str, key: &Ed25519KeyPair) -> Result<Vec<u8>> {
        let (server, id) = (name(server), format!("ed25519:{}", key.version()));
        let keys = self.keyring.request_keys(&server, &id).await?;
        Ok(keys[server.as_str()][&id].as_bytes().to_vec())
    }
}

pub(super) fn name(server: &str) -> OwnedServerName {
    ServerName::parse(server).expect("a server name")
}

/// A key pair with that version.
pub(super) fn key(version: &str) -> Ed25519KeyPair {
    Ed25519KeyPair::from_der(&Ed25519KeyPair::generate(), version.to_owned()).expect("a fresh key")
}

pub(super) fn public(key: &Ed25519KeyPair) -> String {
    Base64::<Standard, _>::new(key.public_key().to_vec()).encode()
}

/// An unsigned key document: current keys, retired keys with their expiry, and `valid_until_ts`.
pub(super) fn unsigned(
    server: &str,
    keys: &[&Ed25519KeyPair],
    old: &[(&Ed25519KeyPair, u64)],
    valid_until_ms: u64,
) -> CanonicalJsonObject {
    let id = |key: &Ed25519KeyPair| format!("ed25519:{}", key.version());
    let keys: serde_json::Map<_, _> = keys.iter().map(|key| (id(key), json!({ "key": public(key) }))).collect();
    let old: serde_json::Map<_, _> =
        old.iter().map(|(key, ms)| (id(key), json!({ "key": public(key), "expired_ts": ms }))).collect();
    let list = json!({
        "server_name": server,
        "verify_keys": keys,
        "old_verify_keys": old,
        "valid_until_ts": valid_until_ms,
    });
    serde_json::from_value(list).expect("an object")
}

pub(super) fn signed(mut object: CanonicalJsonObject, server: &str, key: &Ed25519KeyPair) -> CanonicalJsonObject {
    sign_json(server, key, &mut object).expect("an object can be signed");
    object
}

/// A signed key document with one key, valid for a day.
pub(super) fn list(server: &str, key: &Ed25519KeyPair) -> CanonicalJsonObject {
    signed(unsigned(server, &[key], &[], NOW_MS + DAY_MS), server, key)
}

/// A signed message event of a server's user.
pub(super) fn event(server: &str, key: &Ed25519KeyPair, sent_ms: u64, rules: &RoomVersionRules) -> CanonicalJsonObject {
    let event = json!({
        "type": "m.room.message",
        "room_id": "!r:far.example",
        "sender": format!("@user:{server}"),
        "origin_server_ts": sent_ms,
        "content": { "body": "hello" },
        "depth": 7,
        "prev_events": [],
        "auth_events": [],
    });
    let mut event: CanonicalJsonObject = serde_json::from_value(event).expect("an object");
    hash_and_sign_event(server, key, &mut event, &rules.redaction).expect("an event can be signed");
    event
}
