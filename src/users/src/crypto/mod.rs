//! The server's part of end-to-end encryption: it stores public keys, hands out one-time keys, delivers to-device
//! messages, stores encrypted backups, and tracks device lists.
//!
//! It never sees a private key. It checks the form, size and owner of what clients and other servers upload, so that a
//! fault in one client does not affect another. Only clients decide whom to trust.
//!
//! [`remote`] holds the keys of other servers' users; the requests for them are in `federation`.

pub mod announce;
pub mod backup;
pub mod cross_signing;
pub mod dehydrated;
pub mod device_lists;
mod forget;
mod inbox;
pub mod keys;
pub mod remote;
mod signed;
#[cfg(test)]
mod tests;
pub mod to_device;

pub use forget::forget_user;

use std::ops::Deref;
use std::sync::Arc;

use hearth_rooms::RoomCore;

/// Keys, backups and to-device messages.
#[derive(Debug)]
pub struct Crypto {
    core: Arc<RoomCore>,
}

impl Crypto {
    /// Creates the service.
    #[must_use]
    pub fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }
}

/// Keys of local users: the half of `/keys/query` and `/keys/claim` that this server answers by itself. Only the actions
/// of `hearth-domain` hold it.
#[derive(Debug, Clone)]
pub struct LocalKeys(Arc<Crypto>);

impl LocalKeys {
    /// The local half of `whole`.
    #[must_use]
    pub fn of(whole: &Arc<Crypto>) -> Self {
        Self(Arc::clone(whole))
    }
}

impl Deref for LocalKeys {
    type Target = Crypto;

    fn deref(&self) -> &Crypto {
        &self.0
    }
}
