//! Events with signatures of several servers: invites, and restricted joins.

use hearth_base::limits::federation::SIGNATURES_MAX;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_rooms::RoomCore;
use ruma::ServerName;
use ruma::canonical_json::CanonicalJsonValue;
use ruma::room_version_rules::RoomVersionRules;
use ruma::signatures::sign_event;

use super::pdu::IncomingPdu;

/// Adds this server's signature to an event after its checks.
pub(super) fn countersign(core: &RoomCore, rules: &RoomVersionRules, mut event: IncomingPdu) -> Result<IncomingPdu> {
    sign_event(core.server_name.as_str(), core.key.pair(), &mut event.object, &rules.redaction)
        .map_err(|error| Error::bad_json(format!("The event cannot be signed: {error}")))?;
    rewrite(&mut event)?;
    Ok(event)
}

/// Copies `server`'s signatures of the same event, unchecked.
pub(super) fn take_signatures(event: &mut IncomingPdu, theirs: &IncomingPdu, server: &ServerName) -> Result<()> {
    let missing = || refuse(Reason::ConnectionFailed, format!("{server} did not sign the event."));
    let all = theirs.object.get("signatures").and_then(CanonicalJsonValue::as_object).ok_or_else(missing)?;
    let own = all.get(server.as_str()).and_then(CanonicalJsonValue::as_object).ok_or_else(missing)?;
    let is_signature =
        |value: &CanonicalJsonValue| value.as_str().is_some_and(|text| text.len() <= limits::ID_BYTES_MAX);
    if own.is_empty() || own.len() > SIGNATURES_MAX || !own.values().all(is_signature) {
        return Err(missing());
    }
    let signatures =
        event.object.entry("signatures".to_owned()).or_insert_with(|| CanonicalJsonValue::Object([].into()));
    if let CanonicalJsonValue::Object(signatures) = signatures {
        signatures.insert(server.to_string(), CanonicalJsonValue::Object(own.clone()));
    }
    rewrite(event)
}

fn rewrite(event: &mut IncomingPdu) -> Result<()> {
    event.json = serde_json::to_vec(&event.object).map_err(|error| Error::fault("writing an event as JSON", error))?;
    if event.json.len() > limits::PDU_BYTES_MAX {
        return Err(refuse(Reason::TooLarge, "With all its signatures, the event is larger than 65,535 bytes."));
    }
    Ok(())
}
