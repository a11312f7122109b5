//! The authorisation rules, asked with events instead of look-ups (server-server API, "Authorization rules").

use ruma::EventId;
use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::state_res::{auth_types_for_event, check_state_dependent_auth_rules, check_state_independent_auth_rules};

use crate::rooms::event::Pdu;

/// Why an event does not pass, for the log.
pub(in crate::federation) type AuthResult = Result<(), String>;

/// Judges an event by its auth events. `auth` has all of them that are known, and the create event.
pub(in crate::federation) fn by_auth_events(rules: &RoomVersionRules, pdu: &Pdu, auth: &[&Pdu]) -> AuthResult {
    let by_id = |id: &EventId| auth.iter().copied().find(|known| *known.event_id == *id);
    check_state_independent_auth_rules(&rules.authorization, pdu, by_id)?;
    by_state(rules, pdu, auth)
}

/// Judges an event by a state, of which `state` has the parts that [`wanted`] names.
pub(in crate::federation) fn by_state(rules: &RoomVersionRules, pdu: &Pdu, state: &[&Pdu]) -> AuthResult {
    let by_name = |kind: &StateEventType, key: &str| {
        let kind = TimelineEventType::from(kind.clone());
        state.iter().copied().find(|known| known.kind == kind && known.state_key.as_deref() == Some(key))
    };
    check_state_dependent_auth_rules(&rules.authorization, pdu, by_name)
}

/// The parts of a state that the rules look at for an event; an error when it is malformed, and so not allowed.
pub(in crate::federation) fn wanted(
    rules: &RoomVersionRules,
    pdu: &Pdu,
) -> Result<Vec<(StateEventType, String)>, String> {
    let state_key = pdu.state_key.as_deref();
    let mut wanted = auth_types_for_event(&pdu.kind, &pdu.sender, state_key, &pdu.content, &rules.authorization)?;
    // From version 12 on it is not among the auth events, but the rules look at it.
    if rules.authorization.room_create_event_id_as_room_id && pdu.kind != TimelineEventType::RoomCreate {
        wanted.push((StateEventType::RoomCreate, String::new()));
    }
    Ok(wanted)
}

/// The id of the create event that an event's room is named after, from version 12 on.
pub(in crate::federation) fn create_id(rules: &RoomVersionRules, pdu: &Pdu) -> Option<ruma::OwnedEventId> {
    let room_id = pdu.room_id.as_ref().filter(|_| rules.authorization.room_create_event_id_as_room_id)?;
    EventId::parse(format!("${}", room_id.strip_sigil())).ok()
}
