//! Keys of devices and users of all servers (client-server API, "Key management").

use hearth_base::boxed;
use std::collections::BTreeMap;
use std::time::Duration;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_users::crypto::keys::{Claimed, KeyClaims, KeysQuery, Queried};

use super::Actions;

impl Actions {
    /// Queries keys as the requester may see them. Asks other servers about users unknown here, concurrently and for
    /// at most `wait`.
    ///
    /// `M_INVALID_PARAM` for too many users. Servers that do not answer are listed in `failures`.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn query_keys(&self, who: &Requester, query: KeysQuery, wait: Option<Duration>) -> Result<Queried> {
        let mut queried = self.parts.crypto.query_keys(who, query).await?;
        let elsewhere = std::mem::take(&mut queried.elsewhere);
        queried.join(self.parts.federation.query_remote_keys(who, elsewhere, wait).await);
        Ok(queried)
    }

    /// Claims one one-time key for each device, locally and on other servers, concurrently and for at most `wait`.
    ///
    /// `M_INVALID_PARAM` for too many devices. Servers that do not answer are listed in `failures`.
    ///
    /// Durability: one transaction here. A claimed key that does not reach the client stays used up: a one-time key
    /// must not be handed out twice.
    #[boxed]
    pub async fn claim_keys(&self, claims: KeyClaims, wait: Option<Duration>) -> Result<Claimed> {
        if claims.values().map(BTreeMap::len).sum::<usize>() > limits::KEYS_QUERY_USERS_MAX {
            let message = format!("Claim keys of at most {} devices at a time.", limits::KEYS_QUERY_USERS_MAX);
            return Err(Error::invalid(message));
        }
        let (local, remote): (KeyClaims, KeyClaims) =
            claims.into_iter().partition(|(user, _)| self.core.is_local(user));
        let keys = self.parts.crypto.claim_keys(local).await?;
        let mut claimed = self.parts.federation.claim_remote_keys(remote, wait).await;
        claimed.keys.extend(keys);
        Ok(claimed)
    }
}
