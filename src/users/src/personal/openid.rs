//! OpenID tokens (client-server API, "OpenID"): a user proves their identity to a third-party service, which asks this
//! server for the token's user. The token gives no access to the account.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::tables::{accounts, openid as table, users};
use ruma::{OwnedUserId, UserId};
use sha2::{Digest, Sha256};

/// Prefix of the tokens, so that secret scanners recognise a leaked one.
const PREFIX: &str = "heo_";
/// Random characters of a token: 238 bits.
const RANDOM_CHARS: usize = 40;

/// The OpenID use cases.
#[derive(Debug)]
pub struct OpenIdToken {
    core: Arc<RoomCore>,
}

impl OpenIdToken {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }

    /// Issues a token for the requester, valid for [`limits::OPENID_TOKEN_MS_MAX`] milliseconds.
    ///
    /// Refuses with `M_FORBIDDEN` tokens for other users, `M_LIMIT_EXCEEDED` more than
    /// [`limits::OPENID_TOKENS_PER_USER_MAX`].
    #[boxed]
    pub async fn issue(&self, who: &Requester, user_id: &UserId) -> Result<String> {
        who.must_be(user_id)?;
        let token = format!("{PREFIX}{}", self.core.seams.random.alphanumeric(RANDOM_CHARS));
        let (hash, user, now_ms) = (hash(&token), who.user, self.core.now_ms());
        let write = move |tx: &mut WriteTx<'_>| {
            // Expired tokens must not count towards the limit.
            table::purge(tx.tx(), user, now_ms)?;
            if table::count(tx.tx(), user)? >= limits::OPENID_TOKENS_PER_USER_MAX {
                let reason = Reason::LimitExceeded { retry_after_ms: limits::OPENID_TOKEN_MS_MAX };
                return Err(refuse(reason, "You have too many OpenID tokens; use one that you have, or wait."));
            }
            table::insert(tx.tx(), &hash, user, now_ms.saturating_add(limits::OPENID_TOKEN_MS_MAX))
        };
        self.core.store.write("openid_issue", write).await?;
        Ok(token)
    }

    /// The user of a token; `None` if it is unknown or expired, or the account is deactivated.
    #[boxed]
    pub async fn whose(&self, token: &str) -> Result<Option<OwnedUserId>> {
        let (hash, now_ms) = (hash(token), self.core.now_ms());
        let read = self.core.store.read("openid_find", move |tx| {
            let Some(user) = table::find(tx.tx(), &hash, now_ms)? else { return Ok(None) };
            let open = accounts::get(tx.tx(), user)?.is_some_and(|account| account.deactivated_ms.is_none());
            if open { users::name(tx.tx(), user) } else { Ok(None) }
        });
        let name = read.await?.map(UserId::parse).transpose();
        name.map_err(|error| Error::fault("reading a stored user id", error))
    }
}

fn hash(token: &str) -> [u8; 32] {
    Sha256::digest(token.as_bytes()).into()
}
