//! Requests keys from their server, or those of other servers from a notary (server-server API, "Retrieving server
//! keys").

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use hearth_base::limits::federation::KEYS_NOTARY_WAIT;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::ports::Call;
use ruma::{CanonicalJsonObject, OwnedServerName, ServerName};
use serde::Deserialize;

use super::Keyring;
use super::document::{self, Document};
use super::known::{ServerKeys, SignedAt, WantedKeys};
use crate::request;

/// Time limit for resolving a server and receiving its keys.
const WAIT: Duration = Duration::from_secs(20);

/// A notary's response.
#[derive(Deserialize)]
struct Answered {
    #[serde(default)]
    server_keys: Vec<CanonicalJsonObject>,
}

impl Keyring {
    /// Fetches a server's key document from the server itself and stores it.
    pub(super) async fn fetch(&self, server: &ServerName) -> Result<Arc<ServerKeys>> {
        let call = Call {
            to: server.to_owned(),
            method: "GET".to_owned(),
            target: "/_matrix/key/v2/server".to_owned(),
            authorization: None,
            body: Bytes::new(),
            wait: WAIT,
        };
        let bytes = self.answer_to(call, limits::KEY_DOCUMENT_BYTES_MAX).await?;
        let object = serde_json::from_slice(&bytes)
            .map_err(|error| Error::bad_json(format!("{server} sent no list of keys: {error}.")))?;
        let document = document::check(object, self.core.now_ms())?;
        if *document.server != *server {
            return Err(Error::bad_json(format!("{server} sent the list of keys of {}.", document.server)));
        }
        let kept = self.keep(vec![document], true).await?;
        kept.into_iter().next().map(|(_, keys)| keys).ok_or_else(|| Error::broken("a list of keys was not kept"))
    }

    /// Fetches key documents of other servers from a notary, and stores the requested ones that are valid. TLS
    /// authenticates the notary, so its signature is not checked: it would prove the same.
    pub(super) async fn ask_notary(
        &self,
        notary: &ServerName,
        wants: &[(OwnedServerName, Vec<WantedKeys>)],
    ) -> Result<()> {
        let documents = self.notary_documents(notary, wants).await?;
        self.keep(documents, false).await.map(drop)
    }

    /// The valid key documents in a notary's response that were requested.
    pub(super) async fn notary_documents(
        &self,
        notary: &ServerName,
        wants: &[(OwnedServerName, Vec<WantedKeys>)],
    ) -> Result<Vec<Document>> {
        let server_keys: BTreeMap<_, _> = wants.iter().map(|(server, wants)| (server, criteria(wants))).collect();
        let body = serde_json::to_vec(&serde_json::json!({ "server_keys": server_keys }));
        let call = Call {
            to: notary.to_owned(),
            method: "POST".to_owned(),
            target: "/_matrix/key/v2/query".to_owned(),
            authorization: None,
            body: body.map_err(|error| Error::fault("writing a question to a notary", error))?.into(),
            wait: KEYS_NOTARY_WAIT,
        };
        let bytes = self.answer_to(call, limits::KEY_DOCUMENT_BYTES_MAX * limits::NOTARY_SERVERS_MAX).await?;
        let answered: Answered = serde_json::from_slice(&bytes)
            .map_err(|error| Error::bad_json(format!("{notary} sent no lists of keys: {error}.")))?;
        let now_ms = self.core.now_ms();
        let good = answered.server_keys.into_iter().filter_map(|object| document::check(object, now_ms).ok());
        let asked_for = good.filter(|document| wants.iter().any(|(server, _)| *server == document.server));
        Ok(asked_for.collect())
    }

    async fn answer_to(&self, call: Call, bytes_max: usize) -> Result<Bytes> {
        let (server, wait) = (call.to.clone(), call.wait);
        let asked = async {
            let answer = self.network.call(call).await?;
            if answer.status != 200 {
                let why = format!("{server} answered {} when it was asked for keys.", answer.status);
                return Err(refuse(Reason::ConnectionFailed, why));
            }
            request::whole(answer, bytes_max).await
        };
        let late = |_| refuse(Reason::ConnectionFailed, format!("{server} took too long to send keys."));
        tokio::time::timeout(wait, asked).await.map_err(late)?
    }
}

/// The requested key ids, with the time up to which each must be valid.
fn criteria(wants: &[WantedKeys]) -> BTreeMap<&str, serde_json::Value> {
    let mut criteria = BTreeMap::new();
    for want in wants {
        for id in &want.ids {
            let at_ms = match want.when {
                SignedAt::At(at_ms) => serde_json::json!({ "minimum_valid_until_ts": at_ms }),
                SignedAt::Ever => serde_json::json!({}),
            };
            // The wants are ordered by time, so the latest one stays.
            criteria.insert(id.as_str(), at_ms);
        }
    }
    criteria
}
