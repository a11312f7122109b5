//! Imports the state of a room that this server joins or rejoins, from the resident server.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Position, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::event::{auth_rules, version};
use hearth_rooms::load::Event;
use hearth_rooms::persist::{self, HeadChange, NewEvent};
use hearth_rooms::state::snapshot::{self, Changes, StateIds};
use hearth_rooms::{effects, gaps};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{awaited_events, events, state, users};
use ruma::UserId;

use super::parse::IncomingPdu;

/// A state to import, prepared before the write: in a room of ten thousand members that takes longer than a write
/// transaction may.
#[derive(Debug)]
pub struct Adoption {
    state: StateIds,
    /// Changes from the state of an earlier stay to the imported one.
    changes: Changes,
    members: Vec<(KeySn, Arc<str>, Membership, EventSn)>,
}

impl Adoption {
    /// Prepares the import of a state before a join. `state` are stored events; rejected ones are ignored.
    pub fn plan(core: &RoomCore, tx: &mut dyn Tx, room: &Room, state: &[EventSn]) -> Result<Self> {
        let (mut ids, mut members) = (StateIds::new(), Vec::new());
        for sn in state {
            let event = core.events.get(tx, *sn)?;
            let Some(key) = event.state_key.filter(|_| !event.pdu.rejected && event.room == room.sn) else { continue };
            ids.insert(key, *sn);
            let name = event.pdu.content_str("membership").filter(|_| key.is_member());
            if let Some(membership) = name.as_deref().and_then(Membership::from_name)
                && let Some(user_id) = event.pdu.state_key.as_deref()
                && UserId::parse(user_id).is_ok()
            {
                members.push((key, user_id.into(), membership, *sn));
            }
        }
        let mut changes: Changes = ids.iter().map(|(key, sn)| (*key, Some(*sn))).collect();
        for (key, sn) in self::state::current(tx, room.sn)? {
            match ids.get(&key) {
                Some(same) if *same == sn => _ = changes.remove(&key),
                Some(_) => {}
                None => _ = changes.insert(key, None),
            }
        }
        Ok(Self { state: ids, changes, members })
    }
}

/// Makes `adoption` the state of a room and appends `join`: the room is then as on the resident server. The time
/// before, since an earlier stay or the room's creation, becomes a gap in the timeline.
///
/// `M_FORBIDDEN` when this state does not allow the join. The adoption must be planned on the room's current state; no
/// other write changes a room without local members.
pub fn adopt(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    adoption: Adoption,
    join: IncomingPdu,
) -> Result<Arc<Event>> {
    check(core, tx.tx(), room, &adoption, &join)?;
    let is_first_stay = room.snapshot.is_none();
    let missing = missing(core, tx.tx(), &join)?;
    if is_first_stay {
        gaps::bottom(tx, room.sn, &missing)?;
    } else if !missing.is_empty() {
        gaps::middle(tx, room.sn, &missing)?;
    }
    // After the gap's places: events backfilled into it are older than this state.
    let at = tx.position();
    for (key, event) in &adoption.changes {
        // `read/history.rs` asks later since when a rule of the room applies, so those changes are recorded with
        // their position. Member events are not, because there may be thousands.
        match key.is_member() {
            true => state::set(tx.tx(), room.sn, *key, *event)?,
            false => state::change(tx.tx(), room.sn, *key, *event, at)?,
        }
    }
    if !adoption.changes.is_empty() {
        room.snapshot = Some(snapshot::store(tx, room.snapshot, adoption.changes.clone())?);
    }
    adopt_members(core, tx, room, &adoption, at)?;
    for id in &missing {
        awaited_events::insert(tx.tx(), room.sn, id.as_str())?;
    }
    let known = events::find(tx.tx(), join.pdu.event_id.as_str())?;
    let new = NewEvent { pdu: join.pdu, json: join.json, sender: None, txn: None, known };
    let before = room.snapshot;
    let step = HeadChange { others: Vec::new(), is_end: true, flips: Changes::new(), is_current: true };
    let event = persist::live(core, tx, room, new, before, step)?;
    let (core, room) = (core.clone(), room.sn);
    // The cached local members are outdated from the commit on.
    tx.after_commit(move || core.locals.forget(room));
    Ok(event)
}

fn check(core: &RoomCore, tx: &mut dyn Tx, room: &Room, adoption: &Adoption, join: &IncomingPdu) -> Result<()> {
    let rules = version::stored_rules(&room.version)?;
    let mut state = Vec::new();
    for (kind, key) in auth_rules::wanted(rules, &join.pdu).map_err(Error::bad_json)? {
        let key = hearth_store::tables::state_keys::find(tx, &kind.to_string(), &key)?;
        if let Some(sn) = key.and_then(|key| adoption.state.get(&key)) {
            state.push(core.events.get(tx, *sn)?);
        }
    }
    let state: Vec<_> = state.iter().map(|event| &event.pdu).collect();
    auth_rules::by_state(rules, &join.pdu, &state).map_err(|why| {
        Error::forbidden(format!("The state of the room that came with the join does not allow it: {why}"))
    })
}

/// The prev events of the join that are not stored here.
fn missing(core: &RoomCore, tx: &mut dyn Tx, join: &IncomingPdu) -> Result<Vec<ruma::OwnedEventId>> {
    let mut missing = Vec::new();
    for id in &join.pdu.prev_events {
        if core.events.find(tx, id)?.is_none_or(|event| event.is_outlier()) {
            missing.push(id.clone());
        }
    }
    Ok(missing)
}

fn adopt_members(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    adoption: &Adoption,
    at: Position,
) -> Result<()> {
    for (key, ..) in adoption.changes.iter().filter(|(key, event)| key.is_member() && event.is_none()) {
        effects::end_membership(core, tx, room, *key, at)?;
    }
    let changed: BTreeMap<_, _> = adoption.changes.iter().filter(|(key, _)| key.is_member()).collect();
    for (key, user_id, membership, sn) in &adoption.members {
        if !changed.contains_key(key) {
            continue;
        }
        let is_local = UserId::parse(&**user_id).is_ok_and(|user_id| core.is_local(&user_id));
        if is_local {
            // A local user: may have a long poll that waits for this, and an invite that shows the room.
            let event = core.events.get(tx.tx(), *sn)?;
            effects::change_membership(core, tx, room, &event, at)?;
            continue;
        }
        let row = MembershipRow {
            room: room.sn,
            user: users::intern(tx, user_id)?,
            membership: *membership,
            local: false,
            event: *sn,
            position: at,
            since: at,
            forgotten: false,
        };
        memberships::adopt(tx.tx(), &row)?;
    }
    core.locals.forget(room.sn);
    Ok(())
}
