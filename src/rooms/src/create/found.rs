//! The first two events of a room: the create event, and the creator's join.

use std::sync::Arc;

use hearth_base::{Millis, Reason, Result, error::refuse, limits};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::events;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::{self, Room};
use ruma::canonical_json::CanonicalJsonObject;

use crate::RoomCore;
use crate::append::{Sender, append, prepare};
use crate::event::{Draft, version};
use crate::membership::{self, MembershipRequest};

/// Random characters of a room id, in room versions where it is not a hash.
const ID_CHARS: usize = 18;

/// Creates a room from the content of its create event, with its creator as the only member.
pub(crate) fn found(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    origin: &Sender,
    version: &str,
    creation: CanonicalJsonObject,
) -> Result<Room> {
    let named_by_hash = version::rules(version)?.authorization.room_create_event_id_as_room_id;
    let mut room = Room {
        sn: RoomSn::from(tx.position()),
        id: format!("!{}:{}", core.seams.random.alphanumeric(ID_CHARS), core.server_name),
        version: version.to_owned(),
        // No stored snapshot has this number: the state before the create event is empty.
        snapshot: None,
        extremities: Vec::new(),
        depth: 0,
        published: false,
    };
    let mut draft = Draft::state("m.room.create", "", creation);
    if named_by_hash {
        draft.timestamp_ms = Some(unused_time(core, tx.tx(), &room, origin, &draft)?);
    }
    let create = append(core, tx, &mut room, origin, draft)?;
    if named_by_hash {
        // The id was a placeholder until the hash of the create event was known.
        room.id = create.pdu.event_id.as_str().replacen('$', "!", 1);
    }
    rooms::insert(tx.tx(), &room, core.now_ms())?;
    let content = MembershipRequest::new(Membership::Join, None).content()?;
    membership::change(core, tx, &mut room, origin, &origin.user_id, content)?;
    Ok(room)
}

/// Returns a time at which this creator has not created a room with the same content. A version 12 room is named by
/// the hash of its create event, so two such rooms would have the same id. Returns the present, or the first free
/// millisecond after it.
fn unused_time(core: &RoomCore, tx: &mut dyn Tx, room: &Room, origin: &Sender, draft: &Draft) -> Result<Millis> {
    let now_ms = core.now_ms();
    for at_ms in now_ms..now_ms.saturating_add(limits::ROOMS_PER_CREATOR_AND_MS_MAX) {
        let draft = Draft { timestamp_ms: Some(at_ms), ..draft.clone() };
        let authored = prepare(core, tx, room, &origin.user_id, draft)?;
        if events::find(tx, authored.pdu.event_id.as_str())?.is_none() {
            return Ok(at_ms);
        }
    }
    let message = "You have made too many rooms just now: try again in a moment.";
    Err(refuse(Reason::LimitExceeded { retry_after_ms: limits::ROOMS_PER_CREATOR_AND_MS_MAX }, message))
}
