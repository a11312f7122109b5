//! Shared services of the domain: storage, clock, randomness, configuration, the server's name and key, the notifier.
//! It contains no use cases.

use std::sync::Arc;

use crate::appservices::Registrations;
use hearth_base::config::Config;
use hearth_base::{Error, Millis, Result, Seams};
use hearth_store::Store;
use hearth_store::tables::appservices;
use ruma::{OwnedServerName, ServerName, UserId};

use crate::answering::Answering;
use crate::keys::SigningKey;
use crate::notify::Notifier;

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
    pub key: Arc<SigningKey>,
    /// Wakes long polls.
    pub notifier: Arc<Notifier>,
    /// Running send requests; delays the sync of their devices.
    pub answering: Arc<Answering>,
    /// Registrations of application services.
    pub appservices: Registrations,
}

impl Core {
    /// Creates the shared services; generates the server's signing key on the first start. Refuses a database that
    /// belongs to a server of another name.
    pub fn new(store: Store, seams: Seams, config: Arc<Config>) -> Result<Self> {
        let server_name = ServerName::parse(config.server.name.as_str())
            .map_err(|error| Error::fault("reading the server name from the configuration", error))?;
        // Before anything is written under this name.
        crate::server_name::settle(&store, server_name.as_str())?;
        let added = store.read_blocking("appservices_load", |tx| appservices::all(tx.tx()))?;
        let added: Vec<_> = added.into_iter().filter_map(|row| row.registration).collect();
        let appservices = Registrations::load(config.appservices.folder.as_deref(), &added, &server_name)?;
        let key = Arc::new(SigningKey::load_or_create(&store, &seams)?);
        let notifier = Arc::new(Notifier::new(store.position()));
        let wakes = Arc::clone(&notifier);
        store.on_published(move || wakes.published());
        Ok(Self { store, seams, config, server_name, key, notifier, answering: Arc::default(), appservices })
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
