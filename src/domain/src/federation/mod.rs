//! Other homeservers (server-server API): talking to them, and being talked to.
//!
//! Stands on `rooms`, `crypto`, `media` and the rest, none of which knows of it: what they leave for other servers lies in the
//! database, and what other servers bring goes into rooms through the same checks as everything else.

mod edus;
pub mod gate;
mod history;
pub mod keyring;
mod legacy;
mod media;
mod out_of_band;
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

pub(crate) use history::wait_until;
pub(crate) use media::RemoteMediaId;
use ruma::{OwnedRoomId, OwnedServerName};

use crate::admin::jobs::Jobs;
use crate::core::Core;
use crate::crypto::Crypto;
use crate::ephemeral::{PresenceBook, Typing};
use crate::media::Media;
use crate::personal::Personal;
use crate::ports::Network;
use crate::rooms::Rooms;
use crate::turns::KeyedLocks;

/// The parts of this server that other servers ask for and bring something to.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Rooms.
    pub rooms: Arc<Rooms>,
    /// Profiles.
    pub personal: Arc<Personal>,
    /// Keys and messages between devices.
    pub crypto: Arc<Crypto>,
    /// Who is typing.
    pub typing: Arc<Typing>,
    /// Who is there.
    pub presence: Arc<PresenceBook>,
    /// Uploads, and copies of what was uploaded elsewhere.
    pub media: Arc<Media>,
    /// Long work that is being done.
    pub jobs: Arc<Jobs>,
}

/// What this server does with others.
#[derive(Debug)]
pub struct Federation {
    core: Arc<Core>,
    network: Arc<dyn Network>,
    parts: Parts,
    late: Arc<edus::PendingReceipts>,
    inbound: transactions::Inbound,
    /// Which servers are being asked about device lists: all clients of a house ask about the same people at once.
    asking: KeyedLocks<OwnedServerName>,
    remote_room_cache: remote_rooms::RemoteRoomCache,
    /// The keys of servers, others' and this one's.
    pub keyring: keyring::Keyring,
    /// How many requests of others are worked on at a time.
    pub gate: gate::RequestGate,
    fetching: media::Fetching,
    histories: history::Histories,
    outbox: outbox::Outbox,
    ages: parking_lot::Mutex<pdu::Ages>,
    /// Which rooms this server is about to enter: whoever else wants in waits, and mostly finds the door open then.
    pub(crate) entering: KeyedLocks<OwnedRoomId>,
    binding: tokio::sync::Mutex<()>,
}

impl Federation {
    /// The service; `network` leads to the others.
    #[must_use]
    pub fn new(core: Arc<Core>, network: Arc<dyn Network>, parts: Parts) -> Self {
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
