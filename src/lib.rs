//! Hearth, put together: the composition root. Reads top to bottom: storage, domain, sockets, tasks.
//!
//! [`start`] gives a running server; `main`, and tests that run several in one process, use the same.

mod admin_socket;
pub mod cli;
mod listen;
mod machine;
mod relay;
mod storage;
mod tasks;
mod telemetry;
mod timestamp;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::config::Config;
use hearth_base::{Error, Result, Seams, limits};
use hearth_domain::ports::{Network, Nowhere};
use hearth_domain::{Core, Domain};
use hearth_http::App;
use hearth_http::admin::LogRing;
use hearth_http::edge::Counters;
use hearth_remote::{Appointed, Homeservers};

pub use listen::Bound;

use admin_socket::AdminSocket;
use listen::Listeners;
use tasks::Tasks;

/// A server that runs. Dropping it does not end it cleanly; that is [`Running::stop`].
#[derive(Debug)]
pub struct Running {
    /// Where it listens, in the order of the configuration; ports that were 0 are filled in.
    pub listeners: Vec<Bound>,
    /// All use cases.
    pub domain: Arc<Domain>,
    log: Arc<LogRing>,
    tasks: Tasks,
}

/// Starts a server.
///
/// # Errors
///
/// When the data folder or the database cannot be used, or an address cannot be listened on; the error says which, and
/// what to do. Nothing keeps running then.
pub async fn start(config: Config, seams: Seams) -> Result<Running> {
    start_with_log(config, seams, Arc::default()).await
}

/// As [`start`], with the ring that the process logs into, for the admin API to show.
pub(crate) async fn start_with_log(config: Config, seams: Seams, log: Arc<LogRing>) -> Result<Running> {
    let network: Arc<dyn Network> = match config.federation.enabled {
        true => Arc::new(Homeservers::new(&config.outgoing, seams.clone())?),
        false => Arc::new(Nowhere),
    };
    start_on(config, seams, log, network).await
}

/// As [`start`], on another network than the real one: for many servers in one process.
pub async fn start_with_network(config: Config, seams: Seams, network: Arc<dyn Network>) -> Result<Running> {
    start_on(config, seams, Arc::default(), network).await
}

async fn start_on(config: Config, seams: Seams, log: Arc<LogRing>, network: Arc<dyn Network>) -> Result<Running> {
    let config = Arc::new(config);
    let domain = blocking({
        let config = Arc::clone(&config);
        move || Domain::new(Core::new(storage::open(&config, &seams)?, seams, config)?, network)
    });
    let domain = domain.await?;
    if domain.rtc.is_there() {
        domain.rtc.reached_by(Arc::new(Appointed::new(&config.outgoing)?));
    }
    let (listeners, admin_socket) = (Listeners::bind(&config)?, AdminSocket::bind(&config)?);

    let tasks = Tasks::new();
    let app = App::new(Arc::clone(&domain));
    relay::start(&config, &domain, &listeners)?;
    let listeners = listeners.serve(&config, &app, &Arc::new(Counters::default()), &tasks);
    admin_socket.serve(&app, Arc::clone(&log), &listeners, &tasks);
    tasks::upkeep(&tasks, &domain);
    tasks::ephemeral(&tasks, &domain);
    tasks::outbox(&tasks, &domain);
    tasks::inbox(&tasks, &domain);
    tasks::delayed(&tasks, &domain);
    tasks::durable_actions(&tasks, &domain);
    if domain.calls.own().is_some() {
        tasks::relay(&tasks, &domain);
    }
    if domain.rtc.is_there() {
        tasks::group_calls(&tasks, &domain);
        tasks::leaves(&tasks, &domain);
    }
    Ok(Running { listeners, domain, log, tasks })
}

impl Running {
    /// Stops: takes no new connections, wakes long polls so that they answer at once, answers what else is under way, closes
    /// the database. Takes no longer than `grace` and the closing of the database.
    pub async fn stop(self, grace: Duration) {
        self.domain.core.notifier.close();
        self.log.close();
        let until = Instant::now() + grace;
        self.tasks.stop(grace).await;
        // After the requests: they begin actions. What does not end in time is resumed at the next start, as after a crash.
        let left = until.saturating_duration_since(Instant::now());
        self.domain.actions.settled(left.min(Duration::from_millis(limits::STOP_ACTIONS_MS_MAX))).await;
        if let Some(own) = self.domain.calls.own() {
            let running = Arc::clone(&own.running);
            let stop = move || {
                running.stop();
                Ok(())
            };
            if let Err(error) = blocking(stop).await {
                tracing::error!(%error, "The relay was not stopped cleanly.");
            }
        }
        self.domain.last_upkeep().await;
        let store = self.domain.core.store.clone();
        let closed = blocking(move || {
            store.close();
            Ok(())
        });
        if let Err(error) = closed.await {
            tracing::error!(%error, "The database was not closed cleanly.");
        }
    }
}

/// Does something that waits for the disk, where no request waits for it.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Error::fault("starting or stopping", panic))?
}
