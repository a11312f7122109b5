//! The services under federation, put together as `hearth-domain` does, without its actions.

use std::sync::Arc;

use hearth_core::ports::Network;
use hearth_core::rates::Rates;
use hearth_rooms::{LocalRooms, RoomCore, Rooms};
use hearth_users::crypto::Crypto;
use hearth_users::ephemeral::{PresenceBook, Typing};
use hearth_users::media::Media;
use hearth_users::personal::Personal;
use hearth_users::sync::Sync;

use crate::{Federation, Parts};

/// The services that tests of federation use.
pub(crate) struct Services {
    pub(crate) core: Arc<RoomCore>,
    pub(crate) rooms: LocalRooms,
    pub(crate) sync: Arc<Sync>,
    pub(crate) federation: Arc<Federation>,
}

impl Services {
    /// All of them on `core`; `network` reaches the simulated servers.
    pub(crate) fn new(core: Arc<RoomCore>, network: Arc<dyn Network>) -> Self {
        let rates = Arc::new(Rates::new(core.config.clone(), core.seams.clock.clone()));
        let rooms = Arc::new(Rooms::new(core.clone()));
        let typing = Typing::new(core.clone());
        let presence = PresenceBook::new(core.clone());
        let sync = Sync::new(core.clone(), typing.clone(), presence.clone(), Arc::default());
        let parts = Parts {
            rooms: rooms.clone(),
            personal: Arc::new(Personal::new(&core)),
            crypto: Arc::new(Crypto::new(core.clone())),
            typing,
            presence,
            media: Arc::new(Media::new(core.clone(), rates).expect("a media folder")),
            jobs: Arc::default(),
        };
        let federation = Arc::new(Federation::new(core.clone(), network, parts));
        core.policies.set_policy_client(crate::policy_server::FederationPolicyClient::of(&federation));
        Self { core, rooms: LocalRooms::of(&rooms), sync, federation }
    }
}
