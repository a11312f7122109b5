//! Notary for the keys of other servers (server-server API, "Querying keys through another server").
//!
//! The endpoint is unauthenticated, so its cost is bounded: it returns stored documents, and only a few servers are
//! fetched concurrently.

use hearth_base::boxed;
use std::collections::BTreeMap;

use futures_util::StreamExt;
use hearth_base::{Error, Millis, Reason, Result, error::refuse, limits};
use hearth_store::tables::server_keys::{self, DocumentRow};
use ruma::signatures::sign_json;
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use serde_json::value::RawValue;

use super::Keyring;
use super::retry::Urgency;

/// A notary query for one server. Keys that cannot be obtained are left out: the client checks the result.
#[derive(Debug, Clone, Default)]
pub struct NotaryQuery {
    /// Key ids that the document must list, with their algorithm.
    pub ids: Vec<String>,
    /// Minimum `valid_until_ts` of the document, in milliseconds; 0 for any.
    pub valid_until_ms: Millis,
}

impl Keyring {
    /// The key documents of some servers, each with its server's signature and this server's. An unreachable server is
    /// answered with its last known document, or left out.
    #[boxed]
    pub async fn vouch(&self, wanted: BTreeMap<OwnedServerName, NotaryQuery>) -> Result<Vec<Box<RawValue>>> {
        if wanted.len() > limits::NOTARY_SERVERS_MAX {
            let most = limits::NOTARY_SERVERS_MAX;
            return Err(refuse(Reason::TooLarge, format!("Ask for the keys of at most {most} servers at once.")));
        }
        let lists = futures_util::stream::iter(wanted).map(|(server, criteria)| self.vouch_for(server, criteria));
        let lists: Vec<Result<Option<Box<RawValue>>>> = lists.buffered(4).collect().await;
        lists.into_iter().filter_map(Result::transpose).collect()
    }

    async fn vouch_for(&self, server: OwnedServerName, criteria: NotaryQuery) -> Result<Option<Box<RawValue>>> {
        if *server == *self.core.server_name {
            let own = self.own_document()?;
            return RawValue::from_string(own.get().to_owned())
                .map(Some)
                .map_err(|error| Error::fault("copying", error));
        }
        let mut list = self.document_of(&server).await?;
        if !list.as_ref().is_some_and(|list| suffices(list, &criteria)) {
            // A request that waits here holds up to four of the asker's permits; the asker's timeout ends it.
            let _turn =
                self.notary_fetches.acquire().await.map_err(|error| Error::fault("waiting for a turn", error))?;
            if let Err(error) = self.refresh(&server).await {
                tracing::debug!(%server, %error, "Notary request for keys that cannot be fetched.");
            }
            list = self.document_of(&server).await?;
        }
        list.map(|list| self.countersign(&list)).transpose()
    }

    /// Fetches a server's document again, unless its back-off runs.
    async fn refresh(&self, server: &ServerName) -> Result<()> {
        self.core.check_talks_to(server)?;
        let _flight = self.flights.take(server.to_owned()).await;
        self.fetch_in_time(server, Urgency::Notary).await.map(drop)
    }

    async fn document_of(&self, server: &ServerName) -> Result<Option<DocumentRow>> {
        let server = server.to_owned();
        self.core.store.read("server_keys_document", move |tx| server_keys::document(tx.tx(), server.as_str())).await
    }

    fn countersign(&self, list: &DocumentRow) -> Result<Box<RawValue>> {
        let signing = "signing another server's list of keys";
        let mut object: CanonicalJsonObject =
            serde_json::from_str(&list.json).map_err(|error| Error::fault(signing, error))?;
        sign_json(self.core.server_name.as_str(), self.core.key.pair(), &mut object)
            .map_err(|error| Error::fault(signing, error))?;
        serde_json::value::to_raw_value(&object).map_err(|error| Error::fault(signing, error))
    }
}

/// Whether a document satisfies the query.
fn suffices(list: &DocumentRow, criteria: &NotaryQuery) -> bool {
    if list.valid_until_ms < criteria.valid_until_ms {
        return false;
    }
    let object: serde_json::Value = serde_json::from_str(&list.json).unwrap_or_default();
    let has = |id: &String| ["verify_keys", "old_verify_keys"].iter().any(|field| object[field].get(id).is_some());
    criteria.ids.iter().all(has)
}
