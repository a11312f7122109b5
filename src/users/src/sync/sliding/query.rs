//! A request of simplified sliding sync, parsed and within its limits.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use hearth_base::limits::users::{
    SLIDING_ITEMS_MAX, SLIDING_LISTS_MAX, SLIDING_NAME_BYTES_MAX, SLIDING_SUBSCRIPTIONS_MAX,
};
use hearth_base::{Error, Position, Reason, Result, error::refuse, limits};
use ruma::OwnedRoomId;
use ruma::presence::PresenceState;

use super::required::RequiredState;

/// A `pos`: what the connection has been sent, and up to which position.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Pos {
    /// The generation of the connection.
    pub generation: i64,
    /// The position at which the response ended.
    pub position: Position,
}

impl Pos {
    /// Parses a `pos` from a client; `M_UNKNOWN_POS` when this server did not issue it, so that the client starts anew.
    pub fn parse(text: &str) -> Result<Self> {
        let parts = text.split_once('_').and_then(|(generation, position)| {
            let position = position.parse().ok().filter(|at| *at >= 0).map(Position::from_i64)?;
            Some(Self { generation: generation.parse().ok()?, position })
        });
        parts.ok_or_else(unknown_pos)
    }
}

impl std::fmt::Display for Pos {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}_{}", self.generation, self.position)
    }
}

/// The refusal of an unknown `pos`.
pub(super) fn unknown_pos() -> Error {
    refuse(Reason::UnknownPos, "The server does not know this connection any more: sync again without pos.")
}

/// Parameters of a sliding sync.
#[derive(Debug, Clone)]
pub struct SlidingQuery {
    /// Where the connection's last response ended; none for a new connection.
    pub pos: Option<Pos>,
    /// The client's name of the connection; empty if it has only one.
    pub conn_id: String,
    /// Returned as it is.
    pub txn_id: Option<String>,
    /// How long to wait for a change.
    pub wait: Duration,
    /// The presence to set for the user.
    pub presence: PresenceState,
    /// The lists by name.
    pub lists: BTreeMap<String, List>,
    /// Rooms that the client wants wherever they are in the lists.
    pub subscriptions: BTreeMap<OwnedRoomId, RoomConfig>,
    /// What the client wants besides rooms.
    pub extensions: Extensions,
}

/// What to return of a room.
#[derive(Debug, Clone, Default)]
pub struct RoomConfig {
    /// The number of timeline events.
    pub timeline_limit: usize,
    /// The state.
    pub required: RequiredState,
}

impl RoomConfig {
    /// Creates one from pairs of event type and state key. `me` replaces `$ME`.
    pub fn new(timeline_limit: u64, pairs: Vec<(String, String)>, me: &str) -> Result<Self> {
        at_most(pairs.len(), SLIDING_ITEMS_MAX, "required_state")?;
        let timeline_limit = usize::try_from(timeline_limit).unwrap_or(usize::MAX).min(limits::PAGE_EVENTS_MAX);
        Ok(Self { timeline_limit, required: RequiredState::new(pairs, me) })
    }
}

/// A list: a window on the rooms of the user, the most recently active first.
#[derive(Debug, Clone, Default)]
pub struct List {
    /// Inclusive ranges of indices; all rooms without any.
    pub ranges: Option<Vec<(usize, usize)>>,
    /// What to return of its rooms.
    pub config: RoomConfig,
    /// The rooms in the list.
    pub filters: ListFilters,
}

/// Filters of a list. A room has to pass all of them.
#[derive(Debug, Clone, Default)]
pub struct ListFilters {
    /// In `m.direct`, or not.
    pub is_dm: Option<bool>,
    /// Encrypted, or not.
    pub is_encrypted: Option<bool>,
    /// The user is invited, or not.
    pub is_invite: Option<bool>,
    /// The room's type is one of these; none stands for rooms without a type.
    pub room_types: Option<Vec<Option<String>>>,
    /// The room's type is not one of these.
    pub not_room_types: Vec<Option<String>>,
    /// A child of one of these spaces, as far as the user has joined them.
    pub spaces: Option<Vec<OwnedRoomId>>,
    /// Has one of these tags.
    pub tags: Option<Vec<String>>,
    /// Has none of these tags.
    pub not_tags: Vec<String>,
}

/// The rooms of an extension that has data of rooms.
#[derive(Debug, Clone, Default)]
pub struct Coverage {
    /// Whether the client wants this extension.
    pub enabled: bool,
    /// Names of lists; all lists if none.
    pub lists: Option<Vec<String>>,
    /// Room ids; all rooms with a subscription if none.
    pub rooms: Option<Vec<String>>,
}

/// Extensions.
#[derive(Debug, Clone, Default)]
pub struct Extensions {
    /// To-device messages; the position up to which the client has them, and how many it wants.
    pub to_device: Option<(Option<Position>, usize)>,
    /// Device lists and key counts.
    pub e2ee: bool,
    /// Account data.
    pub account_data: Coverage,
    /// Read receipts.
    pub receipts: Coverage,
    /// Typing notifications.
    pub typing: Coverage,
    /// Subscriptions to threads (MSC4308): how many the client wants.
    pub thread_subscriptions: Option<u64>,
    /// Profiles.
    pub profiles: ProfilesQuery,
}

/// Profiles (MSC4262).
#[derive(Debug, Clone, Default)]
pub struct ProfilesQuery {
    /// The rooms in which the client sees users. It gets the changes of all who share a room with the user.
    pub coverage: Coverage,
    /// The names of the fields that the client wants; all fields if none.
    pub fields: Option<BTreeSet<String>>,
}

impl SlidingQuery {
    /// Refuses with `M_INVALID_PARAM` what exceeds the limits.
    pub fn check(&self) -> Result<()> {
        at_most(self.lists.len(), SLIDING_LISTS_MAX, "lists")?;
        at_most(self.subscriptions.len(), SLIDING_SUBSCRIPTIONS_MAX, "room_subscriptions")?;
        at_most(self.conn_id.len(), SLIDING_NAME_BYTES_MAX, "conn_id")?;
        at_most(self.extensions.profiles.fields.as_ref().map_or(0, BTreeSet::len), SLIDING_ITEMS_MAX, "fields")?;
        for (name, list) in &self.lists {
            at_most(name.len(), SLIDING_NAME_BYTES_MAX, "a list's name")?;
            at_most(list.ranges.as_ref().map_or(0, Vec::len), SLIDING_ITEMS_MAX, "ranges")?;
            let filters = &list.filters;
            let lengths = [
                filters.room_types.as_ref().map_or(0, Vec::len),
                filters.not_room_types.len(),
                filters.spaces.as_ref().map_or(0, Vec::len),
                filters.tags.as_ref().map_or(0, Vec::len),
                filters.not_tags.len(),
            ];
            lengths.into_iter().try_for_each(|length| at_most(length, SLIDING_ITEMS_MAX, "a filter"))?;
        }
        Ok(())
    }
}

fn at_most(length: usize, most: usize, what: &str) -> Result<()> {
    if length <= most {
        return Ok(());
    }
    Err(Error::invalid(format!("The request has {length} in {what}; at most {most} are allowed.")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pos_survives_the_wire() {
        let pos = Pos { generation: 17, position: Position(4) };
        assert_eq!(Pos::parse(&pos.to_string()).expect("our own"), pos);
        for bad in ["", "_", "1_", "_1", "1_-1", "s5", "1_2_3", "a_b"] {
            assert_eq!(Pos::parse(bad).expect_err(bad).reason(), Some(Reason::UnknownPos), "{bad}");
        }
    }
}
