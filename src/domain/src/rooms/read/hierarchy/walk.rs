//! Walking through a space: depth first, each space's children in their order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::rooms::{self, Room};
use ruma::{OwnedRoomId, OwnedServerName, RoomId};

use super::children::{Child, children};
use super::{Hierarchy, HierarchyNode, HierarchyQuery, token};
use crate::core::Core;
use crate::rooms::find;
use crate::rooms::read::summary::{Summary, is_accessible, is_enterable, summary};

/// A room as another server has told of it.
#[derive(Debug)]
pub struct RemoteRoom {
    /// Its summary, without the reader's part.
    pub summary: Summary,
    /// Its children, in order.
    pub children: Vec<Child>,
}

/// What other servers told of rooms; none where none of them told anything.
pub type RemoteRooms = HashMap<OwnedRoomId, Option<Arc<RemoteRoom>>>;

/// A room of a space that nobody of this server is in, and of which other servers have to be asked.
#[derive(Debug, Clone)]
pub struct UnknownRoom {
    /// The room.
    pub room: OwnedRoomId,
    /// The servers through which it can be reached, as its space says.
    pub via: Vec<OwnedServerName>,
}

/// A room that is to be looked at.
struct WalkStop {
    room: String,
    via: Vec<OwnedServerName>,
    depth: u64,
}

/// What a look at a room comes to.
enum RoomLook {
    Hidden,
    Lacking(UnknownRoom),
    Seen(Box<Summary>, Vec<Child>),
}

/// What does not change on the way.
pub(super) struct Walker<'a> {
    pub(super) core: &'a Core,
    pub(super) reader: UserSn,
    pub(super) question: HierarchyQuery,
    pub(super) told: &'a RemoteRooms,
}

impl Walker<'_> {
    /// A page of the walk: `limit` rooms after `skip`, and the rooms on the way of which other servers have to be asked. Those
    /// are passed over.
    pub(super) fn page(
        &self,
        tx: &mut dyn Tx,
        space: &RoomId,
        (skip, limit): (usize, usize),
    ) -> Result<(Hierarchy, Vec<UnknownRoom>)> {
        let refused = || Error::forbidden(format!("You are not in {space} and could not enter it."));
        let root = rooms::by_id(tx, space.as_str())?.ok_or_else(refused)?;
        if !is_accessible(self.core, tx, &root, Some(self.reader))? {
            return Err(refused());
        }
        let mut stack = vec![WalkStop { room: root.id, via: Vec::new(), depth: 0 }];
        let (mut seen, mut passed) = (HashSet::new(), 0);
        let (mut nodes, mut missing) = (Vec::new(), Vec::new());
        while let Some(stop) = stack.pop() {
            if seen.len() == limits::HIERARCHY_ROOMS_MAX || missing.len() == limits::HIERARCHY_ASKED_MAX {
                break;
            }
            if !seen.insert(stop.room.clone()) {
                continue;
            }
            let (summary, children) = match self.look(tx, &stop)? {
                RoomLook::Hidden => continue,
                RoomLook::Lacking(room) => {
                    missing.push(room);
                    continue;
                }
                RoomLook::Seen(summary, children) => (*summary, children),
            };
            if nodes.len() == limit {
                let next_batch = Some(token(skip + limit, self.question));
                return Ok((Hierarchy { rooms: nodes, next_batch }, missing));
            }
            if self.question.depth_max.is_none_or(|max| stop.depth < max) {
                let next = children.iter().rev();
                let depth = stop.depth + 1;
                stack.extend(next.map(|child| WalkStop { room: child.room.clone(), via: child.via.clone(), depth }));
            }
            passed += 1;
            if passed > skip {
                let children_state = children.into_iter().map(|child| child.stripped).collect();
                nodes.push(HierarchyNode { summary, children_state });
            }
        }
        Ok((Hierarchy { rooms: nodes, next_batch: None }, missing))
    }

    fn look(&self, tx: &mut dyn Tx, stop: &WalkStop) -> Result<RoomLook> {
        let room = rooms::by_id(tx, &stop.room)?;
        if !is_resident(tx, room.as_ref())? {
            let Ok(room_id) = OwnedRoomId::try_from(stop.room.as_str()) else { return Ok(RoomLook::Hidden) };
            match self.told.get(&room_id) {
                Some(Some(remote_room)) => return self.look_at(tx, room.as_ref(), remote_room),
                None => return Ok(RoomLook::Lacking(UnknownRoom { room: room_id, via: stop.via.clone() })),
                // Then what is left here from earlier days is better than nothing.
                Some(None) => {}
            }
        }
        let Some(room) = room.filter(|room| room.snapshot.0 != 0) else { return Ok(RoomLook::Hidden) };
        if !is_accessible(self.core, tx, &room, Some(self.reader))? {
            return Ok(RoomLook::Hidden);
        }
        let children = children(self.core, tx, &room, self.question.suggested_only)?;
        Ok(RoomLook::Seen(Box::new(summary(self.core, tx, &room)?), children))
    }

    fn look_at(&self, tx: &mut dyn Tx, room: Option<&Room>, remote_room: &RemoteRoom) -> Result<RoomLook> {
        if !is_enterable(tx, &remote_room.summary, room, Some(self.reader))? {
            return Ok(RoomLook::Hidden);
        }
        let children = remote_room.children.iter().filter(|child| child.suggested || !self.question.suggested_only);
        Ok(RoomLook::Seen(Box::new(remote_room.summary.clone()), children.cloned().collect()))
    }
}

/// Whether somebody of this server is in a room, so that what is known of it here is true.
pub fn is_resident(tx: &mut dyn Tx, room: Option<&Room>) -> Result<bool> {
    match room.filter(|room| room.snapshot.0 != 0) {
        Some(room) => find::is_resident(tx, room),
        None => Ok(false),
    }
}
