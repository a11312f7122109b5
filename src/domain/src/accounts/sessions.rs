//! Access tokens that were used lately, and who stands behind them: most requests are authenticated without the database.
//!
//! A session is forgotten in the instant in which the change that ends it is committed, never later.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use hearth_base::{Millis, Result};
use hearth_store::WriteTx;
use hearth_store::tables::tokens::TokenHash;
use quick_cache::sync::Cache;

use crate::Requester;

/// Sessions that are remembered.
const SESSIONS_MAX: usize = 4_096;

/// What is remembered of an access token.
#[derive(Debug)]
pub(crate) struct Session {
    pub(crate) requester: Requester,
    /// When the token stops working.
    pub(crate) expires_ms: Option<Millis>,
    /// When its use was last noted for the device's "last seen".
    pub(crate) noted_ms: AtomicU64,
}

/// The sessions that are remembered.
#[derive(Debug)]
pub(crate) struct Sessions {
    cache: Cache<TokenHash, Arc<Session>>,
    /// Grows with every change that ends sessions.
    endings: AtomicU64,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { cache: Cache::new(SESSIONS_MAX), endings: AtomicU64::new(0) }
    }
}

impl Sessions {
    pub(crate) fn get(&self, token: &TokenHash) -> Option<Arc<Session>> {
        self.cache.get(token)
    }

    /// To be asked before the database is read for [`Sessions::keep`].
    pub(crate) fn endings(&self) -> u64 {
        self.endings.load(Ordering::SeqCst)
    }

    /// Remembers a session that was read from the database after `endings` was taken. Whatever ended since may be what was
    /// read, so then nothing stays.
    pub(crate) fn keep(&self, token: TokenHash, session: Arc<Session>, endings: u64) {
        self.cache.insert(token, session);
        if self.endings() != endings {
            self.cache.remove(&token);
        }
    }

    fn forget(&self, tokens: &[TokenHash]) {
        // First the number, then the entries: whoever inserts in between sees the number and takes theirs out.
        self.endings.fetch_add(1, Ordering::SeqCst);
        for token in tokens {
            self.cache.remove(token);
        }
    }

    /// Forgets sessions as soon as the transaction is committed.
    pub(crate) fn forget_after(self: &Arc<Self>, tx: &mut WriteTx<'_>, tokens: Vec<TokenHash>) {
        if tokens.is_empty() {
            return;
        }
        let sessions = Arc::clone(self);
        tx.after_commit(move || sessions.forget(&tokens));
    }

    /// Forgets all sessions of a user's devices once the transaction is committed: the next requests read anew what the
    /// user may do.
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
