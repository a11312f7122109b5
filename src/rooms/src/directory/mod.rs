//! The public room directory: publishing rooms, and listing them (client-server API, "Published room directory").

pub mod card;
mod list;
mod page;

use hearth_base::boxed;
use hearth_base::config::Publishers;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::tables::rooms;
use ruma::OwnedRoomId;

pub use card::card;
pub use list::{DirectoryListing, DirectoryQuery};

use super::{Rooms, alias, find};

impl Rooms {
    /// Returns whether a room is published. Rooms unknown here are not: no error reveals which rooms exist.
    #[boxed]
    pub async fn is_published(&self, room_id: OwnedRoomId) -> Result<bool> {
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            Ok(find::known(tx.tx(), &room_id)?.is_some_and(|room| room.published))
        };
        self.core.store.read("room_is_published", read).await
    }

    /// Publishes or unpublishes a room. Allowed for members who may set its canonical alias, unless the configuration
    /// restricts it to administrators, and always for administrators.
    #[boxed]
    pub async fn publish(&self, who: &Requester, room_id: OwnedRoomId, published: bool) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            if who.admin {
                let room = find::resolve(tx.tx(), &room_id)?;
                return rooms::publish(tx.tx(), room.sn, published);
            }
            let room = find::joined(tx.tx(), &room_id, who.user)?;
            if published && core.config.rooms.publishers == Publishers::Admins {
                return Err(Error::forbidden(
                    "Only administrators of this server put rooms into its public directory.",
                ));
            }
            if !alias::may_name(&core, tx.tx(), &room, &who.user_id)? {
                return Err(Error::forbidden("That needs the power to set the room's canonical alias."));
            }
            rooms::publish(tx.tx(), room.sn, published)
        };
        self.core.store.write("room_publish", write).await
    }
}
