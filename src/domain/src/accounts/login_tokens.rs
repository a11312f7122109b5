//! Login tokens: short-lived, single-use proofs that log in another device of the same user. In memory: they live for
//! minutes, and a restart may well end them.

use std::collections::HashMap;

use hearth_base::{Millis, Reason, Result, error::refuse};
use hearth_store::ids::UserSn;
use hearth_store::tables::tokens::TokenHash;
use parking_lot::Mutex;

use super::{Accounts, tokens};
use crate::{Core, Requester};

/// Login tokens that can be open at a time, of all users together.
const OPEN_MAX: usize = 10_000;

/// The open login tokens.
#[derive(Debug, Default)]
pub(crate) struct LoginTokens(Mutex<HashMap<TokenHash, (UserSn, Millis)>>);

impl LoginTokens {
    /// Whose token it is; afterwards it is nobody's.
    pub(crate) fn take(&self, core: &Core, token: &str) -> Option<UserSn> {
        let (user, expires_ms) = self.0.lock().remove(&tokens::hash(token)?)?;
        (core.now_ms() < expires_ms).then_some(user)
    }

    fn put(&self, token: TokenHash, user: UserSn, now_ms: Millis, expires_ms: Millis) -> Result<()> {
        let mut open = self.0.lock();
        if open.len() >= OPEN_MAX {
            open.retain(|_, (_, expires_ms)| *expires_ms > now_ms);
        }
        if open.len() >= OPEN_MAX {
            let message = "Too many log-ins are under way: try again in a minute.";
            return Err(refuse(Reason::LimitExceeded { retry_after_ms: 60_000 }, message));
        }
        open.insert(token, (user, expires_ms));
        Ok(())
    }
}

impl Accounts {
    /// A login token for another device of the asking user, and how long it works in milliseconds.
    pub fn make_login_token(&self, requester: &Requester) -> Result<(String, u64)> {
        let (token, lifetime_ms) = (tokens::login(&self.core), self.core.config.tokens.login_token_lifetime_ms);
        let now_ms = self.core.now_ms();
        if let Some(hash) = tokens::hash(&token) {
            self.login_tokens.put(hash, requester.user, now_ms, now_ms + lifetime_ms)?;
        }
        Ok((token, lifetime_ms))
    }

    /// Forgets the login tokens of a user whose account was closed or secured anew.
    pub(super) fn revoke_login_tokens(&self, user: UserSn) {
        self.login_tokens.0.lock().retain(|_, (owner, _)| *owner != user);
    }
}
