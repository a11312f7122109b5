//! Shared services of the domain: storage, clock, randomness, configuration, the server's name and key, the notifier,
//! and caches of immutable data. It contains no use cases.

use std::sync::Arc;

use hearth_base::config::Config;
use hearth_base::{Error, Millis, Result, Seams};
use hearth_store::Store;
use ruma::{OwnedServerName, ServerName, UserId};

use crate::answering::Answering;
use crate::appservices::Registrations;
use crate::incoming::Incoming;
use crate::keys::SigningKey;
use crate::notify::Notifier;
use crate::outgoing::Outgoing;
use crate::rooms::acl::Acls;
use crate::rooms::delayed::Delays;
use crate::rooms::load::EventCache;
use crate::rooms::locals::LocalMembers;
use crate::rooms::policy::Policies;
use crate::rooms::read::erased::ErasedUsers;
use crate::rooms::read::history::OpenHistories;
use crate::rooms::state::auth_chain::AuthEdges;

/// Shared services of the domain.
pub struct Core {
    /// The database.
    pub store: Store,
    /// Clock and random source.
    pub seams: Seams,
    /// The configuration, read once at the start.
    pub config: Arc<Config>,
    /// The server name in this server's user ids.
    pub server_name: OwnedServerName,
    /// The key that signs this server's events and requests.
    pub key: SigningKey,
    /// Wakes long polls.
    pub notifier: Arc<Notifier>,
    /// Running send requests; delays the sync of their devices.
    pub answering: Arc<Answering>,
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
    /// Registrations of application services.
    pub appservices: Registrations,
}

impl Core {
    /// Creates the shared services; generates the server's signing key on the first start.
    pub fn new(store: Store, seams: Seams, config: Arc<Config>) -> Result<Arc<Self>> {
        let server_name = ServerName::parse(config.server.name.as_str())
            .map_err(|error| Error::fault("reading the server name from the configuration", error))?;
        let appservices = Registrations::load(config.appservices.folder.as_deref(), &server_name)?;
        let key = SigningKey::load_or_create(&store, &seams)?;
        let notifier = Arc::new(Notifier::new(store.position()));
        let wakes = Arc::clone(&notifier);
        store.on_published(move || wakes.published());
        Ok(Arc::new(Self {
            store,
            seams,
            config,
            server_name,
            key,
            notifier,
            answering: Arc::default(),
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
            appservices,
        }))
    }

    /// The current time, in milliseconds since the epoch.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.seams.clock.now_ms()
    }

    /// Whether a user belongs to this server.
    #[must_use]
    pub fn is_local(&self, user: &UserId) -> bool {
        user.server_name() == &*self.server_name
    }
}

impl std::fmt::Debug for Core {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Core").field("server_name", &self.server_name).finish_non_exhaustive()
    }
}
