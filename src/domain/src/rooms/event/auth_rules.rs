//! The authorisation rules, asked with events instead of look-ups (server-server API, "Authorization rules"),
//! for events of our own and of others alike: what one server reads off an event must lead every other to the same result.

use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::state_res::{auth_types_for_event, check_state_dependent_auth_rules, check_state_independent_auth_rules};
use ruma::{EventId, UserId};
use serde_json::value::RawValue;

use super::Pdu;

/// Why an event does not pass, for the log.
pub(crate) type AuthResult = Result<(), String>;

/// Judges an event by its auth events. `auth` has all of them that are known, and the create event.
pub(crate) fn by_auth_events(rules: &RoomVersionRules, pdu: &Pdu, auth: &[&Pdu]) -> AuthResult {
    let by_id = |id: &EventId| auth.iter().copied().find(|known| *known.event_id == *id);
    check_state_independent_auth_rules(&rules.authorization, pdu, by_id)?;
    by_state(rules, pdu, auth)
}

/// Judges an event by a state, of which `state` has the parts that [`wanted`] names.
pub(crate) fn by_state(rules: &RoomVersionRules, pdu: &Pdu, state: &[&Pdu]) -> AuthResult {
    let by_name = |kind: &StateEventType, key: &str| {
        let kind = TimelineEventType::from(kind.clone());
        state.iter().copied().find(|known| known.kind == kind && known.state_key.as_deref() == Some(key))
    };
    check_state_dependent_auth_rules(&rules.authorization, pdu, by_name)
}

/// The parts of a state that the rules look at for an event; an error when it is malformed, and so not allowed.
pub(crate) fn wanted(rules: &RoomVersionRules, pdu: &Pdu) -> Result<Vec<(StateEventType, String)>, String> {
    select(rules, &pdu.kind, &pdu.sender, pdu.state_key.as_deref(), &pdu.content)
}

/// The same of an event that is yet to be written: its auth events by the specification (server-server API, "Auth events
/// selection"), and the create event, which from version 12 on is not among them although the rules look at it. Of `content`,
/// only that of member events matters.
pub(crate) fn select(
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

/// The id of the create event that an event's room is named after, from version 12 on.
pub(crate) fn create_id(rules: &RoomVersionRules, pdu: &Pdu) -> Option<ruma::OwnedEventId> {
    let room_id = pdu.room_id.as_ref().filter(|_| rules.authorization.room_create_event_id_as_room_id)?;
    EventId::parse(format!("${}", room_id.strip_sigil())).ok()
}
