//! Cache of a room's local members, whom each new event of the room wakes. Also owns the cache of the room's other
//! servers (`servers.rs`), since the same membership changes invalidate both.

use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::rooms::LOCALS_CACHED_ROOMS_MAX;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::memberships;
use quick_cache::sync::Cache;

use super::servers;

/// Cache of the local members of rooms. Only write closures use it: they run one after another, so each sees the
/// changes of the ones before.
#[derive(Debug)]
pub struct LocalMembers {
    members: Cache<RoomSn, Arc<[UserSn]>>,
    pub(super) servers: servers::ServerCache,
}

impl Default for LocalMembers {
    fn default() -> Self {
        Self { members: Cache::new(LOCALS_CACHED_ROOMS_MAX), servers: servers::ServerCache::default() }
    }
}

impl LocalMembers {
    /// Returns the local joined members. A member who joined earlier in the same uncommitted batch may be missing;
    /// the join itself wakes them, and they then read everything up to the commit.
    pub fn get(&self, tx: &mut dyn Tx, room: RoomSn) -> Result<Arc<[UserSn]>> {
        if let Some(members) = self.members.get(&room) {
            return Ok(members);
        }
        let members: Arc<[UserSn]> = memberships::local_joined(tx, room)?.into();
        self.members.insert(room, members.clone());
        Ok(members)
    }

    /// Evicts a room's members and servers, for a membership change of a local or a remote user. Call within the
    /// change and again after its commit.
    pub fn forget(&self, room: RoomSn) {
        self.members.remove(&room);
        self.servers.forget(room);
    }
}
