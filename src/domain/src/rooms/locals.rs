//! Which users of this server are joined to a room: whom an event of that room wakes. Holds what is remembered of its
//! other servers (`servers.rs`), too, since the same changes outdate it.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::memberships;
use quick_cache::sync::Cache;

use super::servers;

/// Rooms whose members are remembered.
const ROOMS_MAX: usize = 2_000;

/// Local members of rooms, remembered by the writer. Only write closures use it: they see one another's changes in order.
#[derive(Debug)]
pub struct LocalMembers {
    members: Cache<RoomSn, Arc<[UserSn]>>,
    pub(super) servers: servers::ServerCache,
}

impl Default for LocalMembers {
    fn default() -> Self {
        Self { members: Cache::new(ROOMS_MAX), servers: servers::ServerCache::default() }
    }
}

impl LocalMembers {
    /// The local joined members. A member who joined earlier in the same uncommitted batch may be missing; the join
    /// itself wakes them, and they then read everything up to the commit.
    pub fn get(&self, tx: &mut dyn Tx, room: RoomSn) -> Result<Arc<[UserSn]>> {
        if let Some(members) = self.members.get(&room) {
            return Ok(members);
        }
        let members: Arc<[UserSn]> = memberships::local_joined(tx, room)?.into();
        self.members.insert(room, members.clone());
        Ok(members)
    }

    /// Forgets a room's members and its servers, as a member changed, of this server or another. Called within the change and again after its commit.
    pub fn forget(&self, room: RoomSn) {
        self.members.remove(&room);
        self.servers.forget(room);
    }
}
