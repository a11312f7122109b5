//! End-to-end encryption, as far as a server has a part in it: it keeps public keys, hands out one-time keys, carries
//! messages between devices, stores encrypted backups, and tells who has to look anew at whose devices.
//!
//! It never sees a secret. What clients upload, and what other servers tell of their users, is checked for its form, its size
//! and whose it is, so that one client's mistake does not become another's; whom to trust is decided by clients alone.
//!
//! What concerns other servers lies in [`remote`]; asking them is the matter of `federation`, above.

pub(crate) mod announce;
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

pub(crate) use forget::forget_user;

use std::sync::Arc;

use crate::core::Core;

/// Keys, backups and messages between devices.
#[derive(Debug)]
pub struct Crypto {
    core: Arc<Core>,
}

impl Crypto {
    /// The service, standing on `core`.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Self {
        Self { core }
    }
}
