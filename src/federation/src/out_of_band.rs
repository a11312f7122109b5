//! Out-of-band memberships: rooms that this server is not in, to which its users are invited, on which they knock, or
//! whose invite they have rejected.
//!
//! Such a room is a row without state, or with the outdated state of an earlier stay. The member event is an outlier,
//! and the user's membership follows from it and not from the state. Remote joins are in `remote_membership`.

use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_rooms::RoomCore;
use hearth_rooms::event::Authored;
use hearth_rooms::user_memberships::UserMemberships;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::events::{self, EventRow};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{state_keys, users};
use ruma::room_version_rules::RoomVersionRules;
use ruma::{RoomId, UserId};

/// `M_INVALID_PARAM` for an invalid room id of the version: from version 12 on it has no server name.
pub(super) fn check_id(room_id: &RoomId, rules: &RoomVersionRules) -> Result<()> {
    if rules.authorization.room_create_event_id_as_room_id == room_id.server_name().is_some() {
        return Err(Error::invalid(format!("{room_id} is not the id of a room of that version.")));
    }
    Ok(())
}

/// Finds or inserts the row of a room. The version of a room that this server was never in is unverified, so the
/// newest value replaces it; a confirmed version cannot change: `M_UNSUPPORTED_ROOM_VERSION`.
pub fn room(core: &RoomCore, tx: &mut WriteTx<'_>, room_id: &RoomId, version: &str) -> Result<Room> {
    let Some(mut room) = rooms::by_id(tx.tx(), room_id.as_str())? else {
        let room = Room {
            sn: RoomSn::from(tx.position()),
            id: room_id.to_string(),
            version: version.to_owned(),
            snapshot: None,
            extremities: Vec::new(),
            depth: 0,
            published: false,
        };
        rooms::insert(tx.tx(), &room, core.now_ms())?;
        return Ok(room);
    };
    if room.version != version {
        if is_known(&room) {
            let message = format!("{room_id} has the version {}, and not {version}.", room.version);
            return Err(refuse(Reason::UnsupportedRoomVersion, message));
        }
        rooms::set_version(tx.tx(), room.sn, version)?;
        version.clone_into(&mut room.version);
    }
    Ok(room)
}

/// Whether this server is or was in a room, so that it has verified data of it.
pub(super) fn is_known(room: &Room) -> bool {
    room.snapshot.is_some()
}

/// Sets a local user's membership from a member event, and wakes their long polls. Not for rooms that this server is
/// in: there the state decides.
pub fn stand(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    member: &Authored,
    stripped: Option<&[u8]>,
) -> Result<()> {
    let pdu = &member.pdu;
    let membership = pdu.content_str("membership").as_deref().and_then(Membership::from_name);
    let user_id = pdu.state_key.as_deref().map(UserId::parse);
    let (Some(membership), Some(Ok(user_id))) = (membership, user_id) else {
        return Err(Error::broken("a member event without a member was to be stored"));
    };
    let event = put(tx, room, member)?;
    let user = users::intern(tx, user_id.as_str())?;
    let at = tx.position();
    let row = MembershipRow {
        room: room.sn,
        user,
        membership,
        local: core.is_local(&user_id),
        event,
        position: at,
        since: at,
        forgotten: false,
    };
    memberships::set(tx.tx(), &row, stripped)?;
    UserMemberships::change(core, tx, user, at);
    let core = core.clone();
    tx.after_commit(move || core.notifier.wake(&[user], at));
    Ok(())
}

/// Stores an event as an outlier, unless it is known.
fn put(tx: &mut WriteTx<'_>, room: &Room, event: &Authored) -> Result<EventSn> {
    let pdu = &event.pdu;
    if let Some(known) = events::find(tx.tx(), pdu.event_id.as_str())? {
        return Ok(known);
    }
    let sender = users::intern(tx, pdu.sender.as_str())?;
    let state_key = pdu.state_key.as_deref().unwrap_or_default();
    let key = state_keys::intern(tx, &pdu.kind.to_string(), state_key)?;
    let row = EventRow {
        sn: EventSn::from(tx.position()),
        room: room.sn,
        ord: None,
        id: pdu.event_id.to_string(),
        sender,
        state_key: Some(key),
        depth: pdu.depth,
        snapshot: None,
        flags: events::OUTLIER,
        redacted_by: None,
        thread: None,
        device: None,
        txn: None,
        json: event.json.clone(),
    };
    events::insert(tx.tx(), &row)?;
    Ok(row.sn)
}

/// A user's out-of-band membership.
#[derive(Debug, Clone)]
pub struct OutOfBandMembership {
    /// The room's row; without state, or with an outdated one.
    pub room: Room,
    /// Their membership row.
    pub row: MembershipRow,
}

/// A user's out-of-band membership; `None` when this server is in the room, or they have none.
pub(super) fn membership_status(
    tx: &mut dyn Tx,
    room_id: &RoomId,
    user: &UserId,
) -> Result<Option<OutOfBandMembership>> {
    let Some(room) = rooms::by_id(tx, room_id.as_str())? else { return Ok(None) };
    if hearth_rooms::find::is_resident(tx, &room)? {
        return Ok(None);
    }
    let Some(user) = users::find(tx, user.as_str())? else { return Ok(None) };
    Ok(memberships::get(tx, room.sn, user)?.map(|row| OutOfBandMembership { room, row }))
}
