//! Room aliases and public directories of all servers.

use hearth_base::Result;
use hearth_base::boxed;
use hearth_rooms::directory::{DirectoryListing, DirectoryQuery};
use ruma::{OwnedRoomId, OwnedServerName, RoomAliasId};

use super::Actions;

impl Actions {
    /// Resolves an alias to a room id and the servers to join through; asks the alias's server for a remote alias.
    /// `M_NOT_FOUND` for an unknown alias.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn find_alias(&self, alias: &RoomAliasId) -> Result<(OwnedRoomId, Vec<OwnedServerName>)> {
        if *alias.server_name() == *self.core.server_name {
            // With all servers in the room, the same list that another server gets.
            return self.find_own_alias(alias).await;
        }
        self.parts.federation.remote_alias(alias).await
    }

    /// The room of an alias of this server, as another server asks for it, and the servers in the room. An application
    /// service may create an unknown one.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn find_own_alias(&self, alias: &RoomAliasId) -> Result<(OwnedRoomId, Vec<OwnedServerName>)> {
        self.parts.appservices.ask_for_alias(alias).await;
        self.parts.federation.serve_alias(alias.to_owned()).await
    }

    /// A page of a server's public directory.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn public_rooms(&self, question: DirectoryQuery) -> Result<DirectoryListing> {
        match question.server.clone().filter(|server| *server != self.core.server_name) {
            None => self.parts.rooms.directory(question).await,
            Some(server) => self.parts.federation.remote_directory(&server, question).await,
        }
    }
}
