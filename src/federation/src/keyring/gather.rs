//! Obtains keys: from memory, the database, their servers, and notaries, in this order.
//!
//! For very many servers, as for the members of a large room, notaries come before the servers: one request to a
//! notary answers for many.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use futures_util::StreamExt;
pub(super) use hearth_base::limits::federation::KEYS_OF_ALL_WAIT;
use hearth_base::{Error, Result, limits};
use ruma::{OwnedServerName, ServerName};

use super::known::{KeySet, ServerKeys, WantedKeys};
use super::retry::Urgency;
use super::{Keyring, own};

/// The keys wanted from each server.
pub(super) type WantedByServer = BTreeMap<OwnedServerName, Vec<WantedKeys>>;

/// Number of servers that are asked concurrently.
const AT_ONCE: usize = 32;
/// From this number of servers, notaries are asked first.
const MANY: usize = 16;

impl Keyring {
    /// Obtains keys that satisfy the wants, as far as possible.
    pub(super) async fn obtain(&self, wants: WantedByServer, urgency: Urgency) -> KeySet {
        let mut known = KeySet::default();
        let mut wants: Vec<_> = wants.into_iter().collect();
        for (_, wants) in &mut wants {
            wants.sort_unstable();
            wants.dedup();
        }
        self.take(&mut known, &mut wants).await;
        if wants.is_empty() {
            return known;
        }
        let fetching = async {
            let notaries_first = wants.len() >= MANY;
            if notaries_first {
                self.ask_notaries(&mut known, &mut wants).await;
            }
            self.ask_servers(&mut known, &mut wants, urgency).await;
            if !notaries_first {
                self.ask_notaries(&mut known, &mut wants).await;
            }
        };
        if tokio::time::timeout(KEYS_OF_ALL_WAIT, fetching).await.is_err() {
            // Requests that completed before the time limit have stored their keys, so read the database again.
            self.take(&mut known, &mut wants).await;
            let late = |server: &OwnedServerName| format!("{server} took too long to send its keys.");
            for (server, _) in wants {
                known.missing.entry(server).or_insert_with_key(late);
            }
        }
        known
    }

    /// Takes keys from memory and the database, and leaves the unsatisfied wants in `wants`.
    async fn take(&self, known: &mut KeySet, wants: &mut Vec<(OwnedServerName, Vec<WantedKeys>)>) {
        let names: Vec<_> = wants.iter().map(|(server, _)| server.clone()).collect();
        match self.at_hand(names).await {
            Ok(servers) => known.servers.extend(servers),
            Err(error) => tracing::error!(%error, "Failed to read server keys from the database."),
        }
        wants.retain(|(server, wants)| !satisfied(known, server, wants));
    }

    /// The keys of some servers, including this one, in memory and the database.
    async fn at_hand(&self, servers: Vec<OwnedServerName>) -> Result<HashMap<OwnedServerName, Arc<ServerKeys>>> {
        let mut found = HashMap::with_capacity(servers.len());
        let mut unknown = Vec::new();
        for server in servers {
            if *server == *self.core.server_name {
                found.insert(server, Arc::new(own::as_others_see_it(&self.core.key)));
            } else if let Some(keys) = self.known.get(&*server) {
                found.insert(server, keys);
            } else {
                unknown.push(server);
            }
        }
        if !unknown.is_empty() {
            found.extend(self.load(unknown).await?);
        }
        Ok(found)
    }

    async fn ask_servers(
        &self,
        known: &mut KeySet,
        wants: &mut Vec<(OwnedServerName, Vec<WantedKeys>)>,
        urgency: Urgency,
    ) {
        let asked = futures_util::stream::iter(wants.clone().into_iter().map(|(server, wants)| async move {
            let outcome = self.ask_one(&server, &wants, urgency).await;
            (server, outcome)
        }));
        let mut asked = asked.buffer_unordered(AT_ONCE);
        while let Some((server, outcome)) = asked.next().await {
            match outcome {
                Ok(keys) => {
                    known.servers.insert(server, keys);
                }
                Err(error) => {
                    known.missing.insert(server, error.to_string());
                }
            }
        }
        wants.retain(|(server, wants)| !satisfied(known, server, wants));
    }

    /// Fetches the keys of one server, unless a concurrent request has just fetched them.
    async fn ask_one(&self, server: &ServerName, wants: &[WantedKeys], urgency: Urgency) -> Result<Arc<ServerKeys>> {
        self.core.check_talks_to(server)?;
        let _flight = self.flights.take(server.to_owned()).await;
        // The previous holder of the lock may have fetched the keys.
        let at_hand = self.at_hand(vec![server.to_owned()]).await?;
        if let Some(keys) = at_hand.get(server)
            && wants.iter().all(|want| keys.satisfy(want))
        {
            return Ok(Arc::clone(keys));
        }
        self.fetch_in_time(server, urgency).await
    }

    /// Fetches a server's keys, unless its back-off runs. The caller holds the server's lock.
    pub(super) async fn fetch_in_time(&self, server: &ServerName, urgency: Urgency) -> Result<Arc<ServerKeys>> {
        self.attempts.check(server, urgency, self.core.now_ms())?;
        let fetched = self.fetch(server).await;
        match &fetched {
            Ok(_) => self.attempts.went_well(server, urgency, self.core.now_ms()),
            Err(error) => self.attempts.failed(server, error, self.core.now_ms(), self.core.seams.random.chance()),
        }
        fetched
    }

    /// Requests keys of other servers from a server in the room, and adds them to `known`.
    pub(super) async fn ask_room_server(
        &self,
        notary: &ServerName,
        wants: &[(OwnedServerName, Vec<WantedKeys>)],
        known: &mut KeySet,
    ) {
        if self.core.check_talks_to(notary).is_err() {
            return;
        }
        for some in wants.chunks(limits::NOTARY_SERVERS_MAX) {
            match self.notary_documents(notary, some).await {
                // Not stored, because the operator does not trust this server: see `Keyring::gather_via`.
                Ok(documents) => documents.into_iter().for_each(|document| known.add(document.server, document.keys)),
                Err(error) => {
                    tracing::debug!(%notary, %error, "A server in the room could not be asked for keys of others.");
                    return;
                }
            }
        }
    }

    async fn ask_notaries(&self, known: &mut KeySet, wants: &mut Vec<(OwnedServerName, Vec<WantedKeys>)>) {
        for notary in &self.core.config.federation.notaries {
            let Ok(notary) = ServerName::parse(notary.as_str()) else { continue };
            if wants.is_empty() || self.core.check_talks_to(&notary).is_err() {
                continue;
            }
            for some in wants.chunks(limits::NOTARY_SERVERS_MAX) {
                let asked: Result<_, Error> = self.ask_notary(&notary, some).await;
                if let Err(error) = asked {
                    tracing::info!(%notary, %error, "Failed to query a notary.");
                    break;
                }
            }
            self.take(known, wants).await;
        }
    }
}

pub(super) fn satisfied(known: &KeySet, server: &ServerName, wants: &[WantedKeys]) -> bool {
    known.servers.get(server).is_some_and(|keys| wants.iter().all(|want| keys.satisfy(want)))
}
