//! Builds transactions (application-service API, "Pushing events"): everything of interest between two positions. The
//! same bounds give the same events, which is how a transaction survives a crash without being stored.

use std::collections::BTreeSet;
use std::sync::Arc;

use bytes::Bytes;
use hearth_base::limits::domain::{APPSERVICE_SCAN_EVENTS_MAX, APPSERVICE_TXN_BYTES_MAX, APPSERVICE_TXN_EVENTS_MAX};
use hearth_base::{Error, Position, Result};
use hearth_core::appservices::Registration;
use hearth_rooms::event::client::{Unsigned, show};
use hearth_rooms::load::Event;
use hearth_rooms::state::snapshot;
use hearth_rooms::{RoomCore, find};
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{DeviceSn, KeySn, RoomSn};
use hearth_store::tables::appservices::{self, TransactionEnd};
use hearth_store::tables::{memberships, rooms, users};
use hearth_users::ephemeral::{PresenceBook, Typing};
use ruma::RoomId;
use ruma::serde::Raw;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::interest::Interest;
use super::{ephemeral, key_changes, to_device};

/// A transaction to send.
#[derive(Debug, Clone)]
pub(super) struct Transaction {
    pub(super) end: TransactionEnd,
    /// The JSON body.
    pub(super) body: Bytes,
    /// The devices whose messages it has, and the last message of each.
    pub(super) delivered: Vec<(DeviceSn, Position)>,
}

/// What transactions are built from.
#[derive(Debug, Clone)]
pub(super) struct Sources {
    pub(super) core: Arc<RoomCore>,
    pub(super) typing: Arc<Typing>,
    pub(super) presence: Arc<PresenceBook>,
    pub(super) service: Arc<Registration>,
}

/// The part of the stream to build a transaction from.
#[derive(Debug, Clone, Copy)]
pub(super) struct Part {
    /// The service has received everything up to here.
    pub(super) after: Position,
    /// The bounds of a transaction that was sent before a crash and has to be the same; `None` for a new one.
    pub(super) end: Option<TransactionEnd>,
    /// Whether to look for to-device messages.
    pub(super) mail: bool,
}

/// The result of one read.
#[derive(Debug)]
pub(super) struct Built {
    /// The transaction; `None` when nothing up to `upto` is of interest.
    pub(super) transaction: Option<Transaction>,
    /// Up to where the stream was read.
    pub(super) upto: Position,
    /// Whether there is more.
    pub(super) more: bool,
    /// Whether more to-device messages wait.
    pub(super) more_mail: bool,
}

/// The body of a transaction. The unstable names are those of MSC2409, MSC4203 and MSC3202, which bridges read.
#[derive(Debug, Default, Serialize)]
pub(super) struct Body {
    pub(super) events: Vec<Raw<()>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) ephemeral: Vec<Value>,
    #[serde(rename = "de.sorunome.msc2409.ephemeral", skip_serializing_if = "Vec::is_empty")]
    unstable_ephemeral: Vec<Value>,
    #[serde(rename = "de.sorunome.msc2409.to_device", skip_serializing_if = "Vec::is_empty")]
    pub(super) to_device: Vec<Value>,
    #[serde(rename = "org.matrix.msc3202.device_lists", skip_serializing_if = "Option::is_none")]
    pub(super) device_lists: Option<Value>,
    #[serde(rename = "org.matrix.msc3202.device_one_time_keys_count", skip_serializing_if = "Option::is_none")]
    pub(super) one_time_keys: Option<Value>,
    /// The name that older bridges read.
    #[serde(rename = "org.matrix.msc3202.device_one_time_key_counts", skip_serializing_if = "Option::is_none")]
    old_one_time_keys: Option<Value>,
    #[serde(rename = "org.matrix.msc3202.device_unused_fallback_key_types", skip_serializing_if = "Option::is_none")]
    pub(super) fallback_keys: Option<Value>,
}

impl Body {
    fn is_empty(&self) -> bool {
        self.events.is_empty() && self.ephemeral.is_empty() && self.to_device.is_empty() && self.device_lists.is_none()
    }
}

/// Reads the next part of the stream, and moves `interest` to its end.
pub(super) fn build(sources: &Sources, tx: &mut ReadTx<'_>, interest: &mut Interest, part: Part) -> Result<Built> {
    let newest = tx.position();
    let tx = tx.tx();
    let (service, mut body) = (&sources.service, Body::default());
    let until = part.end.map_or(newest, |end| end.upto).max(part.after);
    let found = read_events(sources, tx, interest, (part.after, until, part.end.is_some()))?;
    let range = (part.after, found.upto);
    body.events = found.shown;
    if service.receive_ephemeral {
        body.ephemeral = ephemeral::between(sources, tx, interest, range)?;
        body.unstable_ephemeral.clone_from(&body.ephemeral);
    }
    // The bound of a transaction that did not look for messages is 0: it has none when it is built again either.
    let mut mail = to_device::Mail::default();
    if part.mail && service.receive_to_device {
        mail = to_device::waiting(tx, sources, part.end.map_or(newest, |end| end.to_device))?;
        body.to_device = std::mem::take(&mut mail.messages);
    }
    if service.receive_key_changes {
        body.device_lists = key_changes::device_lists(tx, interest, range)?;
        if !body.is_empty() {
            let mut concerned = mail.users.clone();
            concerned.extend(found.rooms.iter().flat_map(|room| interest.members(*room)));
            (body.one_time_keys, body.fallback_keys) = key_changes::counts(tx, concerned)?;
            body.old_one_time_keys.clone_from(&body.one_time_keys);
        }
    }
    // A transaction that was under way is sent again even if what it had is gone: the service may know its number.
    let transaction = match body.is_empty() && part.end.is_none() {
        true => None,
        false => Some(Transaction {
            end: TransactionEnd { upto: found.upto, to_device: mail.upto },
            body: written(&body)?,
            delivered: mail.delivered,
        }),
    };
    Ok(Built { transaction, upto: found.upto, more: found.upto < newest, more_mail: mail.more })
}

fn written(body: &Body) -> Result<Bytes> {
    let written = serde_json::to_vec(body);
    written.map(Bytes::from).map_err(|error| Error::fault("writing a transaction for an application service", error))
}

/// The events of a part of the stream.
struct Found {
    shown: Vec<Raw<()>>,
    rooms: BTreeSet<RoomSn>,
    upto: Position,
}

/// Reads events of interest in `(after, until]`: all of them if the bound is `fixed`, otherwise as many as one
/// transaction has, and not for too long.
fn read_events(
    sources: &Sources,
    tx: &mut dyn Tx,
    interest: &mut Interest,
    (after, until, fixed): (Position, Position, bool),
) -> Result<Found> {
    let limit = if fixed { u64::MAX >> 1 } else { APPSERVICE_SCAN_EVENTS_MAX };
    let stream = appservices::events(tx, after, until, limit)?;
    let is_whole = (stream.len() as u64) < limit;
    let until = if is_whole { until } else { stream.last().map_or(until, |(at, _)| *at) };
    let mut moves = appservices::moves(tx, after, until)?.into_iter().peekable();
    let mut found = Found { shown: Vec::new(), rooms: BTreeSet::new(), upto: after };
    let mut bytes = 0;
    for (at, sn) in stream {
        let event = sources.core.events.get(tx, sn)?;
        interest.advance(tx, &mut moves, at)?;
        let Some(room) = rooms::by_sn(tx, event.room)? else { continue };
        let room_id = find::id(&room)?;
        if interest.wants(tx, &event, &room_id)? {
            let shown = shown(sources, tx, interest, &event, &room_id)?;
            bytes += shown.json().get().len();
            let is_full = found.shown.len() >= APPSERVICE_TXN_EVENTS_MAX || bytes > APPSERVICE_TXN_BYTES_MAX;
            if is_full && !fixed && !found.shown.is_empty() {
                // The state of `interest` is now that of an event which does not belong to this transaction.
                interest.rewind(tx, found.upto)?;
                return Ok(found);
            }
            found.shown.push(shown);
            found.rooms.insert(event.room);
        }
        found.upto = at;
    }
    interest.advance(tx, &mut moves, until)?;
    found.upto = until;
    Ok(found)
}

/// An event in the client format, with the state that it replaced, and the room's stripped state for an invited user.
fn shown(
    sources: &Sources,
    tx: &mut dyn Tx,
    interest: &mut Interest,
    event: &Event,
    room_id: &RoomId,
) -> Result<Raw<()>> {
    let now = sources.core.now_ms();
    let age = Some(now.cast_signed().saturating_sub_unsigned(event.pdu.origin_server_ts));
    let mut unsigned = Unsigned { age, ..Unsigned::default() };
    if let (Some(key), true) = (event.state_key, event.snapshot.is_some())
        && let Some(replaced) = snapshot::get(tx, event.snapshot, key)?
    {
        let replaced = sources.core.events.get(tx, replaced)?;
        unsigned.replaces_state = Some(replaced.pdu.event_id.to_string());
        unsigned.prev_content = Some(replaced.pdu.content.clone());
    }
    if let Some(by) = event.redacted_by {
        let redaction = sources.core.events.get(tx, by)?;
        unsigned.redacted_because = Some(show::<()>(&redaction.pdu, Some(room_id), &Unsigned::default()).into_json());
    }
    let shown = show(&event.pdu, Some(room_id), &unsigned);
    let is_invite = event.pdu.content_str("membership").is_some_and(|membership| &*membership == "invite");
    if !is_invite || !event.state_key.is_some_and(KeySn::is_member) {
        return Ok(shown);
    }
    with_stripped_state(tx, interest, event, shown)
}

fn with_stripped_state(tx: &mut dyn Tx, interest: &mut Interest, event: &Event, shown: Raw<()>) -> Result<Raw<()>> {
    let invited = event.pdu.state_key.as_deref().unwrap_or_default();
    let Some(user) = users::find(tx, invited)? else { return Ok(shown) };
    if !interest.owns(tx, user)? {
        return Ok(shown);
    }
    let Some(stripped) = memberships::stripped(tx, event.room, user)? else { return Ok(shown) };
    let broken = |error| Error::fault("writing an invite for an application service", error);
    let stripped: Box<RawValue> = serde_json::from_slice(&stripped).map_err(broken)?;
    let mut value: Value = serde_json::from_str(shown.json().get()).map_err(broken)?;
    value["unsigned"]["invite_room_state"] = json!(stripped);
    Ok(Raw::from_json(serde_json::value::to_raw_value(&value).map_err(broken)?))
}
