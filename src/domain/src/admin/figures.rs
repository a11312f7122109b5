//! Totals for the dashboard.

use hearth_base::Result;
use hearth_base::boxed;
use hearth_store::tables::{accounts, events, media, rooms};

use super::Admin;

/// Totals for the dashboard's first screen.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ServerFigures {
    /// Active accounts.
    pub users: u64,
    /// Rooms with at least one local member.
    pub rooms: u64,
    /// Stored events.
    pub events: u64,
    /// Bytes of uploads, without thumbnails.
    pub media_bytes: u64,
}

impl Admin {
    /// Counts everything. Do not poll every second: counting events scans a whole index.
    #[boxed]
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
