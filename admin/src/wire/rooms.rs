//! Rooms with local members: `/api/v1/rooms`.

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
    /// Events stored on this server.
    pub events: u64,
    /// Whether the room has `m.room.encryption`.
    pub encrypted: bool,
    /// Whether this server's public directory lists the room.
    pub public: bool,
    /// The creator. Absent if this server does not have the create event.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub creator: Option<String>,
}

/// Response to `GET /api/v1/rooms/{room}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomDetail {
    /// The fields of the list.
    #[serde(flatten)]
    pub summary: RoomSummary,
    /// `m.room.topic`, if set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub topic: Option<String>,
    /// The join rule: `public`, `invite`, `knock`, `restricted`...
    pub join_rule: String,
    /// Joined members by descending power level, at most 200. [`RoomSummary::joined_members`] is the full
    /// number.
    #[serde(default)]
    pub members: Vec<RoomMember>,
}

/// One joined member of a room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoomMember {
    /// Matrix user id.
    pub user_id: String,
    /// Display name in this room.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub display_name: Option<String>,
    /// Power level. `i64::MAX` for creators in room version 12, who are above all levels.
    pub power_level: i64,
}
