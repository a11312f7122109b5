//! A cache of recently used access tokens, so that most requests are authenticated without the database.
//!
//! A session leaves the cache in the commit of the change that ends it, never later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_base::limits::users::SESSIONS_CACHED_MAX;
use hearth_base::{Millis, Result};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::tables::tokens::TokenHash;
use quick_cache::sync::Cache;

/// A cached access token.
#[derive(Debug)]
pub(super) struct Session {
    pub requester: Requester,
    /// When the token expires.
    pub expires_ms: Option<Millis>,
    /// When its use was last recorded for the device's last-seen time.
    pub(crate) noted_ms: AtomicU64,
}

/// The cache.
#[derive(Debug)]
pub(crate) struct Sessions {
    cache: Cache<TokenHash, Arc<Session>>,
    /// Incremented by each change that ends sessions.
    endings: AtomicU64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { cache: Cache::new(SESSIONS_CACHED_MAX), endings: AtomicU64::new(0) }
    }
}

impl Sessions {
    pub(super) fn get(&self, token: &TokenHash) -> Option<Arc<Session>> {
        self.cache.get(token)
    }

    /// Read this before the database read whose result goes to [`Sessions::keep`].
    pub(super) fn endings(&self) -> u64 {
        self.endings.load(Ordering::SeqCst)
    }

    /// Caches a session that was read from the database after `endings` was read. If any session ended since, this one
    /// may be stale, so it is not cached.
    pub(super) fn keep(&self, token: TokenHash, session: Arc<Session>, endings: u64) {
        // Insert first, then compare: the counterpart of the order in `forget`.
        self.cache.insert(token, session);
        if self.endings() != endings {
            self.cache.remove(&token);
        }
    }

    fn forget(&self, tokens: &[TokenHash]) {
        // Increment first, then remove: a concurrent insert either sees the new number and gives up, or is removed
        // here.
        self.endings.fetch_add(1, Ordering::SeqCst);
        for token in tokens {
            self.cache.remove(token);
        }
    }

    /// Removes sessions from the cache when the transaction commits.
    pub(crate) fn forget_after(self: &Arc<Self>, tx: &mut WriteTx<'_>, tokens: Vec<TokenHash>) {
        if tokens.is_empty() {
            return;
        }
        let sessions = Arc::clone(self);
        tx.after_commit(move || sessions.forget(&tokens));
    }

    /// Removes all sessions of a user when the transaction commits: the next requests read the account status again.
    pub(crate) fn reread_after(self: &Arc<Self>, tx: &mut WriteTx<'_>, user: hearth_store::ids::UserSn) -> Result<()> {
        let mut all = Vec::new();
        for device in hearth_store::tables::devices::of_user(tx.tx(), user)? {
            all.extend(hearth_store::tables::tokens::of_device(tx.tx(), device.sn)?);
        }
        self.forget_after(tx, all);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use hearth_store::ids::{DeviceSn, UserSn};

    use super::*;

    fn session() -> Arc<Session> {
        let requester = Requester {
            user: UserSn(1),
            user_id: "@a:b".try_into().unwrap(),
            device: DeviceSn(2),
            device_id: "D".into(),
            admin: false,
            guest: false,
            locked: false,
            suspended: false,
            appservice: None,
        };
        Arc::new(Session { requester, expires_ms: None, noted_ms: AtomicU64::new(0) })
    }

    #[test]
    fn what_ends_while_it_is_read_is_not_kept() {
        let sessions = Sessions::default();
        let before = sessions.endings();
        sessions.forget(&[[7; 32]]);
        sessions.keep([7; 32], session(), before);
        assert!(sessions.get(&[7; 32]).is_none());
        sessions.keep([7; 32], session(), sessions.endings());
        assert!(sessions.get(&[7; 32]).is_some());
        sessions.forget(&[[7; 32]]);
        assert!(sessions.get(&[7; 32]).is_none());
    }
}
