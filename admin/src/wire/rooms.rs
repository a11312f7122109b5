//! Rooms this server takes part in: `/api/v1/rooms`.

use serde::{Deserialize, Serialize};

/// One row of `GET /api/v1/rooms`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomSummary {
    /// The room id.
    pub room_id: String,
    /// `m.room.name`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// `m.room.canonical_alias`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub canonical_alias: Option<String>,
    /// The room version.
    pub version: String,
    /// Members joined, from all servers.
    pub joined_members: u64,
    /// Members joined from this server.
    pub local_members: u64,
    /// Events stored here.
    pub events: u64,
    /// Whether messages are encrypted end to end.
    pub encrypted: bool,
    /// Whether this server's public directory lists the room.
    pub public: bool,
    /// Who made the room; absent while the create event is unknown here.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
}

/// `GET /api/v1/rooms/{room}`: the row and what hangs on it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The row of the list.
    #[serde(flatten)]
    pub summary: RoomSummary,
    /// `m.room.topic`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The join rule: `public`, `invite`, `knock`, `restricted`...
    pub join_rule: String,
    /// Joined members, highest power first, at most 200; [`RoomSummary::joined_members`] is the true count.
    #[serde(default)]
    pub members: Vec<RoomMember>,
}

/// One joined member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomMember {
    /// Full Matrix id.
    pub user_id: String,
    /// Display name in this room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Power level; `i64::MAX` for creators in rooms where they are above all levels (room version 12).
    pub power_level: i64,
}
