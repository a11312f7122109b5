//! Keys of devices and users of all servers (client-server API, "Key management").

use std::collections::BTreeMap;
use std::time::Duration;

use hearth_base::{Error, Result, limits};

use super::Actions;
use crate::Requester;
use crate::crypto::keys::{Claimed, KeyClaims, KeysQuery, Queried};

impl Actions {
    /// Looks up keys as the requester may see them; other servers are asked for what is not known here, all at the same time and for
    /// at most `wait`.
    ///
    /// Refuses with `M_INVALID_PARAM` when too many users are asked for. Servers that do not answer are among the failures.
    ///
    /// Durability: reads.
    pub async fn query_keys(&self, who: &Requester, query: KeysQuery, wait: Option<Duration>) -> Result<Queried> {
        let mut queried = self.parts.crypto.query_keys(who, query).await?;
        let elsewhere = std::mem::take(&mut queried.elsewhere);
        queried.join(self.parts.federation.query_remote_keys(who, elsewhere, wait).await);
        Ok(queried)
    }

    /// Takes one key of each device, here and, all at the same time and for at most `wait`, on other servers.
    ///
    /// Refuses with `M_INVALID_PARAM` when too many devices are asked for. Servers that do not answer are among the failures.
    ///
    /// Durability: one transaction here; a key that is taken and does not reach the client is used up, as it must be.
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
