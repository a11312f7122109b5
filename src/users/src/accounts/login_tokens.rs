//! Login tokens: short-lived, single-use tokens that log in another device of the same user. They live in memory only:
//! they expire within minutes, so losing them on restart is acceptable.

use std::collections::HashMap;

use hearth_base::limits::users::LOGIN_TOKENS_OPEN_MAX;
use hearth_base::{Millis, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::ids::UserSn;
use hearth_store::tables::tokens::TokenHash;
use parking_lot::Mutex;

use super::{Accounts, tokens};

/// The open login tokens.
#[derive(Debug, Default)]
pub(crate) struct LoginTokens(Mutex<HashMap<TokenHash, (UserSn, Millis)>>);

impl LoginTokens {
    /// Consumes a token and returns its user, if the token exists and has not expired.
    pub(super) fn take(&self, core: &RoomCore, token: &str) -> Option<UserSn> {
        let (user, expires_ms) = self.0.lock().remove(&tokens::hash(token)?)?;
        (core.now_ms() < expires_ms).then_some(user)
    }

    fn put(&self, token: TokenHash, user: UserSn, now_ms: Millis, expires_ms: Millis) -> Result<()> {
        let mut open = self.0.lock();
        if open.len() >= LOGIN_TOKENS_OPEN_MAX {
            // Remove expired tokens only when the table is full; `take` checks the expiry in any case.
            open.retain(|_, (_, expires_ms)| *expires_ms > now_ms);
        }
        if open.len() >= LOGIN_TOKENS_OPEN_MAX {
            let message = "Too many log-ins are under way: try again in a minute.";
            return Err(refuse(Reason::LimitExceeded { retry_after_ms: 60_000 }, message));
        }
        open.insert(token, (user, expires_ms));
        Ok(())
    }
}

impl Accounts {
    /// Creates a login token for another device of the requester. Returns it with its lifetime in milliseconds.
    pub fn make_login_token(&self, requester: &Requester) -> Result<(String, u64)> {
        let (token, lifetime_ms) = (tokens::login(&self.core), self.core.config.tokens.login_token_lifetime_ms);
        let now_ms = self.core.now_ms();
        if let Some(hash) = tokens::hash(&token) {
            self.login_tokens.put(hash, requester.user, now_ms, now_ms + lifetime_ms)?;
        }
        Ok((token, lifetime_ms))
    }

    /// Revokes the login tokens of a user whose account was deactivated, or whose other devices were logged out by a
    /// new password.
    pub(super) fn revoke_login_tokens(&self, user: UserSn) {
        self.login_tokens.0.lock().retain(|_, (owner, _)| *owner != user);
    }
}
