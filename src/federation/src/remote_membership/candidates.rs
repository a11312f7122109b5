//! Candidate servers for entering or leaving a room that this server is not in.

use hearth_base::{Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::servers;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;
use ruma::{OwnedServerName, OwnedUserId, RoomId, UserId};
use serde::Deserialize;

use super::Federation;

impl Federation {
    /// The candidate servers, best first: those given by the client, the inviter's server, those in the room during an
    /// earlier stay, and the server name in the room id. At most [`limits::ENTRY_SERVERS_MAX`], without duplicates,
    /// without this server and without servers that it does not federate with.
    pub(super) async fn candidates(
        &self,
        room_id: &RoomId,
        user: UserSn,
        via: Vec<OwnedServerName>,
    ) -> Result<Vec<OwnedServerName>> {
        let (core, of) = (self.core.clone(), room_id.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| known(&core, tx.tx(), &of, user);
        let known = self.core.store.read("federation_candidates", read).await?;
        let mut servers: Vec<OwnedServerName> = Vec::new();
        for server in via.into_iter().chain(known).chain(room_id.server_name().map(ToOwned::to_owned)) {
            if !servers.contains(&server) && self.core.check_talks_to(&server).is_ok() {
                servers.push(server);
            }
        }
        servers.truncate(limits::ENTRY_SERVERS_MAX);
        Ok(servers)
    }
}

/// The locally known servers of a room.
fn known(core: &RoomCore, tx: &mut dyn Tx, room_id: &RoomId, user: UserSn) -> Result<Vec<OwnedServerName>> {
    let Some(room) = rooms::by_id(tx, room_id.as_str())? else { return Ok(Vec::new()) };
    let mut found = Vec::new();
    if let Some(row) = memberships::get(tx, room.sn, user)? {
        if row.membership == Membership::Invite {
            found.push(core.events.get(tx, row.event)?.pdu.sender.server_name().to_owned());
        }
        let stripped = memberships::stripped(tx, room.sn, user)?;
        found.extend(stripped.iter().flat_map(|json| senders(json)).map(|user| user.server_name().to_owned()));
    }
    found.extend(servers::of(core, tx, room.sn)?.iter().cloned());
    Ok(found)
}

/// The senders of the stripped state of an invite or a knock: their servers are or were in the room.
fn senders(stripped: &[u8]) -> Vec<OwnedUserId> {
    #[derive(Deserialize)]
    struct Stripped {
        sender: String,
    }
    let stripped: Vec<Stripped> = serde_json::from_slice(stripped).unwrap_or_default();
    stripped.into_iter().filter_map(|event| UserId::parse(event.sender).ok()).collect()
}
