//! Parses bytes of another server into an [`IncomingPdu`]: an event in the format of its room version with verified id
//! and room. The first of the checks on receipt (server-server API, "Checks performed on receipt of a PDU").

use hearth_base::{Error, Result, limits};
use hearth_rooms::event::Pdu;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::events::TimelineEventType;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::reference_hash;
use ruma::state_res::check_pdu_format;
use ruma::{EventId, OwnedEventId, RoomId, UserId};
use serde_json::value::RawValue;

use super::canonical_json;

/// An incoming event of another server.
#[derive(Debug, Clone)]
pub struct IncomingPdu {
    /// The parsed event. `rejected` tells whether its auth events allow it; see `auth_order`.
    pub pdu: Pdu,
    /// The stored form: canonical JSON with hashes and signatures, without `unsigned`.
    pub json: Vec<u8>,
    /// The same as an object, for signature checks. May be emptied after them to save memory.
    pub object: CanonicalJsonObject,
}

/// Parses an event of a room version; of the room `room_id`, if given.
///
/// `M_BAD_JSON` for an invalid event of that version and room: not canonical JSON (from version 6 on), too large,
/// fields missing or of a wrong type, too many prev or auth events, or a create event whose hash is not the room id.
pub fn parse(rules: &RoomVersionRules, room_id: Option<&RoomId>, json: &RawValue) -> Result<IncomingPdu> {
    UncheckedPdu::read(json)?.parse(rules, room_id)
}

/// The JSON of an event whose room version is not known yet. An event of a transaction is parsed once: this object
/// tells its room, and then becomes the event.
#[derive(Debug, Clone)]
pub(crate) struct UncheckedPdu(canonical_json::ParsedObject);

impl UncheckedPdu {
    /// `M_BAD_JSON` for what is not an event in any room version.
    pub(crate) fn read(json: &RawValue) -> Result<Self> {
        // Leaves room for white space and `unsigned`, which do not count towards the size limit.
        if json.get().len() > 4 * limits::PDU_BYTES_MAX {
            return Err(Error::bad_json("The event is larger than 65,535 bytes."));
        }
        canonical_json::object(json.get()).map(Self)
    }

    /// The value of a field, if it is a string.
    pub(crate) fn text(&self, field: &str) -> Option<&str> {
        self.0.unchecked().get(field)?.as_str()
    }

    /// The value of a field of the content, if it is a string.
    pub(crate) fn content_text(&self, field: &str) -> Option<&str> {
        self.0.unchecked().get("content")?.as_object()?.get(field)?.as_str()
    }

    /// As [`parse`].
    pub(crate) fn parse(self, rules: &RoomVersionRules, room_id: Option<&RoomId>) -> Result<IncomingPdu> {
        let mut object = self.0.checked(rules.authorization.strict_canonical_json)?;
        // `unsigned` is not covered by signatures, so any server on the path may have written it.
        object.remove("unsigned");
        check_format(rules, &object)?;
        IncomingPdu::of(rules, room_id, object)
    }
}

impl IncomingPdu {
    fn of(rules: &RoomVersionRules, room_id: Option<&RoomId>, object: CanonicalJsonObject) -> Result<Self> {
        check_fields(&object)?;
        let hash = reference_hash(&object, rules).map_err(|error| Error::bad_json(format!("No event: {error}")))?;
        let event_id =
            EventId::parse(format!("${hash}")).map_err(|error| Error::fault("naming an event by its hash", error))?;
        let pdu = read(rules, event_id, &object)?;
        if let Some(room_id) = room_id {
            check_room(rules, &pdu, room_id)?;
        }
        let json = serde_json::to_vec(&object).map_err(|error| Error::fault("writing an event as JSON", error))?;
        if json.len() > limits::PDU_BYTES_MAX {
            return Err(Error::bad_json("The event is larger than 65,535 bytes."));
        }
        Ok(Self { pdu, json, object })
    }

    /// The redacted event, for a content hash that does not match; it keeps its id.
    pub(super) fn redacted(self, rules: &RoomVersionRules) -> Result<Self> {
        let object = ruma::canonical_json::redact(self.object, &rules.redaction, None)
            .map_err(|error| Error::bad_json(format!("The event cannot be redacted: {error}")))?;
        Self::of(rules, None, object)
    }

    /// Whether it is an `m.room.create` event.
    #[must_use]
    pub fn is_create(&self) -> bool {
        self.pdu.is_state(&TimelineEventType::RoomCreate, "")
    }
}

/// Checks the format of the version. Lengths are counted as in Synapse: code points up to version 10, bytes from 11
/// on. A server that counts otherwise drops events that all others have, which splits the room.
fn check_format(rules: &RoomVersionRules, object: &CanonicalJsonObject) -> Result<()> {
    if rules.redaction.content_field_redacts {
        return check_pdu_format(object, &rules.event_format).map_err(Error::bad_json);
    }
    let is_long = |field: &str| {
        let text = object.get(field).and_then(CanonicalJsonValue::as_str);
        text.is_some_and(|text| text.len() > limits::ID_BYTES_MAX && text.chars().count() <= limits::ID_BYTES_MAX)
    };
    let long: Vec<&str> =
        ["type", "sender", "room_id", "state_key"].into_iter().filter(|field| is_long(field)).collect();
    if long.is_empty() {
        return check_pdu_format(object, &rules.event_format).map_err(Error::bad_json);
    }
    // ruma counts bytes, so it checks a copy with these fields shortened.
    let mut counted = object.clone();
    for field in long {
        if let Some(CanonicalJsonValue::String(text)) = counted.get_mut(field) {
            *text = text.chars().take(limits::ID_BYTES_MAX / 4).collect();
        }
    }
    check_pdu_format(&counted, &rules.event_format).map_err(Error::bad_json)
}

/// Checks that ruma's format check omits: types that every server relies on, and NUL characters, which not every
/// database can store.
fn check_fields(object: &CanonicalJsonObject) -> Result<()> {
    for field in ["content", "hashes", "signatures"] {
        if !matches!(object.get(field), Some(CanonicalJsonValue::Object(_))) {
            return Err(Error::bad_json(format!("The event's `{field}` is no object.")));
        }
    }
    for field in ["type", "sender", "room_id", "state_key"] {
        if matches!(object.get(field), Some(CanonicalJsonValue::String(text)) if text.contains('\0')) {
            return Err(Error::bad_json(format!("The event's `{field}` holds a NUL character.")));
        }
    }
    Ok(())
}

fn read(rules: &RoomVersionRules, event_id: OwnedEventId, object: &CanonicalJsonObject) -> Result<Pdu> {
    let missing = |field: &str| Error::bad_json(format!("The event's `{field}` is missing or malformed."));
    let text = |field: &str| object.get(field).and_then(CanonicalJsonValue::as_str);
    let number = |field: &str| object.get(field).and_then(CanonicalJsonValue::as_integer).map(i64::from);
    let content = object.get("content").ok_or_else(|| missing("content"))?;
    let kind = TimelineEventType::from(text("type").ok_or_else(|| missing("type"))?);
    let redacts_home = if rules.redaction.content_field_redacts { content.as_object() } else { Some(object) };
    let redacts =
        redacts_home.filter(|_| kind == TimelineEventType::RoomRedaction).and_then(|home| home.get("redacts"));
    let raw = serde_json::value::to_raw_value(content).map_err(|error| Error::fault("writing a content", error))?;
    Ok(Pdu {
        event_id,
        room_id: text("room_id").map(RoomId::parse).transpose().map_err(|_| missing("room_id"))?,
        kind,
        state_key: text("state_key").map(str::to_owned),
        sender: text("sender").and_then(|id| UserId::parse(id).ok()).ok_or_else(|| missing("sender"))?,
        origin_server_ts: number("origin_server_ts")
            // A time before 1970 is odd but valid on every other server.
            .map(|at| u64::try_from(at).unwrap_or(0))
            .ok_or_else(|| missing("origin_server_ts"))?,
        depth: number("depth").ok_or_else(|| missing("depth"))?,
        content: raw,
        prev_events: ids(object, "prev_events").ok_or_else(|| missing("prev_events"))?,
        auth_events: ids(object, "auth_events").ok_or_else(|| missing("auth_events"))?,
        redacts: redacts.and_then(CanonicalJsonValue::as_str).and_then(|id| EventId::parse(id).ok()),
        rejected: false,
    })
}

fn ids(object: &CanonicalJsonObject, field: &str) -> Option<Vec<OwnedEventId>> {
    let list = object.get(field)?.as_array()?;
    list.iter().map(|id| EventId::parse(id.as_str()?).ok()).collect()
}

/// Checks that an event belongs to a room: by its `room_id`, or as the create event that gives the room its id.
fn check_room(rules: &RoomVersionRules, pdu: &Pdu, room_id: &RoomId) -> Result<()> {
    let is_there = match &pdu.room_id {
        Some(named) => *named == *room_id,
        None => {
            rules.authorization.room_create_event_id_as_room_id
                && pdu.event_id.as_str().strip_prefix('$') == room_id.as_str().strip_prefix('!')
        }
    };
    if is_there {
        return Ok(());
    }
    Err(Error::bad_json(format!("{} is not an event of {room_id}.", pdu.event_id)))
}
