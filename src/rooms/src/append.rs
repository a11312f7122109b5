//! Appends an event of this server to a room: authors it, checks it, stores it with all its effects, and wakes the
//! affected long polls. Everything happens inside one write closure, so half an event is never visible.

use std::borrow::Cow;
use std::sync::Arc;

use hearth_base::limits::rooms::DEPTH_MAX;
use hearth_base::{Error, Position, Result};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use ruma::events::{StateEventType, TimelineEventType};
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedEventId, RoomId, UserId};
use serde_json::value::RawValue;

use super::event::author::{Authored, Draft, GraphPosition, assemble, author};
use super::event::{Pdu, auth_rules, version};
use super::heads::Heads;
use super::load::Event;
use super::persist::{self, NewEvent};
use super::{destinations, find, guests, policy};
use crate::RoomCore;

/// The sender of an event, with what its client needs to recognise the local echo.
#[derive(Debug, Clone)]
pub struct Sender {
    /// Serial number of the sender.
    pub sender: UserSn,
    /// User id of the sender.
    pub user_id: ruma::OwnedUserId,
    /// Device and transaction id, for the sender's local echo.
    pub txn: Option<(DeviceSn, String)>,
}

impl Sender {
    /// A sender without a transaction.
    #[must_use]
    pub fn new(sender: UserSn, user_id: &UserId) -> Self {
        Self { sender, user_id: user_id.to_owned(), txn: None }
    }
}

/// Authors `draft` in `room` and appends it. Moves `room` forward, so that several events can follow in one closure.
///
/// Refuses with `M_FORBIDDEN` an event that the room's auth rules do not allow; nothing has been written then. In a
/// room with a policy server this must run under `policy::write`.
pub fn append(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Sender,
    draft: Draft,
) -> Result<Arc<Event>> {
    let authored = prepare(core, tx.tx(), room, &origin.user_id, draft)?;
    let authored = policy::approve(core, tx.tx(), room, authored)?;
    store(core, tx, room, origin, authored)
}

/// Authors `draft` as [`append`] would now, and stores nothing: for an event that another server has to sign first.
pub fn prepare(core: &RoomCore, tx: &mut dyn Tx, room: &Room, sender: &UserId, draft: Draft) -> Result<Authored> {
    let rules = version::stored_rules(&room.version)?;
    let heads = Heads::choose(core, tx, room, rules)?;
    let auth_events = AuthEvents::gather(core, tx, room, rules, &heads, (sender, &draft))?;
    let is_hashed_create = rules.authorization.room_create_event_id_as_room_id && draft.kind == "m.room.create";
    let room_id = if is_hashed_create { None } else { Some(find::id(room)?) };
    let place = auth_events.place(room, rules, heads.ids(core, tx)?, room_id.as_deref());
    let signer = (&*core.server_name, core.key.pair());
    let authored = author(signer, rules, sender, core.now_ms(), place, draft)?;
    auth_events.check_auth(rules, &authored.pdu)?;
    Ok(authored)
}

/// Appends an event made by [`prepare`] if the room has not moved on since; returns it otherwise.
pub fn append_prepared(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Sender,
    authored: Authored,
) -> Result<std::result::Result<Arc<Event>, Authored>> {
    // Another event may have arrived while the other server signed, and a signed event cannot take new prev events.
    let rules = version::stored_rules(&room.version)?;
    if Heads::choose(core, tx.tx(), room, rules)?.ids(core, tx.tx())? != authored.pdu.prev_events {
        return Ok(Err(authored));
    }
    policy::check(core, tx.tx(), room, &authored)?;
    store(core, tx, room, origin, authored).map(Ok)
}

/// Returns the event template that a remote `sender` would have to send now for `draft`, without hash and signature,
/// for the remote server to sign. `M_FORBIDDEN` when the room's auth rules would reject it.
pub fn template(core: &RoomCore, tx: &mut dyn Tx, room: &Room, sender: &UserId, draft: Draft) -> Result<Vec<u8>> {
    let rules = version::stored_rules(&room.version)?;
    let heads = Heads::choose(core, tx, room, rules)?;
    let auth_events = AuthEvents::gather(core, tx, room, rules, &heads, (sender, &draft))?;
    let room_id = find::id(room)?;
    let place = auth_events.place(room, rules, heads.ids(core, tx)?, Some(&room_id));
    let object = assemble(rules, sender, core.now_ms(), place, draft)?;
    let json = serde_json::to_vec(&object).map_err(|error| Error::fault("writing a template as JSON", error))?;
    // A placeholder is enough: the auth rules never read an event's own id.
    let pdu = Pdu::parse(ruma::owned_event_id!("$template"), &json)?;
    auth_events.check_auth(rules, &pdu)?;
    Ok(json)
}

/// The part of the state before an event that authorises it. The auth rules may read nothing else: every server has to
/// reach the same result from the event's auth events alone.
struct AuthEvents {
    found: Vec<(StateEventType, Arc<Event>)>,
    /// The same part of the current state, if that is another one: the event has to be allowed by both.
    current: Option<Vec<Arc<Event>>>,
}

impl AuthEvents {
    /// Loads the state that [`auth_rules::select`] names, as far as the room has it.
    fn gather(
        core: &RoomCore,
        tx: &mut dyn Tx,
        room: &Room,
        rules: &RoomVersionRules,
        heads: &Heads,
        (sender, draft): (&UserId, &Draft),
    ) -> Result<Self> {
        let kind = TimelineEventType::from(draft.kind.as_str());
        // Only member events are selected by content, so other contents are not serialised.
        let content = match kind {
            TimelineEventType::RoomMember => Cow::Owned(raw_content(draft)?),
            _ => Cow::Borrowed(RawValue::NULL),
        };
        let wanted = auth_rules::select(rules, &kind, sender, draft.state_key.as_deref(), &content);
        let wanted = wanted.map_err(Error::bad_json)?;
        let (mut found, mut current) = (Vec::with_capacity(wanted.len()), heads.is_apart().then(Vec::new));
        for (kind, key) in wanted {
            let name = kind.to_string();
            if let Some(current) = &mut current
                && let Some(sn) = state::current_named(tx, room.sn, &name, &key)?
            {
                current.push(core.events.get(tx, sn)?);
            }
            if let Some(sn) = heads.event_for(tx, room, &name, &key)? {
                found.push((kind, core.events.get(tx, sn)?));
            }
        }
        Ok(Self { found, current })
    }

    fn place<'a>(
        &self,
        room: &Room,
        rules: &RoomVersionRules,
        prev_events: Vec<OwnedEventId>,
        room_id: Option<&'a RoomId>,
    ) -> GraphPosition<'a> {
        let depth = room.depth.saturating_add(1).min(DEPTH_MAX);
        GraphPosition { room_id, prev_events, auth_events: self.auth_events(rules), depth }
    }

    fn auth_events(&self, rules: &RoomVersionRules) -> Vec<OwnedEventId> {
        let named = |kind: &StateEventType| {
            *kind != StateEventType::RoomCreate || !rules.authorization.room_create_event_id_as_room_id
        };
        self.found.iter().filter(|(kind, _)| named(kind)).map(|(_, event)| event.pdu.event_id.clone()).collect()
    }

    /// Checks an event of this server. Its auth events are selected from the state before it, so one call covers the
    /// check against its auth events and the one against that state, which mostly is the current one.
    fn check_auth(&self, rules: &RoomVersionRules, pdu: &Pdu) -> Result<()> {
        let forbidden = |why| Error::forbidden(format!("The rules of this room do not allow that: {why}"));
        let auth: Vec<&Pdu> = self.found.iter().map(|(_, event)| &event.pdu).collect();
        auth_rules::by_auth_events(rules, pdu, &auth).map_err(forbidden)?;
        let Some(current) = &self.current else { return Ok(()) };
        let current: Vec<&Pdu> = current.iter().map(|event| &event.pdu).collect();
        auth_rules::by_state(rules, pdu, &current).map_err(forbidden)
    }
}

fn raw_content(draft: &Draft) -> Result<Box<RawValue>> {
    serde_json::value::to_raw_value(&draft.content).map_err(|error| Error::fault("writing an event's content", error))
}

/// Stores an event that has passed its checks, with its effects.
fn store(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Sender,
    authored: Authored,
) -> Result<Arc<Event>> {
    let Authored { pdu, json } = authored;
    // The event replaces all forward extremities, unless there are more of them than an event can name as prev events.
    let rules = version::stored_rules(&room.version)?;
    let heads = Heads::choose(core, tx.tx(), room, rules)?;
    let before = heads.snapshot(tx, room)?;
    let step = heads.step(core, tx.tx(), room, rules, &pdu)?;
    // Before `persist::live` changes the memberships: the server of a kicked user must also receive the kick.
    let concerned = destinations::before(core, tx, room.sn, &pdu)?;
    let new = NewEvent { pdu, json, sender: Some(origin.sender), txn: origin.txn.clone(), known: None };
    let event = persist::live(core, tx, room, new, before, step)?;
    destinations::put(core, tx, &event, Position::from_i64(event.sn.0), concerned, None)?;
    // Last: it appends leave events that follow this one.
    guests::leave_after(core, tx, room, &event)?;
    Ok(event)
}
