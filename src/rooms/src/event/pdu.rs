//! A persistent data unit (PDU): an event of a room, parsed once into the fields that the auth rules and the clients
//! need.

use hearth_base::{Error, Result};
use ruma::events::TimelineEventType;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An event, in a room version whose event ids are hashes (3 and later).
#[derive(Debug, Clone)]
pub struct Pdu {
    /// Event id.
    pub event_id: OwnedEventId,
    /// Room id. None for a room version 12 create event, whose own id names the room.
    pub room_id: Option<OwnedRoomId>,
    /// Event type.
    pub kind: TimelineEventType,
    /// State key, for state events.
    pub state_key: Option<String>,
    /// User id of the sender.
    pub sender: OwnedUserId,
    /// Time of sending as the origin server claims it, in milliseconds since the Unix epoch; 0 for an earlier time.
    pub origin_server_ts: u64,
    /// Depth in the room's graph, as the origin server claims it.
    pub depth: i64,
    /// The content, unparsed.
    pub content: Box<RawValue>,
    /// Prev events.
    pub prev_events: Vec<OwnedEventId>,
    /// Auth events.
    pub auth_events: Vec<OwnedEventId>,
    /// The target of a redaction, from either place where a room version keeps it.
    pub redacts: Option<OwnedEventId>,
    /// Whether the event was rejected.
    pub rejected: bool,
}

/// The fields of a PDU on the wire that the server uses.
#[derive(Deserialize)]
struct Wire<'a> {
    room_id: Option<OwnedRoomId>,
    #[serde(rename = "type")]
    kind: TimelineEventType,
    state_key: Option<String>,
    sender: OwnedUserId,
    origin_server_ts: i64,
    #[serde(default)]
    depth: i64,
    #[serde(borrow)]
    content: &'a RawValue,
    #[serde(default)]
    prev_events: Vec<OwnedEventId>,
    #[serde(default)]
    auth_events: Vec<OwnedEventId>,
    /// Raw, because an event of any type may have any value here.
    #[serde(borrow)]
    redacts: Option<&'a RawValue>,
}

/// The content field of a redaction's target in room version 11 and later.
#[derive(Deserialize)]
struct RedactionContent {
    redacts: Option<OwnedEventId>,
}

impl Pdu {
    /// Parses the canonical JSON of an event with a known id.
    pub fn parse(event_id: OwnedEventId, json: &[u8]) -> Result<Self> {
        let wire: Wire<'_> =
            serde_json::from_slice(json).map_err(|error| Error::bad_json(format!("This is not an event: {error}")))?;
        let mut redacts = wire.redacts.and_then(|redacts| serde_json::from_str(redacts.get()).ok());
        if wire.kind == TimelineEventType::RoomRedaction && redacts.is_none() {
            redacts =
                serde_json::from_str::<RedactionContent>(wire.content.get()).ok().and_then(|content| content.redacts);
        }
        Ok(Self {
            event_id,
            room_id: wire.room_id,
            kind: wire.kind,
            state_key: wire.state_key,
            sender: wire.sender,
            origin_server_ts: u64::try_from(wire.origin_server_ts).unwrap_or(0),
            depth: wire.depth,
            content: wire.content.to_owned(),
            prev_events: wire.prev_events,
            auth_events: wire.auth_events,
            redacts,
            rejected: false,
        })
    }

    /// Returns a string field of the content; none when it is missing or not a string.
    #[must_use]
    pub fn content_str(&self, field: &str) -> Option<String> {
        let content: serde_json::Value = serde_json::from_str(self.content.get()).ok()?;
        content.get(field)?.as_str().map(str::to_owned)
    }

    /// Parses the content as a type; an error when it does not match.
    pub fn content_as<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_str(self.content.get()).map_err(|error| {
            Error::bad_json(format!("The content of {} does not fit {}: {error}", self.event_id, self.kind))
        })
    }

    /// Returns whether this is the state event with that type and state key.
    #[must_use]
    pub fn is_state(&self, kind: &TimelineEventType, state_key: &str) -> bool {
        self.kind == *kind && self.state_key.as_deref() == Some(state_key)
    }
}

impl ruma::state_res::Event for Pdu {
    type Id = OwnedEventId;

    fn event_id(&self) -> &Self::Id {
        &self.event_id
    }

    fn room_id(&self) -> Option<&RoomId> {
        self.room_id.as_deref()
    }

    fn sender(&self) -> &UserId {
        &self.sender
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        MilliSecondsSinceUnixEpoch(ruma::UInt::new_saturating(self.origin_server_ts))
    }

    fn event_type(&self) -> &TimelineEventType {
        &self.kind
    }

    fn content(&self) -> &RawValue {
        &self.content
    }

    fn state_key(&self) -> Option<&str> {
        self.state_key.as_deref()
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &Self::Id> + '_> {
        Box::new(self.prev_events.iter())
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &Self::Id> + '_> {
        Box::new(self.auth_events.iter())
    }

    fn redacts(&self) -> Option<&Self::Id> {
        self.redacts.as_ref()
    }

    fn rejected(&self) -> bool {
        self.rejected
    }
}
