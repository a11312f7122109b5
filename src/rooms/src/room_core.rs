//! What rooms, and everything above them, share: the services of [`Core`], the caches of rooms, and the queues to and
//! from other servers. It contains no use cases.

use std::ops::Deref;
use std::sync::Arc;

use hearth_base::config::Config;
use hearth_base::{Result, Seams};
use hearth_core::Core;
use hearth_store::Store;

use crate::acl::Acls;
use crate::delayed::Delays;
use crate::incoming::Incoming;
use crate::load::EventCache;
use crate::locals::LocalMembers;
use crate::outgoing::Outgoing;
use crate::policy::Policies;
use crate::read::erased::ErasedUsers;
use crate::read::history::OpenHistories;
use crate::state::auth_chain::AuthEdges;

/// [`Core`], and what is remembered of rooms.
pub struct RoomCore {
    core: Core,
    /// Cache of recently read events.
    pub events: EventCache,
    /// PDUs and EDUs for other servers.
    pub outgoing: Outgoing,
    /// Rooms with new events in the inbox.
    pub incoming: Incoming,
    /// Cache of joined local users by room.
    pub locals: LocalMembers,
    /// Cache of rooms that never had a restrictive history visibility.
    pub open_histories: OpenHistories,
    /// Cache of users who deactivated their account with `erase`.
    pub erased: ErasedUsers,
    /// Cache of server ACLs.
    pub acls: Acls,
    /// Cache of policy server results.
    pub policies: Policies,
    /// Cache of auth event edges.
    pub auth_edges: AuthEdges,
    /// Delayed events (MSC4140).
    pub delayed: Delays,
}

impl RoomCore {
    /// Creates the shared services with empty caches; generates the server's signing key on the first start.
    pub fn new(store: Store, seams: Seams, config: Arc<Config>) -> Result<Arc<Self>> {
        Ok(Arc::new(Self {
            core: Core::new(store, seams, config)?,
            events: EventCache::default(),
            outgoing: Outgoing::default(),
            incoming: Incoming::default(),
            locals: LocalMembers::default(),
            open_histories: OpenHistories::default(),
            erased: ErasedUsers::default(),
            acls: Acls::default(),
            policies: Policies::default(),
            auth_edges: AuthEdges::default(),
            delayed: Delays::default(),
        }))
    }
}

impl Deref for RoomCore {
    type Target = Core;

    fn deref(&self) -> &Core {
        &self.core
    }
}

impl std::fmt::Debug for RoomCore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("RoomCore").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}
