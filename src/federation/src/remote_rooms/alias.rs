//! Aliases of other servers.

use hearth_base::boxed;
use hearth_base::limits::federation::REMOTE_ROOMS_OUTSIDE_WAIT;
use hearth_base::{Result, limits};
use ruma::api::federation::query::get_room_information;
use ruma::{OwnedRoomId, OwnedServerName, RoomAliasId};
use serde::Deserialize;

use crate::Federation;

/// The response of a server.
#[derive(Deserialize)]
struct AliasResponse {
    room_id: OwnedRoomId,
    #[serde(default)]
    servers: Vec<String>,
}

impl Federation {
    /// Resolves an alias of another server to a room id and the servers to join through, by asking the alias's server.
    /// `M_NOT_FOUND` for an unknown alias.
    #[boxed]
    pub async fn remote_alias(&self, alias: &RoomAliasId) -> Result<(OwnedRoomId, Vec<OwnedServerName>)> {
        let server = alias.server_name();
        let request = get_room_information::v1::Request::new(alias.to_owned());
        let answer: AliasResponse =
            self.ask_loosely(server, request, REMOTE_ROOMS_OUTSIDE_WAIT, limits::REMOTE_ROOMS_BYTES_MAX).await?;
        let named = answer.servers.iter().filter_map(|server| OwnedServerName::try_from(server.as_str()).ok());
        let mut servers: Vec<_> = named.take(limits::ALIAS_SERVERS_MAX).collect();
        if !servers.iter().any(|named| named == server) {
            servers.push(server.to_owned());
        }
        Ok((answer.room_id, servers))
    }
}
