//! Applies redactions (client-server API, "Redactions"; room versions, "Handling redactions").

use std::sync::Arc;

use hearth_base::error::refuse;
use hearth_base::{Error, Reason, Result};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::relations;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{events, pending_redactions};
use ruma::canonical_json::{CanonicalJsonObject, redact};
use ruma::events::TimelineEventType;
use ruma::{EventId, UserId};

use super::event::{Pdu, version};
use super::load::Event;
use super::{persist, power, search};
use crate::RoomCore;

/// Applies a stored redaction to its target, if the sender may redact it. When the target is not here yet, marks the
/// redaction as pending.
pub fn apply(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: &Room, redaction: &Event) -> Result<()> {
    let Some(target_id) = &redaction.pdu.redacts else { return Ok(()) };
    let Some(target) = core.events.find(tx.tx(), target_id)? else {
        return pending_redactions::insert(tx.tx(), room.sn, redaction.sn, target_id.as_str());
    };
    redact_event(core, tx, room, redaction, &target)
}

/// Returns whether to withhold a redaction from clients, which would otherwise hide its target. Withholds it if its
/// sender may not redact the target, if the target is in another room, and while the target is missing, because the
/// check needs the target.
pub fn is_withheld(core: &RoomCore, tx: &mut dyn Tx, room: &Room, pdu: &Pdu) -> Result<bool> {
    if pdu.kind != TimelineEventType::RoomRedaction || pdu.state_key.is_some() || core.is_local(&pdu.sender) {
        return Ok(false);
    }
    let Some(target) = &pdu.redacts else { return Ok(true) };
    match core.events.find(tx, target)? {
        Some(target) if target.room == room.sn => Ok(!may_redact(core, tx, room, pdu, &target)?),
        _ => Ok(true),
    }
}

/// Applies the redactions that arrived before their target. A withheld redaction that turns out valid gets a place at
/// the end of the timeline if `is_live`. For backfilled targets clients see the redacted event only.
pub fn apply_pending(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    target: &Event,
    is_live: bool,
) -> Result<()> {
    for redaction in pending_redactions::of(tx.tx(), room.sn, target.pdu.event_id.as_str())? {
        pending_redactions::delete(tx.tx(), redaction)?;
        let redaction = core.events.get(tx.tx(), redaction)?;
        redact_event(core, tx, room, &redaction, target)?;
        let was_withheld = redaction.ord.is_none() && !redaction.is_outlier() && !redaction.is_soft_failed();
        if is_live
            && was_withheld
            && !redaction.pdu.rejected
            && may_redact(core, tx.tx(), room, &redaction.pdu, target)?
        {
            persist::show(core, tx, &redaction)?;
        }
    }
    Ok(())
}

fn redact_event(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    redaction: &Event,
    target: &Event,
) -> Result<()> {
    // A room does not work without its create event, so every server ignores a redaction of it.
    let is_beyond = target.room != room.sn || target.pdu.kind == TimelineEventType::RoomCreate || target.is_redacted();
    if is_beyond || !may_redact(core, tx.tx(), room, &redaction.pdu, target)? {
        return Ok(());
    }
    let rules = version::stored_rules(&room.version)?;
    let row = events::by_sn(tx.tx(), target.sn)?.ok_or_else(|| Error::broken("the event to redact is missing"))?;
    let object: CanonicalJsonObject =
        serde_json::from_slice(&row.json).map_err(|error| Error::fault("reading the event to redact", error))?;
    let object = redact(object, &rules.redaction, None).map_err(|error| Error::fault("redacting an event", error))?;
    let json = serde_json::to_vec(&object).map_err(|error| Error::fault("writing a redacted event", error))?;
    search::redacted(tx.tx(), target)?;
    events::redact(tx.tx(), &row, redaction.sn, &json)?;
    // A redacted event has no relations any more: reactions disappear, edits are undone.
    relations::delete(tx.tx(), target.sn)?;
    // Evict at once for later reads of this transaction, and again after the commit: a reader with an older snapshot
    // may cache the old content in between.
    core.events.redacted(target.sn);
    let (core, sn) = (core.clone(), target.sn);
    tx.after_commit(move || core.events.redacted(sn));
    Ok(())
}

/// Refuses with `M_FORBIDDEN` a redaction that the local `user` may not make: they may redact all of their own
/// events, and events of others only with the power for it. `M_NOT_FOUND` for an event of another room.
///
/// Other servers may have a target that this server does not have: with the power to redact, the redaction is sent,
/// and each server checks it once it has both. Without that power it is `M_NOT_FOUND`: this server has all of the
/// user's own events, so an unknown one is by another user.
pub(super) fn check(core: &RoomCore, tx: &mut dyn Tx, room: &Room, user: &UserId, target_id: &EventId) -> Result<()> {
    let target = core.events.find(tx, target_id)?;
    if target.as_ref().is_some_and(|target| target.room != room.sn) {
        return Err(Error::not_found(format!("There is no event {target_id} in this room.")));
    }
    if let Some(kind) = target.as_ref().map(|target| &target.pdu.kind)
        && matches!(kind, TimelineEventType::RoomCreate | TimelineEventType::RoomServerAcl)
    {
        return Err(Error::forbidden(format!("Without its {kind} the room would break; it stays.")));
    }
    let is_own = target.as_ref().is_some_and(|target| *target.pdu.sender == *user);
    if is_own || power::levels(core, tx, room)?.user_can_redact_event_of_other(user) {
        return Ok(());
    }
    match target {
        Some(_) => Err(Error::forbidden("You do not have the power to remove what others have sent.")),
        None => Err(Error::not_found(format!(
            "The event {target_id} is not known here: only users with the power to redact others' events may redact it."
        ))),
    }
}

/// Refuses with `M_USER_SUSPENDED` events of other users: a suspended user may redact only their own events
/// (client-server API, "Account suspension").
pub(super) fn must_be_own(core: &RoomCore, tx: &mut dyn Tx, user: &UserId, target_id: &EventId) -> Result<()> {
    let target = core.events.find(tx, target_id)?;
    if target.is_some_and(|target| *target.pdu.sender == *user) {
        return Ok(());
    }
    Err(refuse(Reason::UserSuspended, "This account is suspended: it can take back its own messages and no others."))
}

/// Returns whether the sender of a redaction may redact the target: by power level, or because both are of the same
/// server.
fn may_redact(core: &RoomCore, tx: &mut dyn Tx, room: &Room, redaction: &Pdu, target: &Event) -> Result<bool> {
    if redaction.sender.server_name() == target.pdu.sender.server_name() {
        return Ok(true);
    }
    Ok(power::levels(core, tx, room)?.user_can_redact_event_of_other(&redaction.sender))
}
