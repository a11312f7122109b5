//! A persistent data unit (PDU): an event of a room, parsed once into what the rules and the clients need.

use hearth_base::{Error, Result};
use ruma::events::TimelineEventType;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, RoomId, UserId};
use serde::Deserialize;
use serde_json::value::RawValue;

/// An event of a room, of a version whose event ids are hashes (3 and later).
#[derive(Debug, Clone)]
pub struct Pdu {
    /// Event id.
    pub event_id: OwnedEventId,
    /// The room; a room version 12 create event names none, as it is itself the name.
    pub room_id: Option<OwnedRoomId>,
    /// Event type.
    pub kind: TimelineEventType,
    /// State key, for state events.
    pub state_key: Option<String>,
    /// Who sent it.
    pub sender: OwnedUserId,
    /// When its server says it was sent, in milliseconds since the Unix epoch; 0 for a time before that.
    pub origin_server_ts: u64,
    /// Depth in the room's graph, as its server says.
    pub depth: i64,
    /// The content, as it came.
    pub content: Box<RawValue>,
    /// The events before it.
    pub prev_events: Vec<OwnedEventId>,
    /// The events that authorise it.
    pub auth_events: Vec<OwnedEventId>,
    /// What a redaction redacts, wherever the room version keeps it.
    pub redacts: Option<OwnedEventId>,
    /// Whether it failed its own authorisation.
    pub rejected: bool,
}

/// The fields of a PDU on the wire that matter here.
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
    /// Whatever it is: anybody may put anything there, in an event of any type.
    #[serde(borrow)]
    redacts: Option<&'a RawValue>,
}

/// Where room version 11 and later keep what a redaction redacts.
#[derive(Deserialize)]
struct RedactionContent {
    redacts: Option<OwnedEventId>,
}

impl Pdu {
    /// Parses the canonical JSON of an event whose id is known.
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

    /// One string field of the content, if it is there and a string.
    #[must_use]
    pub fn content_str(&self, field: &str) -> Option<String> {
        let content: serde_json::Value = serde_json::from_str(self.content.get()).ok()?;
        content.get(field)?.as_str().map(str::to_owned)
    }

    /// The content as a type; a refusal when it does not fit.
    pub fn content_as<'a, T: Deserialize<'a>>(&'a self) -> Result<T> {
        serde_json::from_str(self.content.get()).map_err(|error| {
            Error::bad_json(format!("The content of {} does not fit {}: {error}", self.event_id, self.kind))
        })
    }

    /// Whether this is the state event of that type and state key.
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
