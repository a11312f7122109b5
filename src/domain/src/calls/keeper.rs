//! The secret of our own relay. It is nowhere written down: it follows from the server's signing key and the time, changes by
//! itself, and survives a restart. One period is as long as credentials work, so that those made in the period before
//! are still good.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_turn::Authority;
use parking_lot::RwLock;

use crate::core::Core;

/// Says which credentials our relay believes.
pub(super) struct Keeper {
    core: Arc<Core>,
    /// Who may no longer use it, whatever they still have: of users who were seen using it, or whose standing changed.
    revoked: RwLock<HashSet<String>>,
}

impl Keeper {
    pub(super) fn new(core: Arc<Core>) -> Self {
        Self { core, revoked: RwLock::default() }
    }

    fn period(&self) -> u64 {
        self.core.now_ms() / self.core.config.turn.credential_lifetime_ms.max(1)
    }

    fn of_period(&self, period: u64) -> [u8; 32] {
        self.core.key.derive(&format!("relay, period {period}"))
    }

    /// What new credentials are made with.
    pub(super) fn secret(&self) -> [u8; 32] {
        self.of_period(self.period())
    }

    /// Takes the relay from a user, or gives it back. Returns whether it was just taken.
    pub(super) fn revoke(&self, user: &str, revoked: bool) -> bool {
        let mut all = self.revoked.write();
        if revoked {
            return all.insert(user.to_owned());
        }
        all.remove(user);
        false
    }

    /// From whom it was taken.
    pub(super) fn revoked(&self) -> Vec<String> {
        self.revoked.read().iter().cloned().collect()
    }
}

impl std::fmt::Debug for Keeper {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keeper")
    }
}

impl Authority for Keeper {
    fn now_unix_s(&self) -> u64 {
        self.core.now_ms() / 1_000
    }

    fn secrets(&self) -> Vec<Arc<[u8]>> {
        let now = self.period();
        let before = now.checked_sub(1);
        [Some(now), before].into_iter().flatten().map(|period| Arc::from(&self.of_period(period)[..])).collect()
    }

    fn is_revoked(&self, user: &str) -> bool {
        self.revoked.read().contains(user)
    }
}
