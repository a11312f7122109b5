//! The public directories of other servers.

use hearth_base::boxed;
use hearth_base::limits::federation::REMOTE_ROOMS_OUTSIDE_WAIT;
use hearth_base::{Result, limits};
use hearth_rooms::directory::{DirectoryListing, DirectoryQuery};
use ruma::api::federation::directory::{get_public_rooms, get_public_rooms_filtered};
use ruma::directory::PublicRoomsChunk;
use ruma::{ServerName, UInt};
use serde::Deserialize;
use serde_json::Value;

use crate::Federation;

/// The response of a server.
#[derive(Deserialize)]
struct PublicRoomsResponse {
    #[serde(default)]
    chunk: Vec<Value>,
    next_batch: Option<String>,
    prev_batch: Option<String>,
    total_room_count_estimate: Option<u64>,
}

impl Federation {
    /// A page of another server's public directory.
    #[boxed]
    pub async fn remote_directory(&self, server: &ServerName, question: DirectoryQuery) -> Result<DirectoryListing> {
        let DirectoryQuery { limit, since, filter, network, .. } = question;
        let limit = limit.map(|limit| UInt::new_saturating(limit.min(limits::REMOTE_ROOMS_MAX as u64)));
        let bytes_max = limits::REMOTE_ROOMS_BYTES_MAX;
        let answer: PublicRoomsResponse = if filter.is_empty() {
            let mut request = get_public_rooms::v1::Request::new();
            (request.limit, request.since, request.room_network) = (limit, since, network);
            self.ask_loosely(server, request, REMOTE_ROOMS_OUTSIDE_WAIT, bytes_max).await?
        } else {
            let mut request = get_public_rooms_filtered::v1::Request::new();
            (request.limit, request.since, request.room_network) = (limit, since, network);
            request.filter = filter;
            self.ask_loosely(server, request, REMOTE_ROOMS_OUTSIDE_WAIT, bytes_max).await?
        };
        let cards = answer.chunk.into_iter().take(limits::REMOTE_ROOMS_MAX);
        let cards: Vec<PublicRoomsChunk> = cards.filter_map(|card| serde_json::from_value(card).ok()).collect();
        let total = answer.total_room_count_estimate.unwrap_or(cards.len() as u64);
        Ok(DirectoryListing { cards, next: answer.next_batch, previous: answer.prev_batch, total })
    }
}
