//! `GET /hierarchy/{roomId}`: one room of a space and its children, for another server's users.

use hearth_base::boxed;
use hearth_base::{Error, Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::read::hierarchy::{HierarchyNode, children};
use hearth_rooms::read::server_access::may_know;
use hearth_rooms::read::summary::{Summary, summary};
use hearth_store::engine::Tx;
use hearth_store::tables::rooms;
use ruma::{OwnedRoomId, RoomId, ServerName};
use serde::Serialize;

use crate::Federation;

/// A space as another server may see it; also any other room, which has no children.
#[derive(Debug, Serialize)]
pub struct SpaceShown {
    /// The requested room.
    pub room: HierarchyNode,
    /// The children known here that the server may see.
    pub children: Vec<Summary>,
    /// The children known here that it may not see, so that it need not ask other servers.
    pub inaccessible_children: Vec<OwnedRoomId>,
}

impl Federation {
    /// A space and its children. `M_NOT_FOUND` for rooms that the server may not see.
    #[boxed]
    pub async fn serve_hierarchy(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        suggested_only: bool,
    ) -> Result<SpaceShown> {
        let (core, asker) = (self.core.clone(), asker.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| shown(&core, tx.tx(), &asker, &room_id, suggested_only);
        self.core.store.read_slow("serve_hierarchy", read).await
    }
}

fn shown(
    core: &RoomCore,
    tx: &mut dyn Tx,
    asker: &ServerName,
    room_id: &RoomId,
    suggested_only: bool,
) -> Result<SpaceShown> {
    let hidden = || Error::not_found(format!("There is no room {room_id} that users of {asker} could enter."));
    let room = rooms::by_id(tx, room_id.as_str())?.filter(|room| room.snapshot.is_some()).ok_or_else(hidden)?;
    if !may_know(core, tx, &room, asker)? {
        return Err(hidden());
    }
    let mut inside = children(core, tx, &room, suggested_only)?;
    inside.truncate(limits::SPACE_CHILDREN_SERVED_MAX);
    let (mut accessible, mut inaccessible) = (Vec::new(), Vec::new());
    for child in &inside {
        let Some(room) = rooms::by_id(tx, &child.room)?.filter(|room| room.snapshot.is_some()) else { continue };
        if may_know(core, tx, &room, asker)? {
            accessible.push(summary(core, tx, &room)?);
        } else {
            inaccessible.push(hearth_rooms::find::id(&room)?);
        }
    }
    let children_state = inside.into_iter().map(|child| child.stripped).collect();
    let room = HierarchyNode { summary: summary(core, tx, &room)?, children_state };
    Ok(SpaceShown { room, children: accessible, inaccessible_children: inaccessible })
}
