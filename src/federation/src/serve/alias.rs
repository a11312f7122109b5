//! `GET /query/directory`, `GET /publicRooms`: room ids and servers of local aliases, and this server's public room
//! list.

use hearth_base::boxed;
use hearth_base::{Result, limits};
use hearth_rooms::directory::{DirectoryListing, DirectoryQuery};
use hearth_rooms::{LocalRooms, find, servers};
use ruma::{OwnedRoomAliasId, OwnedRoomId, OwnedServerName};

use crate::Federation;

impl Federation {
    /// A page of this server's public room list, with the same rooms for all servers.
    #[boxed]
    pub async fn serve_directory(&self, question: DirectoryQuery) -> Result<DirectoryListing> {
        LocalRooms::of(&self.parts.rooms).directory(question).await
    }

    /// The room of an alias; `M_NOT_FOUND` for unknown aliases and those of other servers.
    #[boxed]
    pub async fn serve_alias(&self, alias: OwnedRoomAliasId) -> Result<(OwnedRoomId, Vec<OwnedServerName>)> {
        let core = self.core.clone();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = find::by_alias(&core, tx.tx(), &alias)?;
            let mut through = vec![core.server_name.clone()];
            through.extend(servers::of(&core, tx.tx(), room.sn)?.iter().take(limits::ALIAS_SERVERS_MAX - 1).cloned());
            Ok((find::id(&room)?, through))
        };
        self.core.store.read("serve_alias", read).await
    }
}
