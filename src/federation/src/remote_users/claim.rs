//! `/keys/claim` for devices on other servers.

use hearth_base::boxed;
use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream;
use hearth_base::{Result, limits};
use hearth_users::crypto::keys::{Claimed, ClaimedKeys, KeyClaims};
use ruma::api::federation::keys::claim_keys;
use ruma::encryption::OneTimeKey;
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, OwnedOneTimeKeyId, OwnedServerName, OwnedUserId, ServerName};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::{SERVERS_AT_ONCE_MAX, failure};
use crate::Federation;
use crate::answer_budget::AnswerBudget;

/// The response of a server: by user, device and key id.
#[derive(Deserialize)]
struct ClaimResponse {
    one_time_keys: BTreeMap<OwnedUserId, BTreeMap<OwnedDeviceId, BTreeMap<String, Box<RawValue>>>>,
}

impl Federation {
    /// Claims one one-time key for each remote device; asks all servers concurrently, for at most `wait`. Servers that
    /// do not answer are listed in the failures.
    #[boxed]
    pub async fn claim_remote_keys(&self, claims: KeyClaims, wait: Option<Duration>) -> Claimed {
        let mut claimed = Claimed::default();
        let mut servers: BTreeMap<OwnedServerName, KeyClaims> = BTreeMap::new();
        for (user, devices) in claims {
            servers.entry(user.server_name().to_owned()).or_default().insert(user, devices);
        }
        let budget = &AnswerBudget::keys();
        let asked = stream::iter(servers).map(|(server, claims)| async move {
            (self.claim_of(&server, claims, self.patience(&server, wait), budget).await, server)
        });
        let mut asked = Box::pin(asked.buffer_unordered(SERVERS_AT_ONCE_MAX));
        while let Some((answer, server)) = asked.next().await {
            match answer {
                Ok(keys) => claimed.keys.extend(keys),
                Err(error) => {
                    tracing::debug!(%server, %error, "Failed to claim one-time keys from a server.");
                    claimed.failures.insert(server.to_string(), failure(&error));
                }
            }
        }
        claimed
    }

    async fn claim_of(
        &self,
        server: &ServerName,
        claims: KeyClaims,
        wait: Duration,
        budget: &AnswerBudget,
    ) -> Result<ClaimedKeys> {
        let request = claim_keys::v1::Request::new(claims.clone());
        let ClaimResponse { mut one_time_keys } =
            self.ask_sharing(server, request, wait, limits::CLAIMED_KEYS_BYTES_MAX, budget).await?;
        let mut keys = ClaimedKeys::new();
        for (user, devices) in claims {
            let Some(mut answered) = one_time_keys.remove(&user) else { continue };
            for (device, algorithm) in devices {
                let found = answered.remove(&device).unwrap_or_default().into_iter();
                if let Some((id, key)) = found.filter_map(|(id, key)| one_time_key(&id, key, algorithm.as_ref())).next()
                {
                    keys.entry(user.clone()).or_default().insert(device, BTreeMap::from([(id, key)]));
                }
            }
        }
        Ok(keys)
    }
}

/// A key of the requested algorithm, within the size limit for local keys.
fn one_time_key(id: &str, key: Box<RawValue>, algorithm: &str) -> Option<(OwnedOneTimeKeyId, Raw<OneTimeKey>)> {
    let is_good = key.get().len() <= limits::ONE_TIME_KEY_BYTES_MAX
        && key.get().starts_with(['{', '"'])
        && id.split_once(':').is_some_and(|(of, _)| of == algorithm);
    Some((id.try_into().ok().filter(|_| is_good)?, Raw::from_json(key)))
}
