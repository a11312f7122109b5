//! The auth rules, called with events instead of look-ups (server-server API, "Authorization rules"), for local and
//! remote events alike: every server must reach the same result from the same event.

use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::state_res::{auth_types_for_event, check_state_dependent_auth_rules, check_state_independent_auth_rules};
use ruma::{EventId, UserId};
use serde_json::value::RawValue;

use super::Pdu;

/// The reason why an event fails the auth rules, for the log.
pub type AuthResult = Result<(), String>;

/// Checks an event against its auth events. `auth` holds all of them that are known, and the create event.
pub fn by_auth_events(rules: &RoomVersionRules, pdu: &Pdu, auth: &[&Pdu]) -> AuthResult {
    let by_id = |id: &EventId| auth.iter().copied().find(|known| *known.event_id == *id);
    check_state_independent_auth_rules(&rules.authorization, pdu, by_id)?;
    by_state(rules, pdu, auth)
}

/// Checks an event against a state, of which `state` holds the parts that [`wanted`] names.
pub fn by_state(rules: &RoomVersionRules, pdu: &Pdu, state: &[&Pdu]) -> AuthResult {
    let by_name = |kind: &StateEventType, key: &str| {
        let kind = TimelineEventType::from(kind.clone());
        state.iter().copied().find(|known| known.kind == kind && known.state_key.as_deref() == Some(key))
    };
    check_state_dependent_auth_rules(&rules.authorization, pdu, by_name)
}

/// Returns the parts of a state that the rules read for an event; an error when the event is malformed and so not
/// allowed.
pub fn wanted(rules: &RoomVersionRules, pdu: &Pdu) -> Result<Vec<(StateEventType, String)>, String> {
    select(rules, &pdu.kind, &pdu.sender, pdu.state_key.as_deref(), &pdu.content)
}

/// As [`wanted`], for an event that is yet to be authored: its auth events by the specification (server-server API,
/// "Auth events selection"), and the create event, which the rules read although from version 12 on it is not an auth
/// event. `content` matters for member events only.
pub fn select(
    rules: &RoomVersionRules,
    kind: &TimelineEventType,
    sender: &UserId,
    state_key: Option<&str>,
    content: &RawValue,
) -> Result<Vec<(StateEventType, String)>, String> {
    let mut wanted = auth_types_for_event(kind, sender, state_key, content, &rules.authorization)?;
    if rules.authorization.room_create_event_id_as_room_id && *kind != TimelineEventType::RoomCreate {
        wanted.push((StateEventType::RoomCreate, String::new()));
    }
    Ok(wanted)
}

/// Returns the id of the create event after which the event's room is named, from version 12 on.
pub fn create_id(rules: &RoomVersionRules, pdu: &Pdu) -> Option<ruma::OwnedEventId> {
    let room_id = pdu.room_id.as_ref().filter(|_| rules.authorization.room_create_event_id_as_room_id)?;
    EventId::parse(format!("${}", room_id.strip_sigil())).ok()
}
