//! Authors an event of this server: fills in the graph fields, hashes, signs, and computes the event id. Pure.

use hearth_base::{Error, Millis, Reason, Result, error::refuse, limits};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::{Ed25519KeyPair, hash_and_sign_event, reference_hash};
use ruma::{EventId, Int, OwnedEventId, RoomId, ServerName, UserId};

use super::pdu::Pdu;

/// The part of an event that its author decides.
#[derive(Debug, Clone)]
pub struct Draft {
    /// Event type.
    pub kind: String,
    /// State key, for state events.
    pub state_key: Option<String>,
    /// The content.
    pub content: CanonicalJsonObject,
    /// The target of a redaction.
    pub redacts: Option<OwnedEventId>,
    /// Overrides `origin_server_ts`, for application services (MSC3316).
    pub timestamp_ms: Option<Millis>,
}

impl Draft {
    /// Creates a message-like event.
    #[must_use]
    pub fn message(kind: impl Into<String>, content: CanonicalJsonObject) -> Self {
        Self { kind: kind.into(), state_key: None, content, redacts: None, timestamp_ms: None }
    }

    /// Creates a state event.
    #[must_use]
    pub fn state(kind: impl Into<String>, state_key: impl Into<String>, content: CanonicalJsonObject) -> Self {
        Self { kind: kind.into(), state_key: Some(state_key.into()), content, redacts: None, timestamp_ms: None }
    }
}

/// The place of an event in the room's graph.
#[derive(Debug)]
pub struct GraphPosition<'a> {
    /// The room; none for a create event whose hash becomes the room id.
    pub room_id: Option<&'a RoomId>,
    /// Prev events: the room's forward extremities.
    pub prev_events: Vec<OwnedEventId>,
    /// Auth events.
    pub auth_events: Vec<OwnedEventId>,
    /// One more than the greatest depth of the prev events.
    pub depth: i64,
}

/// A finished event: the parsed PDU, and the canonical JSON to store and send.
#[derive(Debug, Clone)]
pub struct Authored {
    /// The parsed PDU.
    pub pdu: Pdu,
    /// Canonical JSON, hashed and signed.
    pub json: Vec<u8>,
}

/// Builds, hashes and signs an event (server-server API, "Signing events").
///
/// Refuses what every server would reject: identifiers over 255 bytes, events over 65,535 bytes.
pub fn author(
    (server, key): (&ServerName, &Ed25519KeyPair),
    rules: &RoomVersionRules,
    sender: &UserId,
    now_ms: Millis,
    place: GraphPosition<'_>,
    draft: Draft,
) -> Result<Authored> {
    check_sizes(sender, &draft)?;
    let mut object = assemble(rules, sender, now_ms, place, draft)?;
    hash_and_sign_event(server.as_str(), key, &mut object, &rules.redaction).map_err(too_large)?;
    let hash = reference_hash(&object, rules).map_err(too_large)?;
    let event_id =
        EventId::parse(format!("${hash}")).map_err(|error| Error::fault("naming an event by its hash", error))?;
    let json = serde_json::to_vec(&object).map_err(|error| Error::fault("writing an event as JSON", error))?;
    if json.len() > limits::PDU_BYTES_MAX {
        return Err(refuse(Reason::TooLarge, "The event is larger than 65,535 bytes; send a file instead."));
    }
    Ok(Authored { pdu: Pdu::parse(event_id, &json)?, json })
}

fn check_sizes(sender: &UserId, draft: &Draft) -> Result<()> {
    let state_key = draft.state_key.as_deref().unwrap_or_default();
    for (what, text) in [("sender", sender.as_str()), ("type", &draft.kind), ("state key", state_key)] {
        if text.len() > limits::ID_BYTES_MAX {
            let message =
                format!("The {what} is {} bytes long; at most {} are allowed.", text.len(), limits::ID_BYTES_MAX);
            return Err(refuse(Reason::TooLarge, message));
        }
    }
    if draft.kind.is_empty() {
        return Err(Error::invalid("An event needs a type."));
    }
    Ok(())
}

/// Builds an event without hash and signature.
pub fn assemble(
    rules: &RoomVersionRules,
    sender: &UserId,
    now_ms: Millis,
    place: GraphPosition<'_>,
    draft: Draft,
) -> Result<CanonicalJsonObject> {
    let ids = |ids: Vec<OwnedEventId>| CanonicalJsonValue::Array(ids.into_iter().map(|id| text(id.as_str())).collect());
    let mut content = draft.content;
    let mut object = CanonicalJsonObject::new();
    if let Some(redacts) = draft.redacts {
        let home = if rules.redaction.content_field_redacts { &mut content } else { &mut object };
        home.insert("redacts".to_owned(), text(redacts.as_str()));
    }
    object.insert("auth_events".to_owned(), ids(place.auth_events));
    object.insert("content".to_owned(), CanonicalJsonValue::Object(content));
    object.insert("depth".to_owned(), integer(place.depth)?);
    object.insert("origin_server_ts".to_owned(), integer(draft.timestamp_ms.unwrap_or(now_ms).cast_signed())?);
    object.insert("prev_events".to_owned(), ids(place.prev_events));
    if let Some(room_id) = place.room_id {
        object.insert("room_id".to_owned(), text(room_id.as_str()));
    }
    object.insert("sender".to_owned(), text(sender.as_str()));
    if let Some(state_key) = draft.state_key {
        object.insert("state_key".to_owned(), CanonicalJsonValue::String(state_key));
    }
    object.insert("type".to_owned(), CanonicalJsonValue::String(draft.kind));
    Ok(object)
}

fn text(value: &str) -> CanonicalJsonValue {
    CanonicalJsonValue::String(value.to_owned())
}

fn integer(value: i64) -> Result<CanonicalJsonValue> {
    let value =
        Int::new(value).ok_or_else(|| Error::invalid("An integer lies outside of what Matrix allows (2^53)."))?;
    Ok(CanonicalJsonValue::Integer(value))
}

fn too_large(error: ruma::signatures::JsonError) -> Error {
    match error {
        ruma::signatures::JsonError::PduTooLarge => {
            refuse(Reason::TooLarge, "The event is larger than 65,535 bytes; send a file instead.")
        }
        other => Error::fault("hashing and signing an event", other),
    }
}
