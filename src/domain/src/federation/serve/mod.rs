//! What other servers may read here (server-server API, "Retrieving events", "Backfilling and retrieving missing events",
//! "Spaces"). Who asks has been authenticated; whether they may know is decided here, in the same look at the database that
//! answers: they must take part in the room, its access control list must let them, and of events from before their time
//! they get no words (`rooms::read::server_view`).
//!
//! Answers are bounded by what a question may ask for, but for a room's state and auth chains, which are as large as the room:
//! those are written as they are sent ([`lists`]).

mod alias;
mod auth;
mod event;
mod graph;
mod hierarchy;
pub mod lists;
mod state;
mod timestamp;

use hearth_base::Result;
use hearth_store::engine::Tx;
use ruma::{OwnedRoomId, ServerName};

pub use auth::auth_chain;
pub use graph::Missing;
pub use hierarchy::SpaceShown;
pub use lists::EventListBody;
pub use state::StateIdsServed;

use super::Federation;
use crate::rooms::read::server_view::ServerView;

impl Federation {
    /// Runs `look` over one snapshot of the database, for a server that takes part in the room; refuses all others with
    /// `M_FORBIDDEN`. These reads wait behind those of the people here.
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
