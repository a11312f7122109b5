//! Events and state for other servers (server-server API, "Retrieving events", "Backfilling and retrieving missing
//! events", "Spaces"). The server is authenticated; its permission is checked here, in the same read transaction as
//! the response: it must be in the room, the server ACL must allow it, and events that the history visibility hides
//! from it are redacted (`rooms::read::server_view`).
//!
//! Responses are bounded by request limits, except for a room's state and auth chains, which are as large as the room:
//! those are streamed ([`lists`]).

mod alias;
mod auth;
mod event;
mod graph;
mod hierarchy;
pub mod lists;
mod state;
mod timestamp;

use hearth_base::Result;
use hearth_rooms::read::server_view::ServerView;
use hearth_store::engine::Tx;
use ruma::{OwnedRoomId, ServerName};

pub use auth::auth_chain;
pub use graph::Missing;
pub use hierarchy::SpaceShown;
pub use lists::EventListBody;
pub use state::StateIdsServed;

use super::Federation;

impl Federation {
    /// Runs `look` on one database snapshot, for a server that is in the room; `M_FORBIDDEN` for all others. These
    /// reads have a lower priority than those of local users.
    async fn shows<T, F>(&self, name: &'static str, asker: &ServerName, room_id: OwnedRoomId, look: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn Tx, ServerView<'_>) -> Result<T> + Send + 'static,
    {
        let (core, asker) = (self.core.clone(), asker.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let view = ServerView::open(&core, tx.tx(), &room_id, &asker)?;
            look(tx.tx(), view)
        };
        self.core.store.read_slow(name, read).await
    }
}
