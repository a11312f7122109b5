//! What the relay's threads have in common. Looked at when something is asked for, never per datagram, except for one atomic
//! number per user (bandwidth) and one bit per own port.

pub mod counters;
pub mod external_address;
pub(crate) mod flood;
pub(crate) mod ports;
pub mod users;

use std::sync::Arc;

pub use counters::{Counters, Refusal};
pub use external_address::{ExternalAddress, RelayAddress};
pub use users::{Quota, UserTotals};

use crate::credentials::Authority;
use crate::limits::LIFETIME_MAX_S;
use crate::peers::PeerRules;
use crate::server::Nonces;
use crate::settings::{Entropy, Settings};

/// What a relay may hand out, per user and in all.
#[derive(Debug, Clone)]
pub struct Quotas {
    /// Allocations of one user at a time. A browser takes one for each way it is told of, over IPv4 and IPv6, and while it sets
    /// up a call that for each of sound, pictures and data: 24 for four ways.
    pub allocations_per_user: u32,
    /// Allocations of everybody at a time.
    pub allocations: u32,
    /// Peers that one allocation may have permissions for at a time.
    pub permissions_per_allocation: usize,
    /// Channels of one allocation at a time.
    pub channels_per_allocation: usize,
    /// What all of a user's allocations may relay, both ways together, in bytes per second. 0: no limit.
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

/// Rules and common state of all threads of one relay.
pub struct Shared {
    /// REALM. Short, as it is part of what strangers are answered.
    pub realm: String,
    /// Whom may be sent to.
    pub peers: PeerRules,
    /// How much may be taken.
    pub quotas: Quotas,
    /// Longest lifetime of an allocation, in seconds.
    pub lifetime_max_s: u32,
    /// Who may use the relay.
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
    /// The state of a relay that does not know yet where it is.
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

    /// Says where the relay is now. Returns whether that is news.
    pub fn locate(&self, new: ExternalAddress) -> bool {
        let mut current = self.external_address.write();
        let changed = **current != new;
        if changed {
            *current = Arc::new(new);
        }
        changed
    }

    /// Where the relay is, as far as is known now.
    #[must_use]
    pub fn external_address(&self) -> Arc<ExternalAddress> {
        Arc::clone(&self.external_address.read())
    }
}
