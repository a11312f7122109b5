//! A page of the public room directory, as clients and other servers receive it.

use hearth_domain::rooms::directory::DirectoryListing;
use ruma::directory::PublicRoomsChunk;
use serde::Serialize;

/// The response to `publicRooms`. Ruma's type omits a join rule of `public`, which clients then treat as unknown.
#[derive(Debug, Serialize)]
pub(crate) struct Page {
    chunk: Vec<Entry>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_batch: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    prev_batch: Option<String>,
    total_room_count_estimate: u64,
}

#[derive(Debug)]
struct Entry(PublicRoomsChunk);

impl Serialize for Entry {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut entry = serde_json::to_value(&self.0).map_err(serde::ser::Error::custom)?;
        entry["join_rule"] = self.0.join_rule.as_str().into();
        entry.serialize(serializer)
    }
}

impl From<DirectoryListing> for Page {
    fn from(listing: DirectoryListing) -> Self {
        Self {
            chunk: listing.cards.into_iter().map(Entry).collect(),
            next_batch: listing.next,
            prev_batch: listing.previous,
            total_room_count_estimate: listing.total,
        }
    }
}
