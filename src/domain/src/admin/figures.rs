//! How much of everything there is.

use hearth_base::Result;
use hearth_store::tables::{accounts, events, media, rooms};

use super::Admin;

/// Numbers for the dashboard's first screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerFigures {
    /// Accounts in use.
    pub users: u64,
    /// Rooms that this server takes part in.
    pub rooms: u64,
    /// Events stored.
    pub events: u64,
    /// Bytes of uploads, without thumbnails.
    pub media_bytes: u64,
}

impl Admin {
    /// Counts everything. Not for every second: counting events reads an index from end to end.
    pub async fn figures(&self) -> Result<ServerFigures> {
        let read = self.core.store.read("admin_figures", |tx| {
            let accounts = accounts::counts(tx.tx())?;
            let users = accounts.people + accounts.guests + accounts.appservice;
            let media_bytes = media::usage(tx.tx())?.bytes;
            Ok(ServerFigures { users, rooms: rooms::count(tx.tx())?, events: events::count(tx.tx())?, media_bytes })
        });
        read.await
    }
}
