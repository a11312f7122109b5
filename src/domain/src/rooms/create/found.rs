//! The first two events of a room: that it is, and that its creator is in it.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::WriteTx;
use hearth_store::ids::{RoomSn, SnapshotSn};
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::{self, Room};
use ruma::canonical_json::CanonicalJsonObject;

use crate::core::Core;
use crate::rooms::append::{Sender, append};
use crate::rooms::event::{Draft, version};
use crate::rooms::membership::{self, MembershipRequest};

/// Letters of a room id, in the versions where it is not a hash.
const ID_CHARS: usize = 18;

/// Makes a room of its create event's content, with its creator as the only member.
pub(in crate::rooms) fn found(
    core: &Arc<Core>,
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
        // No snapshot has this number: the state before the create event is empty.
        snapshot: SnapshotSn(0),
        extremities: Vec::new(),
        depth: 0,
        published: false,
    };
    let create = append(core, tx, &mut room, origin, Draft::state("m.room.create", "", creation))?;
    if named_by_hash {
        room.id = create.pdu.event_id.as_str().replacen('$', "!", 1);
    }
    rooms::insert(tx.tx(), &room, core.now_ms())?;
    let content = MembershipRequest::new(Membership::Join, None).content()?;
    membership::change(core, tx, &mut room, origin, &origin.user_id, content)?;
    Ok(room)
}
