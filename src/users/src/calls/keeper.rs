//! The secret of the built-in relay. It is derived from the server's signing key and the time, so it is never stored,
//! rotates by itself, and survives a restart. One period is the lifetime of credentials: those of the previous period
//! are still valid.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_rooms::RoomCore;
use hearth_turn::Authority;
use parking_lot::RwLock;

/// Validates credentials for the built-in relay.
pub(super) struct Keeper {
    core: Arc<RoomCore>,
    /// Users whose access is revoked although their credentials may still be valid: users seen on the relay, or whose
    /// account status changed.
    revoked: RwLock<HashSet<String>>,
}

impl Keeper {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core, revoked: RwLock::default() }
    }

    fn period(&self) -> u64 {
        self.core.now_ms() / self.core.config.turn.credential_lifetime_ms.max(1)
    }

    fn of_period(&self, period: u64) -> [u8; 32] {
        self.core.key.derive(&format!("relay, period {period}"))
    }

    /// The secret for new credentials.
    pub(super) fn secret(&self) -> [u8; 32] {
        self.of_period(self.period())
    }

    /// Revokes a user's access, or restores it. Returns whether this call revoked it.
    pub(super) fn revoke(&self, user: &str, revoked: bool) -> bool {
        let mut all = self.revoked.write();
        if revoked {
            return all.insert(user.to_owned());
        }
        all.remove(user);
        false
    }

    /// The users whose access is revoked.
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
