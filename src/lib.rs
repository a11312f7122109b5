//! Hearth, put together: the composition root. Reads top to bottom: storage, domain, listeners, tasks.
//!
//! [`start`] gives a running server; `main`, and tests that run several in one process, use the same.

pub mod cli;
mod listen;
mod storage;
mod tasks;

use std::sync::Arc;
use std::time::Duration;

use hearth_base::config::Config;
use hearth_base::{Error, Result, Seams};
use hearth_domain::{Core, Domain};
use hearth_http::App;
use hearth_http::edge::Counters;

pub use listen::Bound;
use listen::Listeners;
use tasks::Tasks;

/// A server that runs. Dropping it does not end it cleanly; that is [`Running::stop`].
#[derive(Debug)]
pub struct Running {
    /// Where it listens, in the order of the configuration; ports that were 0 are filled in.
    pub listeners: Vec<Bound>,
    /// All use cases.
    pub domain: Arc<Domain>,
    tasks: Tasks,
}

/// Starts a server.
///
/// # Errors
///
/// When the data folder or the database cannot be used, or an address cannot be listened on; the error says which, and
/// what to do. Nothing keeps running then.
pub async fn start(config: Config, seams: Seams) -> Result<Running> {
    let config = Arc::new(config);
    let core = tokio::task::spawn_blocking({
        let (config, seams) = (Arc::clone(&config), seams.clone());
        move || Core::new(storage::open(&config, &seams)?, seams, config)
    });
    let core = core.await.map_err(|panic| Error::fault("opening the database", panic))??;
    let domain = Domain::new(core)?;
    let listeners = Listeners::bind(&config)?;

    let tasks = Tasks::new();
    let app = App { domain: Arc::clone(&domain) };
    let listeners = listeners.serve(&config, &app, &Arc::new(Counters::default()), &tasks);
    tasks::upkeep(&tasks, &domain);
    tasks::ephemeral(&tasks, &domain);
    Ok(Running { listeners, domain, tasks })
}

impl Running {
    /// Stops: takes no new connections, answers what is under way, wakes long polls so that they answer at once, closes the
    /// database. Takes no longer than `grace` and the closing of the database.
    pub async fn stop(self, grace: Duration) {
        self.domain.core.notifier.close();
        self.tasks.stop(grace).await;
        let store = self.domain.core.store.clone();
        // Joins threads. A failure is a panic there, which has been logged.
        let _ = tokio::task::spawn_blocking(move || store.close()).await;
    }
}
