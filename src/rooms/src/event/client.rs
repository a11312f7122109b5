//! Events in the client format (client-server API, "Room event format"): without the graph fields and the signatures.

use std::borrow::Cow;
use std::collections::BTreeMap;

use ruma::events::TimelineEventType;
use ruma::serde::Raw;
use ruma::{EventId, RoomId, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::pdu::Pdu;

/// The `unsigned` fields that the server adds for one reader.
#[derive(Debug, Default, Clone, Serialize)]
pub struct Unsigned {
    /// Time since the event was sent, in milliseconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub age: Option<i64>,
    /// The transaction id, for the device that sent the event.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transaction_id: Option<String>,
    /// The delay id under which the reader scheduled the event (MSC4140).
    #[serde(rename = "org.matrix.msc4140.delay_id", skip_serializing_if = "Option::is_none")]
    pub delay_id: Option<String>,
    /// The content of the state event that this one replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub prev_content: Option<Box<RawValue>>,
    /// The id of the state event that this one replaced.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaces_state: Option<String>,
    /// The redaction that removed the content.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redacted_because: Option<Box<RawValue>>,
    /// The reader's membership when the event was sent.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub membership: Option<&'static str>,
    /// Bundled aggregations (`m.relations`).
    #[serde(rename = "m.relations", skip_serializing_if = "BTreeMap::is_empty")]
    pub relations: BTreeMap<&'static str, Box<RawValue>>,
}

impl Unsigned {
    fn is_empty(&self) -> bool {
        self.age.is_none()
            && self.transaction_id.is_none()
            && self.delay_id.is_none()
            && self.prev_content.is_none()
            && self.replaces_state.is_none()
            && self.redacted_because.is_none()
            && self.membership.is_none()
            && self.relations.is_empty()
    }
}

#[derive(Serialize)]
struct ClientEvent<'a> {
    content: &'a RawValue,
    event_id: &'a EventId,
    origin_server_ts: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    redacts: Option<&'a EventId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    room_id: Option<&'a RoomId>,
    sender: &'a UserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    state_key: Option<&'a str>,
    #[serde(rename = "type")]
    kind: &'a TimelineEventType,
    #[serde(skip_serializing_if = "Unsigned::is_empty")]
    unsigned: &'a Unsigned,
}

/// Serialises an event in the format of `/sync` (without `room_id`) or of all other endpoints (with it).
///
/// `T` is the ruma event type that the response wants. The event is not validated against it, because clients
/// validate events themselves.
#[must_use]
pub fn show<T>(pdu: &Pdu, room_id: Option<&RoomId>, unsigned: &Unsigned) -> Raw<T> {
    let content = content_for_clients(pdu);
    let shown = ClientEvent {
        content: &content,
        event_id: &pdu.event_id,
        origin_server_ts: pdu.origin_server_ts,
        redacts: pdu.redacts.as_deref(),
        room_id,
        sender: &pdu.sender,
        state_key: pdu.state_key.as_deref(),
        kind: &pdu.kind,
        unsigned,
    };
    to_raw(&shown)
}

/// Serialises an event as stripped state.
#[must_use]
pub fn strip<T>(pdu: &Pdu) -> Raw<T> {
    #[derive(Serialize)]
    struct Stripped<'a> {
        content: &'a RawValue,
        sender: &'a UserId,
        state_key: &'a str,
        #[serde(rename = "type")]
        kind: &'a TimelineEventType,
        #[serde(skip_serializing_if = "Option::is_none")]
        origin_server_ts: Option<u64>,
        #[serde(skip_serializing_if = "Option::is_none")]
        event_id: Option<&'a EventId>,
    }
    let is_create = pdu.kind == TimelineEventType::RoomCreate;
    to_raw(&Stripped {
        content: &pdu.content,
        sender: &pdu.sender,
        state_key: pdu.state_key.as_deref().unwrap_or_default(),
        kind: &pdu.kind,
        // Clients need it to sort the children of a space, and to compute the id of a version 12 room.
        origin_server_ts: (pdu.kind == TimelineEventType::SpaceChild || is_create).then_some(pdu.origin_server_ts),
        event_id: is_create.then_some(&*pdu.event_id),
    })
}

/// Returns the content with `redacts`: old clients read it from the top level, new ones from the content, so a
/// redaction has it in both in any room version.
fn content_for_clients(pdu: &Pdu) -> Cow<'_, RawValue> {
    let Some(redacts) = &pdu.redacts else { return Cow::Borrowed(&pdu.content) };
    let Ok(mut content) = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(pdu.content.get()) else {
        return Cow::Borrowed(&pdu.content);
    };
    content.entry("redacts").or_insert_with(|| redacts.as_str().into());
    serde_json::value::to_raw_value(&content).map_or(Cow::Borrowed(&pdu.content), Cow::Owned)
}

fn to_raw<T>(value: &impl Serialize) -> Raw<T> {
    let json =
        serde_json::value::to_raw_value(value).expect("maps with string keys and JSON read before always serialise");
    Raw::from_json(json)
}
