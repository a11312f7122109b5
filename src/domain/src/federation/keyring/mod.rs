//! The keys with which servers sign: those of others, fetched, checked, kept and relied on for as long as they may be; and this
//! server's own, as others see them.
//!
//! Not here: making and replacing the own key (`crate::keys`), and what is done with a signature that is good.

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

use std::sync::Arc;

use hearth_base::Result;
use parking_lot::Mutex;
use quick_cache::sync::Cache;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{PublicKeyMap, Verified};
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use tokio::sync::Semaphore;

use crate::core::Core;
use crate::ports::Network;
use crate::turns::KeyedLocks;
use known::{ServerKeys, SignedAt, WantedKeys};
use retry::{Attempts, Urgency};

/// Servers whose keys are held in memory.
const SERVERS_IN_MEMORY_MAX: usize = 4_096;
/// Servers whose keys are asked for at the same time because others ask this server as a notary.
const NOTARY_FETCHES_MAX: usize = 8;

/// Keys of servers.
#[derive(Debug)]
pub struct Keyring {
    core: Arc<Core>,
    network: Arc<dyn Network>,
    /// What the database has, and nothing else.
    known: Cache<OwnedServerName, Arc<ServerKeys>>,
    attempts: Attempts,
    flights: KeyedLocks<OwnedServerName>,
    notary_fetches: Semaphore,
    own: Mutex<Option<own::PublishedKeys>>,
}

impl Keyring {
    /// On the foundation; `network` leads to the servers whose keys are wanted.
    pub(super) fn new(core: Arc<Core>, network: Arc<dyn Network>) -> Self {
        Self {
            core,
            network,
            known: Cache::new(SERVERS_IN_MEMORY_MAX),
            attempts: Attempts::default(),
            flights: KeyedLocks::default(),
            notary_fetches: Semaphore::new(NOTARY_FETCHES_MAX),
            own: Mutex::default(),
        }
    }

    /// The key with which a server has just signed a request (`key_id` with its algorithm), for ruma to check the request with.
    ///
    /// Refuses when the server does not have such a key now, or cannot be asked.
    pub async fn request_keys(&self, origin: &ServerName, key_id: &str) -> Result<PublicKeyMap> {
        let want = WantedKeys { ids: vec![key_id.to_owned()], when: SignedAt::At(self.core.now_ms()) };
        let wants = [(origin.to_owned(), vec![want.clone()])].into();
        let known = self.obtain(wants, Urgency::Present).await;
        let set = known.keys_of(&origin.to_owned(), &want)?;
        Ok([(origin.to_string(), set)].into())
    }

    /// Checks the signatures and the content hash of one event; see [`Known::verify`].
    pub async fn verify_event(&self, event: &CanonicalJsonObject, rules: &RoomVersionRules) -> Result<Verified> {
        let wants = known::wanted_by(event, rules)?.into_iter().map(|(server, want)| (server, vec![want]));
        self.obtain(wants.collect(), Urgency::Present).await.verify(event, rules)
    }

    /// Gathers the keys that some events are to be checked with, from memory, the database and the network: many servers at
    /// the same time, and no longer than [`obtain::ALL_WAIT`] in all. What cannot be had is said when an event is checked
    /// that needs it. Events that are malformed ask for nothing.
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

    /// As [`Self::gather`]; keys that neither their servers nor the operator's notaries give are asked of `notaries`, which are
    /// servers in the room: a room outlives the servers that made it.
    ///
    /// What these say counts for these events alone and is not kept. The operator does not trust them, and a key that one of
    /// them made up must not speak for a server elsewhere.
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

    /// Forgets that a server did not answer: before an operator's "try again now".
    pub fn forget_failures(&self, server: &ServerName) {
        self.attempts.forget(server);
    }
}
