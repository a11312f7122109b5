//! What rooms, and everything above them, share: the services of [`Core`], the caches of rooms, and the queues to and
//! from other servers. It contains no use cases.

use std::ops::Deref;
use std::sync::Arc;

use hearth_base::config::Config;
use hearth_base::{Result, Seams};
use hearth_core::Core;
use hearth_core::turns::KeyedLocks;
use hearth_store::ids::UserSn;
use hearth_store::{ReadTx, Store};

use crate::acl::Acls;
use crate::delayed::Delays;
use crate::incoming::Incoming;
use crate::load::EventCache;
use crate::locals::LocalMembers;
use crate::outgoing::Outgoing;
use crate::policy::Policies;
use crate::read::erased::ErasedUsers;
use crate::read::history::OpenHistories;
use crate::search::Backlog;
use crate::state::auth_chain::AuthEdges;
use crate::user_memberships::UserMemberships;

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
    /// Cache of the memberships of local users.
    pub memberships: UserMemberships,
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
    /// Events that are not in the search index yet.
    pub search: Arc<Backlog>,
    /// One lock for each user whose read is large: see [`RoomCore::read_much`].
    user_reads: KeyedLocks<UserSn>,
}

impl RoomCore {
    /// Creates the shared services with empty caches; generates the server's signing key on the first start.
    pub fn new(store: Store, seams: Seams, config: Arc<Config>) -> Result<Arc<Self>> {
        let core = Core::new(store, seams, config)?;
        Ok(Arc::new(Self {
            memberships: UserMemberships::new(core.notifier.floor()),
            core,
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
            search: Arc::default(),
            user_reads: KeyedLocks::default(),
        }))
    }

    /// A read for a user that may visit many rows. Such reads of one user follow one another, whatever they read, so that no
    /// user has more than one of the few readers for them, and more than one answer that is being made.
    pub async fn read_much<T, F>(&self, name: &'static str, user: UserSn, read: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let permit = self.user_reads.take(user).await;
        let read = move |tx: &mut ReadTx<'_>| {
            // Kept until the read ends, also when the client hangs up.
            let _permit = permit;
            read(tx)
        };
        self.core.store.read_slow(name, read).await
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
