//! A background thread that keeps the external address up to date and logs refusals.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::discovery::AddressReport;
use crate::limits::LOG_EVERY_MS;
use crate::settings::Settings;
use crate::shared::{Counters, Refusal, Shared};

/// Interval between two discoveries of the external address. Home connections get new addresses.
const REFRESH_INTERVAL: Duration = Duration::from_secs(120);

/// Discovers the external address.
pub(super) type Discover = Box<dyn Fn(&Settings) -> AddressReport + Send>;

/// Stop signal of the thread, and its latest warnings.
#[derive(Default)]
pub(super) struct Monitor {
    stopping: Mutex<bool>,
    changed: Condvar,
    warnings: Mutex<Vec<String>>,
}

impl Monitor {
    /// Current problems, in sentences for the operator.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().clone()
    }

    /// Stops the thread. It may take some seconds if a discovery is in progress.
    pub(super) fn stop(&self) {
        *self.stopping.lock() = true;
        self.changed.notify_all();
    }

    /// Starts the thread. It calls `discovered` after the first discovery, and logs refusals at most once per
    /// [`LOG_EVERY_MS`], so that an attacker cannot fill the log.
    pub(super) fn start(
        self: &Arc<Self>,
        settings: Settings,
        discover: Discover,
        discovered: impl FnOnce() + Send + 'static,
        shared: Arc<Shared>,
        counters: Vec<Arc<Counters>>,
    ) -> std::io::Result<JoinHandle<()>> {
        let monitor = Arc::clone(self);
        std::thread::Builder::new().name("turn-watch".to_owned()).spawn(move || {
            let (mut refreshed_at, mut discovered): (Option<Instant>, _) = (None, Some(discovered));
            let mut logged = Counters::default();
            loop {
                if refreshed_at.is_none_or(|at| at.elapsed() >= REFRESH_INTERVAL) {
                    refresh_addresses(discover(&settings), &shared, &monitor);
                    refreshed_at = Some(Instant::now());
                    if let Some(discovered) = discovered.take() {
                        discovered();
                    }
                }
                let mut stopping = monitor.stopping.lock();
                if !*stopping {
                    monitor.changed.wait_for(&mut stopping, Duration::from_millis(LOG_EVERY_MS));
                }
                if *stopping {
                    return;
                }
                drop(stopping);
                logged = log_refusals(&counters, &logged);
            }
        })
    }
}

/// Takes over the result of a discovery. Logs new warnings and a changed address; the operator sees a lasting problem
/// once, not every two minutes.
fn refresh_addresses(found: AddressReport, shared: &Shared, monitor: &Monitor) {
    let mut warnings = monitor.warnings.lock();
    for warning in found.warnings.iter().filter(|warning| !warnings.contains(warning)) {
        tracing::warn!("{warning}");
    }
    *warnings = found.warnings;
    if shared.set_external_address(found.external_address) {
        let new = shared.external_address();
        let public = |at: Option<crate::shared::RelayAddress>| at.map_or("none".to_owned(), |at| at.public.to_string());
        tracing::info!(v4 = public(new.v4), v6 = public(new.v6), "The relay's external address has changed.");
    }
}

/// Logs what was refused since `logged`. Returns the counters as logged.
fn log_refusals(counters: &[Arc<Counters>], logged: &Counters) -> Counters {
    let now = Counters::sum(counters);
    let new = Refusal::ALL.iter().map(|why| (why, now.refused(*why).wrapping_sub(logged.refused(*why))));
    let new: Vec<String> = new.filter(|(_, count)| *count > 0).map(|(why, n)| format!("{}={n}", why.label())).collect();
    if !new.is_empty() {
        tracing::info!(refused = new.join(" "), "The relay refused requests or data.");
    }
    now
}
