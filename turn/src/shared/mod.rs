//! State that all relay threads share. Read per request. The data path touches only one atomic per user
//! (bandwidth) and one bit per own port.

pub mod counters;
pub mod external_address;
pub(crate) mod ports;
pub(crate) mod rate_limit;
pub mod users;

use std::sync::Arc;

pub use counters::{Counters, Refusal};
pub use external_address::{ExternalAddress, RelayAddress};
pub use users::{QuotaExceeded, UserTotals};

use crate::credentials::Authority;
use crate::limits::LIFETIME_MAX_S;
use crate::peers::PeerRules;
use crate::server::Nonces;
use crate::settings::{Entropy, Settings};

/// Limits per user and in total.
#[derive(Debug, Clone)]
pub struct Quotas {
    /// Allocations of one user at a time. A browser opens one per server URI, over IPv4 and IPv6, and during
    /// call setup for audio, video and data each: 24 with four URIs.
    pub allocations_per_user: u32,
    /// Allocations of all users at a time.
    pub allocations: u32,
    /// Permissions of one allocation at a time.
    pub permissions_per_allocation: usize,
    /// Channels of one allocation at a time.
    pub channels_per_allocation: usize,
    /// Bandwidth of one user, over all allocations and both directions, in bytes per second. 0: no limit.
    pub bytes_per_s_per_user: u64,
}

impl Default for Quotas {
    fn default() -> Self {
        Self {
            allocations_per_user: 40,
            allocations: 300,
            permissions_per_allocation: 128,
            channels_per_allocation: 64,
            bytes_per_s_per_user: 5_000_000,
        }
    }
}

/// Configuration and state that all threads of one relay share.
pub struct Shared {
    /// The REALM, part of every challenge. Short because of the amplification limit.
    pub realm: String,
    /// The rules for peer addresses.
    pub peers: PeerRules,
    /// The limits per user and in total.
    pub quotas: Quotas,
    /// Longest lifetime that one Allocate or Refresh grants, in seconds.
    pub lifetime_max_s: u32,
    /// The embedding program's view of credentials.
    pub authority: Arc<dyn Authority>,
    pub(crate) nonces: Nonces,
    pub(crate) users: users::Users,
    pub(crate) ports: ports::OpenPorts,
    pub(crate) external_address: parking_lot::RwLock<Arc<ExternalAddress>>,
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("realm", &self.realm).field("quotas", &self.quotas).finish_non_exhaustive()
    }
}

impl Shared {
    /// State without an external address. Allocate fails until a discovery has set one.
    #[must_use]
    pub fn new(settings: &Settings, authority: Arc<dyn Authority>, entropy: &Entropy) -> Self {
        let mut key = [0; 32];
        entropy(&mut key);
        Self {
            realm: settings.realm.clone(),
            peers: settings.peers.clone(),
            quotas: settings.quotas.clone(),
            lifetime_max_s: settings.lifetime_max_s.min(LIFETIME_MAX_S),
            authority,
            nonces: Nonces::new(key),
            users: users::Users::default(),
            ports: ports::OpenPorts::new(),
            external_address: parking_lot::RwLock::default(),
        }
    }

    /// Sets the external address. Returns whether it has changed.
    pub fn set_external_address(&self, new: ExternalAddress) -> bool {
        let mut current = self.external_address.write();
        let changed = **current != new;
        if changed {
            *current = Arc::new(new);
        }
        changed
    }

    /// The current external address.
    #[must_use]
    pub fn external_address(&self) -> Arc<ExternalAddress> {
        Arc::clone(&self.external_address.read())
    }
}
