//! Signing keys of servers: those of others, fetched, checked, stored and used while valid; and this server's
//! published keys.
//!
//! Not here: creating and rotating this server's signing key (`hearth_core::keys`), and decisions that follow from a valid
//! signature.

mod document;
mod fetch;
mod gather;
mod known;
mod notary;
mod own;
mod persist;
mod retry;
#[cfg(test)]
mod tests;

pub use known::KeySet;
pub use notary::NotaryQuery;

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::federation::{KEYS_SERVERS_IN_MEMORY_MAX, NOTARY_FETCHES_MAX};
use hearth_core::ports::Network;
use hearth_core::turns::KeyedLocks;
use hearth_rooms::RoomCore;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{PublicKeyMap, Verified};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use tokio::sync::Semaphore;

use known::{ServerKeys, SignedAt, WantedKeys};
use retry::{Attempts, Urgency};

/// Key cache, fetching and notary.
#[derive(Debug)]
pub struct Keyring {
    core: Arc<RoomCore>,
    network: Arc<dyn Network>,
    /// Cache of the database rows; holds nothing that the database does not.
    known: Cache<OwnedServerName, Arc<ServerKeys>>,
    attempts: Attempts,
    flights: KeyedLocks<OwnedServerName>,
    notary_fetches: Semaphore,
    own: Mutex<Option<own::PublishedKeys>>,
}

impl Keyring {
    /// Creates the keyring; `network` reaches the servers whose keys are fetched.
    pub(super) fn new(core: Arc<RoomCore>, network: Arc<dyn Network>) -> Self {
        Self {
            core,
            network,
            known: Cache::new(KEYS_SERVERS_IN_MEMORY_MAX),
            attempts: Attempts::default(),
            flights: KeyedLocks::default(),
            notary_fetches: Semaphore::new(NOTARY_FETCHES_MAX),
            own: Mutex::default(),
        }
    }

    /// The key of a server's request signature (`key_id` with its algorithm), for ruma's check of the request.
    ///
    /// Refuses when the server has no such current key, or cannot be reached.
    #[boxed]
    pub async fn request_keys(&self, origin: &ServerName, key_id: &str) -> Result<PublicKeyMap> {
        let want = WantedKeys { ids: vec![key_id.to_owned()], when: SignedAt::At(self.core.now_ms()) };
        let wants = [(origin.to_owned(), vec![want.clone()])].into();
        let known = self.obtain(wants, Urgency::Present).await;
        let set = known.keys_of(&origin.to_owned(), &want)?;
        Ok([(origin.to_string(), set)].into())
    }

    /// Checks the signatures and the content hash of one event; see [`KeySet::verify`].
    #[boxed]
    pub async fn verify_event(&self, event: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<Verified> {
        let wants = known::wanted_by(event, rules)?.into_iter().map(|(server, want)| (server, vec![want]));
        self.obtain(wants.collect(), Urgency::Present).await.verify(event, rules)
    }

    /// Obtains the keys for checking some events from memory, the database and the network: many servers concurrently,
    /// within `KEYS_OF_ALL_WAIT` in all. A missing key is reported by the check of the event that needs it.
    /// Malformed events request nothing.
    pub async fn gather<'a>(
        &self,
        events: impl IntoIterator<Item = &'a CanonicalJsonObject>,
        rules: &RoomVersionRules,
    ) -> KeySet {
        let mut wants = gather::WantedByServer::new();
        for (server, want) in events.into_iter().filter_map(|event| known::wanted_by(event, rules).ok()).flatten() {
            wants.entry(server).or_default().push(want);
        }
        self.obtain(wants, Urgency::Absent).await
    }

    /// Same as [`Self::gather`]; keys that neither their servers nor the configured notaries return are requested from
    /// `notaries`, which are servers in the room: a room outlives the servers that created it.
    ///
    /// Their keys count for these events only and are not stored. The operator does not trust these servers, and a key
    /// that one of them forged must not be valid elsewhere.
    pub async fn gather_via<'a>(
        &self,
        events: impl IntoIterator<Item = &'a CanonicalJsonObject>,
        rules: &RoomVersionRules,
        notaries: &[OwnedServerName],
    ) -> KeySet {
        let mut wants = gather::WantedByServer::new();
        for (server, want) in events.into_iter().filter_map(|event| known::wanted_by(event, rules).ok()).flatten() {
            wants.entry(server).or_default().push(want);
        }
        let mut known = self.obtain(wants.clone(), Urgency::Absent).await;
        let mut missing: Vec<_> = wants.into_iter().collect();
        missing.iter_mut().for_each(|(_, wants)| wants.sort_unstable());
        for notary in notaries {
            missing.retain(|(server, wants)| !gather::satisfied(&known, server, wants));
            if missing.is_empty() {
                break;
            }
            self.ask_room_server(notary, &missing, &mut known).await;
        }
        known
    }

    /// Resets the key back-off of a server, for an operator's "retry now".
    pub fn forget_failures(&self, server: &ServerName) {
        self.attempts.forget(server);
    }
}
