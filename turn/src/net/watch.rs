//! The thread that follows this machine's addresses and writes about refusals.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use parking_lot::{Condvar, Mutex};

use crate::limits::LOG_EVERY_MS;
use crate::reach;
use crate::settings::Settings;
use crate::shared::{Counters, Refusal, Shared};

/// How often to find out whether this machine has got other addresses.
const LOOK_EVERY: Duration = Duration::from_secs(120);

/// What the thread waits for, and what it found.
#[derive(Default)]
pub(super) struct Watch {
    stopping: Mutex<bool>,
    changed: Condvar,
    warnings: Mutex<Vec<String>>,
}

impl Watch {
    /// What is wrong, in sentences for the operator.
    pub(super) fn warnings(&self) -> Vec<String> {
        self.warnings.lock().clone()
    }

    /// Ends the thread.
    pub(super) fn stop(&self) {
        *self.stopping.lock() = true;
        self.changed.notify_all();
    }

    /// Starts the thread. It writes about refusals at most a line every ten seconds.
    pub(super) fn start(
        self: &Arc<Self>,
        settings: Settings,
        shared: Arc<Shared>,
        counters: Vec<Arc<Counters>>,
    ) -> std::io::Result<JoinHandle<()>> {
        let watch = Arc::clone(self);
        std::thread::Builder::new().name("turn-watch".to_owned()).spawn(move || {
            let mut looked: Option<Instant> = None;
            let mut told = Counters::default();
            loop {
                if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                    look(&settings, &shared, &watch);
                    looked = Some(Instant::now());
                }
                let mut stopping = watch.stopping.lock();
                if !*stopping {
                    watch.changed.wait_for(&mut stopping, Duration::from_millis(LOG_EVERY_MS));
                }
                if *stopping {
                    return;
                }
                drop(stopping);
                told = tell_refusals(&counters, &told);
            }
        })
    }
}

/// Finds out where we are and tells the operator what is new.
fn look(settings: &Settings, shared: &Shared, watch: &Watch) {
    let found = reach::find(settings);
    let mut warnings = watch.warnings.lock();
    for warning in found.warnings.iter().filter(|warning| !warnings.contains(warning)) {
        tracing::warn!("{warning}");
    }
    *warnings = found.warnings;
    if shared.locate(found.external_address) {
        let new = shared.external_address();
        let public = |at: Option<crate::shared::RelayAddress>| at.map_or("none".to_owned(), |at| at.public.to_string());
        tracing::info!(v4 = public(new.v4), v6 = public(new.v6), "The relay knows how it is reached.");
    }
}

/// Writes one line about what was refused since `told`. Returns what has been told now.
fn tell_refusals(counters: &[Arc<Counters>], told: &Counters) -> Counters {
    let now = Counters::sum(counters);
    let new = Refusal::ALL.iter().map(|why| (why, now.refused(*why).wrapping_sub(told.refused(*why))));
    let new: Vec<String> = new.filter(|(_, count)| *count > 0).map(|(why, n)| format!("{}={n}", why.label())).collect();
    if !new.is_empty() {
        tracing::info!(refused = new.join(" "), "The relay has refused some requests or data.");
    }
    now
}
