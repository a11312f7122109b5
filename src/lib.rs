//! The composition root of Hearth. Reads top to bottom: storage, domain, sockets, tasks.
//!
//! [`start`] returns a running server. `main` and the tests, which run several servers in one process, both use it.

mod admin_socket;
pub mod cli;
mod forwarding;
mod listen;
mod machine;
mod ports;
mod relay;
mod storage;
mod systemd;
mod tasks;
mod telemetry;
mod timestamp;

use std::sync::Arc;
use std::time::{Duration, Instant};

use hearth_base::config::Config;
use hearth_base::{Error, Result, Seams, limits};
use hearth_certificates::Sources;
use hearth_domain::ports::{Network, Nowhere};
use hearth_domain::{Domain, RoomCore};
use hearth_http::App;
use hearth_http::admin::LogRing;
use hearth_http::edge::Counters;
use hearth_remote::{Appointed, Gateways, Homeservers, Pages};

pub use listen::Bound;

use admin_socket::AdminSocket;
use listen::Listeners;
use tasks::Tasks;

/// A running server. Dropping it does not shut it down cleanly; [`Running::stop`] does.
#[derive(Debug)]
pub struct Running {
    /// Listen addresses in the order of the configuration, with the ports that the system chose for port 0.
    pub listeners: Vec<Bound>,
    /// The use cases, for tests and benchmarks that bypass HTTP.
    pub domain: Arc<Domain>,
    log: Arc<LogRing>,
    /// Where the certificates of the listeners come from.
    pub certificates: Arc<Sources>,
    tasks: Tasks,
}

/// Starts a server.
///
/// # Errors
/// When the data folder or the database cannot be used, or an address cannot be bound. The error names the cause and
/// the remedy. No task is left running.
pub async fn start(config: Config, seams: Seams) -> Result<Running> {
    start_with_log(config, seams, Arc::default()).await
}

/// Like [`start`], with the ring buffer that the process logs into, which the admin API serves.
pub(crate) async fn start_with_log(config: Config, seams: Seams, log: Arc<LogRing>) -> Result<Running> {
    let network: Arc<dyn Network> = match config.federation.enabled {
        true => Arc::new(Homeservers::new(&config.outgoing, seams.clone())?),
        false => Arc::new(Nowhere),
    };
    start_on(config, seams, log, network).await
}

/// Like [`start`], on a simulated network: for many servers in one process.
pub async fn start_with_network(config: Config, seams: Seams, network: Arc<dyn Network>) -> Result<Running> {
    start_on(config, seams, Arc::default(), network).await
}

async fn start_on(config: Config, seams: Seams, log: Arc<LogRing>, network: Arc<dyn Network>) -> Result<Running> {
    let config = Arc::new(config);
    let domain = blocking({
        let config = Arc::clone(&config);
        move || Domain::new(RoomCore::new(storage::open(&config, &seams)?, seams, config)?, network)
    });
    let domain = domain.await?;
    let appointed = Arc::new(Appointed::new(&config.outgoing)?);
    if domain.rtc.is_there() {
        domain.rtc.reached_by(appointed.clone());
    }
    domain.appservices.reached_by(appointed);
    domain.delivery.reached_by(Arc::new(Gateways::new(&config)?));
    domain.previews.reached_by(Arc::new(Pages::new(&config.outgoing)?));
    domain.check_clock();
    let (mut listeners, admin_socket) = (Listeners::bind(&config, &domain.core.seams)?, AdminSocket::bind(&config)?);

    let tasks = Tasks::new();
    let app = App::new(Arc::clone(&domain));
    relay::start(&config, &domain, &mut listeners)?;
    let sources = listeners.sources();
    let listeners = listeners.serve(&config, &app, &Arc::new(Counters::default()), &tasks);
    admin_socket.serve(&app, Arc::clone(&log), &listeners, &sources, &tasks);
    if sources.orders() {
        tasks::certificates(&tasks, &sources);
    }
    systemd::watch(&tasks);
    forwarding::spawn(&tasks, &config);
    tasks::upkeep(&tasks, &domain);
    tasks::ephemeral(&tasks, &domain);
    tasks::outbox(&tasks, &domain);
    tasks::inbox(&tasks, &domain);
    tasks::delayed(&tasks, &domain);
    tasks::appservices(&tasks, &domain);
    tasks::pushers(&tasks, &domain);
    tasks::search_index(&tasks, &domain);
    tasks::durable_actions(&tasks, &domain);
    if domain.calls.own().is_some() {
        tasks::relay(&tasks, &domain);
    }
    if domain.rtc.is_there() {
        tasks::group_calls(&tasks, &domain);
        tasks::leaves(&tasks, &domain);
    }
    Ok(Running { listeners, domain, log, certificates: sources, tasks })
}

impl Running {
    /// Reads the certificates that come from files again, and logs what came of it. Others renew themselves: an
    /// authority is not asked more often because of a reload.
    pub(crate) fn reread_certificates(&self) {
        for source in self.certificates.all().iter().filter(|source| source.report().source == "files") {
            match source.renew() {
                Ok(outcome) => tracing::info!("{outcome}"),
                Err(error) => tracing::error!(error = error.for_operator(), "The old certificate stays in use."),
            }
        }
    }

    /// Shuts down: accepts no more connections, wakes long polls so that they answer at once, finishes other requests
    /// in flight, closes the database. Takes at most `grace` plus the time to close the database.
    pub async fn stop(self, grace: Duration) {
        self.domain.core.notifier.close();
        self.log.close();
        let until = Instant::now() + grace;
        self.tasks.stop(grace).await;
        // After the requests, because they start durable actions. An action that does not finish in time is resumed at
        // the next start, as after a crash.
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

/// Runs blocking disk work on a blocking thread, so that it does not stall the async workers.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|panic| Error::fault("starting or stopping", panic))?
}
