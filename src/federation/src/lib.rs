//! Federation with other homeservers (server-server API), as a client and as a server.
//!
//! It builds on `rooms`, `crypto`, `media` and others, and none of these depends on it: they leave outgoing data in
//! the database, and incoming data enters rooms through the same checks as local events.

pub mod answer_budget;
mod edus;
pub mod gate;
mod history;
pub mod keyring;
mod legacy;
mod media;
pub mod out_of_band;
pub mod outbox;
pub mod pdu;
pub mod policy_server;
mod remote_membership;
mod remote_rooms;
pub mod remote_users;
pub mod request;
pub mod resident;
pub mod serve;
mod sign;
mod stripped;
#[cfg(test)]
mod tests;
pub mod transactions;
mod vouched;

use std::sync::Arc;

use hearth_core::jobs::Jobs;
use hearth_core::ports::Network;
use hearth_core::turns::KeyedLocks;
use hearth_rooms::RoomCore;
use hearth_rooms::Rooms;
use hearth_users::crypto::Crypto;
use hearth_users::ephemeral::{PresenceBook, Typing};
use hearth_users::media::Media;
use hearth_users::personal::Personal;
pub use history::wait_until;
pub use media::RemoteMediaId;
use ruma::{OwnedRoomId, OwnedServerName};

/// The services that federation uses.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Rooms and their state.
    pub rooms: Arc<Rooms>,
    /// Profiles of local users.
    pub personal: Arc<Personal>,
    /// Keys and to-device messages.
    pub crypto: Arc<Crypto>,
    /// Typing notifications.
    pub typing: Arc<Typing>,
    /// Presence.
    pub presence: Arc<PresenceBook>,
    /// Local media and copies of remote media.
    pub media: Arc<Media>,
    /// Long-running jobs, for the list of the administrator.
    pub jobs: Arc<Jobs>,
}

/// Federation with other servers.
#[derive(Debug)]
pub struct Federation {
    core: Arc<RoomCore>,
    network: Arc<dyn Network>,
    parts: Parts,
    late: Arc<edus::PendingReceipts>,
    inbound: transactions::Inbound,
    /// One lock for each server with a running device list query: the clients of this server query the same users at
    /// once.
    asking: KeyedLocks<OwnedServerName>,
    remote_room_cache: remote_rooms::RemoteRoomCache,
    /// Verify keys of other servers, and this server's published keys.
    pub keyring: keyring::Keyring,
    /// Concurrency limits for incoming requests.
    pub gate: gate::RequestGate,
    fetching: media::Fetching,
    histories: history::Histories,
    outbox: outbox::Outbox,
    ages: parking_lot::Mutex<pdu::Ages>,
    /// One lock for each room with a running remote join: concurrent joins wait, and mostly can join locally after it.
    pub entering: KeyedLocks<OwnedRoomId>,
    binding: tokio::sync::Mutex<()>,
}

impl Federation {
    /// Creates the service; `network` reaches other servers.
    #[must_use]
    pub fn new(core: Arc<RoomCore>, network: Arc<dyn Network>, parts: Parts) -> Self {
        let keyring = keyring::Keyring::new(core.clone(), network.clone());
        let outbox = outbox::Outbox::new(&core);
        Self {
            core,
            outbox,
            ages: parking_lot::Mutex::default(),
            network,
            parts,
            keyring,
            gate: gate::RequestGate::default(),
            late: Arc::default(),
            inbound: transactions::Inbound::default(),
            asking: KeyedLocks::default(),
            remote_room_cache: remote_rooms::RemoteRoomCache::default(),
            fetching: media::Fetching::default(),
            histories: history::Histories::default(),
            entering: KeyedLocks::default(),
            binding: tokio::sync::Mutex::default(),
        }
    }
}
