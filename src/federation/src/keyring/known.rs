//! Keys at hand, the time for which each is valid, and event checks against them. Pure: fetches nothing.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_base::{Error, Millis, Reason, Result, error::refuse, limits};
use hearth_store::tables::server_keys::ServerKeyRow;
use ruma::room_version_rules::RoomVersionRules;
use ruma::serde::Base64;
use ruma::signatures::{
    PublicKeyMap, PublicKeySet, Verified, required_server_signatures_to_verify_event, verify_event,
};
use ruma::{CanonicalJsonObject, CanonicalJsonValue, OwnedServerName};

/// A verify key of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RemoteKey {
    pub(super) public: Base64,
    /// Validity limit of a current key, in milliseconds.
    pub(super) valid_until_ms: Millis,
    /// When its server retired it; `None` for a current key.
    pub(super) expired_ms: Option<Millis>,
}

/// The time of a signature.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum SignedAt {
    /// Any time: rooms before version 5 do not check key validity.
    Ever,
    /// This time, in milliseconds since the epoch.
    At(Millis),
}

/// The keys of one server, by key id including the algorithm.
#[derive(Debug, Default)]
pub(super) struct ServerKeys(BTreeMap<String, RemoteKey>);

impl ServerKeys {
    pub(super) fn new(rows: Vec<ServerKeyRow>) -> Self {
        let keys = rows.into_iter().map(|row| {
            let ServerKeyRow { key_id, public, valid_until_ms, expired_ms } = row;
            (key_id, RemoteKey { public: Base64::new(public), valid_until_ms, expired_ms })
        });
        Self(keys.collect())
    }

    /// Adds keys that another server reports for this one; existing keys stay unchanged.
    fn with(&self, rows: Vec<ServerKeyRow>) -> Self {
        let mut keys = Self::new(rows).0;
        keys.extend(self.0.iter().map(|(id, key)| (id.clone(), key.clone())));
        Self(keys)
    }

    /// A key that is valid for signatures of that time.
    pub(super) fn get(&self, id: &str, when: SignedAt) -> Option<&RemoteKey> {
        let key = self.0.get(id)?;
        let good = match when {
            SignedAt::Ever => true,
            SignedAt::At(at_ms) => at_ms <= key.expired_ms.unwrap_or(key.valid_until_ms),
        };
        good.then_some(key)
    }

    /// Whether one of the wanted keys is known and valid.
    pub(super) fn satisfy(&self, want: &WantedKeys) -> bool {
        want.ids.iter().any(|id| self.get(id, want.when).is_some())
    }
}

/// The keys of a server, any one of which is needed for a signature of some time.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct WantedKeys {
    pub(super) ids: Vec<String>,
    pub(super) when: SignedAt,
}

/// The keys needed to check an event: for each server that must have signed it, one of the keys with which it signed.
pub(super) fn wanted_by(
    event: &CanonicalJsonObject,
    rules: &RoomVersionRules,
) -> Result<Vec<(OwnedServerName, WantedKeys)>> {
    let servers = required_server_signatures_to_verify_event(event, &rules.signatures).map_err(|error| bad(&error))?;
    let when = if rules.enforce_key_validity { SignedAt::At(sent_at(event)?) } else { SignedAt::Ever };
    let of = |server: OwnedServerName| {
        let ids = signing_ids(event, server.as_str());
        if ids.is_empty() { Err(unsigned(&server)) } else { Ok((server, WantedKeys { ids, when })) }
    };
    servers.into_iter().map(of).collect()
}

/// The key ids in a server's signatures of an object, capped.
fn signing_ids(object: &CanonicalJsonObject, server: &str) -> Vec<String> {
    let Some(CanonicalJsonValue::Object(signatures)) = object.get("signatures") else { return Vec::new() };
    let Some(CanonicalJsonValue::Object(of_server)) = signatures.get(server) else { return Vec::new() };
    let ids = of_server.keys().filter(|id| id.starts_with("ed25519:"));
    ids.take(limits::SIGNATURES_PER_SERVER_MAX).cloned().collect()
}

fn sent_at(event: &CanonicalJsonObject) -> Result<Millis> {
    match event.get("origin_server_ts") {
        Some(CanonicalJsonValue::Integer(ms)) => Ok(Millis::try_from(i64::from(*ms)).unwrap_or(0)),
        _ => Err(Error::bad_json("The event does not say when it was sent (`origin_server_ts`).")),
    }
}

/// Keys gathered for some events. Its checks are synchronous and need no I/O.
#[derive(Debug, Clone, Default)]
pub struct KeySet {
    pub(super) servers: HashMap<OwnedServerName, Arc<ServerKeys>>,
    /// Why the keys of a server are missing.
    pub(super) missing: HashMap<OwnedServerName, String>,
}

impl KeySet {
    /// Adds keys of a server that another server reports.
    pub(super) fn add(&mut self, server: OwnedServerName, rows: Vec<ServerKeyRow>) {
        let known = self.servers.get(&server).cloned().unwrap_or_default();
        self.servers.insert(server, Arc::new(known.with(rows)));
    }

    /// Checks an event's signatures and content hash by the rules of its room version. `Signatures` means that the
    /// signatures are valid and the content hash differs, so that only the redacted event may be used.
    ///
    /// `M_CONNECTION_FAILED` when keys could not be fetched, a temporary failure; `M_INVALID_SIGNATURE` or
    /// `M_BAD_JSON` when the event itself is wrong, a permanent one.
    pub fn verify(&self, event: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<Verified> {
        let mut keys = PublicKeyMap::new();
        for (server, want) in wanted_by(event, rules)? {
            let set = self.keys_of(&server, &want)?;
            keys.insert(server.to_string(), set);
        }
        verify_event(&keys, event, rules).map_err(|error| bad(&error))
    }

    /// A server's wanted keys that are valid.
    pub(super) fn keys_of(&self, server: &OwnedServerName, want: &WantedKeys) -> Result<PublicKeySet> {
        let mut set = PublicKeySet::new();
        if let Some(keys) = self.servers.get(server) {
            let good = want.ids.iter().filter_map(|id| Some((id.clone(), keys.get(id, want.when)?.public.clone())));
            set.extend(good);
        }
        if !set.is_empty() {
            return Ok(set);
        }
        match self.missing.get(server) {
            Some(why) => Err(refuse(Reason::ConnectionFailed, why.clone())),
            None => Err(refuse(
                Reason::InvalidSignature,
                format!("{server} had no key {} that was good then.", want.ids.join(" or ")),
            )),
        }
    }
}

fn unsigned(server: &OwnedServerName) -> Error {
    refuse(Reason::InvalidSignature, format!("{server} has not signed this, and it must have."))
}

fn bad(error: &dyn std::error::Error) -> Error {
    refuse(Reason::InvalidSignature, format!("The signatures are not good: {error}."))
}
