//! What every part of the domain stands on: storage, time, chance, configuration, the server's name and key, the
//! notifier, and the caches of things that never change. No use case lives here.

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

/// Shared by all parts of the domain.
pub struct Core {
    /// The database.
    pub store: Store,
    /// Time and chance.
    pub seams: Seams,
    /// The configuration.
    pub config: Arc<Config>,
    /// The name that user ids of this server end in.
    pub server_name: OwnedServerName,
    /// What events of this server are signed with.
    pub key: SigningKey,
    /// Who sleeps, and what wakes them.
    pub notifier: Arc<Notifier>,
    /// Requests that are being answered, and whose echo must not come first.
    pub answering: Arc<Answering>,
    /// Events that were read lately.
    pub events: EventCache,
    /// What other servers are to be told.
    pub outgoing: Outgoing,
    /// Rooms whose inbox has something new.
    pub incoming: Incoming,
    /// Which local users are joined to a room.
    pub locals: LocalMembers,
    /// Which rooms never had a strict history visibility.
    pub open_histories: OpenHistories,
    /// Which users asked to be forgotten.
    pub erased: ErasedUsers,
    /// Which servers rooms keep out.
    pub acls: Acls,
    /// What rooms' policy servers say.
    pub policies: Policies,
    /// What authorises what.
    pub auth_edges: AuthEdges,
    /// Events that wait to be sent.
    pub delayed: Delays,
    /// The application services, as their registration files describe them.
    pub appservices: Registrations,
}

impl Core {
    /// Puts the foundation together; makes the server's signing key on the first start.
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

    /// What time it is.
    #[must_use]
    pub fn now_ms(&self) -> Millis {
        self.seams.clock.now_ms()
    }

    /// Whether a user is of this server.
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
