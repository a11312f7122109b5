//! Walks a space: depth first, the children of each space in display order.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::rooms::{self, Room};
use ruma::{OwnedRoomId, OwnedServerName, RoomId};

use super::children::{Child, children};
use super::{Hierarchy, HierarchyNode, HierarchyQuery, token};
use crate::RoomCore;
use crate::find;
use crate::read::ByteBudget;
use crate::read::summary::{Summary, is_accessible, is_enterable, summary};

/// A remote room, described by another server.
#[derive(Debug)]
pub struct RemoteRoom {
    /// Its summary, without the reader's membership.
    pub summary: Summary,
    /// Its children, in order.
    pub children: Vec<Child>,
}

/// The descriptions of remote rooms; none for a room that no server has described.
pub type RemoteRooms = HashMap<OwnedRoomId, Option<Arc<RemoteRoom>>>;

/// A remote room for which other servers must be asked.
#[derive(Debug, Clone)]
pub struct UnknownRoom {
    /// Room id.
    pub room: OwnedRoomId,
    /// The `via` servers in the space's state.
    pub via: Vec<OwnedServerName>,
}

/// A room on the stack of the walk.
struct WalkStop {
    room: String,
    via: Vec<OwnedServerName>,
    depth: u64,
}

/// The result of a visit.
enum RoomLook {
    Hidden,
    Lacking(UnknownRoom),
    Seen(Box<Summary>, Vec<Child>),
}

/// The constant parameters of a walk.
pub(super) struct Walker<'a> {
    pub(super) core: &'a RoomCore,
    pub(super) reader: UserSn,
    pub(super) question: HierarchyQuery,
    pub(super) told: &'a RemoteRooms,
}

impl Walker<'_> {
    /// Returns a page of the walk: `limit` rooms after `skip`, and the remote rooms to ask for, which the page skips.
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
        let (mut seen, mut passed, mut budget) = (HashSet::new(), 0, ByteBudget::page());
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
            let bytes = children.iter().map(|child| child.stripped.json().get().len()).sum();
            if nodes.len() == limit || (passed >= skip && !budget.take(bytes)) {
                let next_batch = Some(token(skip + nodes.len(), self.question));
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
                // No other server describes the room, so the outdated local copy is better than nothing.
                Some(None) => {}
            }
        }
        let Some(room) = room.filter(|room| room.snapshot.is_some()) else { return Ok(RoomLook::Hidden) };
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

/// Returns whether a local user is in a room, so that the local copy is up to date.
pub fn is_resident(tx: &mut dyn Tx, room: Option<&Room>) -> Result<bool> {
    match room.filter(|room| room.snapshot.is_some()) {
        Some(room) => find::is_resident(tx, room),
        None => Ok(false),
    }
}
