//! Delivery to application services (application-service API, "Pushing events").
//!
//! Each service has a worker that follows the streams: it reads what is new, sends it as a transaction, and remembers
//! on disk up to where the service has everything. Nothing is stored per event. Before a transaction is sent its bounds
//! are stored, and a repeated one is built from the same bounds: a service that has seen its number knows it, whether
//! the server crashed or the answer got lost. Workers wait for each other in nothing, and without changes they sleep.

mod ephemeral;
mod health;
mod interest;
mod key_changes;
mod to_device;
mod transaction;
mod worker;

use std::collections::HashMap;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hearth_base::Result;
use hearth_core::appservices::Registration;
use hearth_store::Lane;
use hearth_store::tables::appservices as table;
use hearth_users::ephemeral::{PresenceBook, Typing};
use parking_lot::Mutex;
use tokio::sync::watch;

pub use health::Health;
pub(super) use health::Line;

use super::Appservices;
use transaction::Sources;
use worker::Worker;

/// What deliveries need, and their state.
#[derive(Debug)]
pub(super) struct Deliveries {
    typing: Arc<Typing>,
    presence: Arc<PresenceBook>,
    lines: Mutex<HashMap<String, Arc<Line>>>,
    /// Counts changes of the registrations: after each, the workers begin anew.
    changes: watch::Sender<u64>,
}

impl Deliveries {
    pub(super) fn new(typing: Arc<Typing>, presence: Arc<PresenceBook>) -> Self {
        Self { typing, presence, lines: Mutex::default(), changes: watch::Sender::new(0) }
    }

    /// The state of one service.
    pub(super) fn line(&self, id: &str) -> Arc<Line> {
        Arc::clone(self.lines.lock().entry(id.to_owned()).or_default())
    }

    /// Lets the workers begin anew, with the registrations of now.
    pub(super) fn changed(&self) {
        self.changes.send_modify(|count| *count += 1);
    }

    /// Ends the wait after a failure of a service that has answered a ping. Other requests do not: a bridge makes them while
    /// it starts, before it can handle events.
    pub(super) fn answered_ping(&self, id: &str) {
        if let Some(line) = self.lines.lock().get(id) {
            line.retry_now();
        }
    }
}

impl Appservices {
    /// Delivers to all application services until `stopping`. A transaction under way then is sent again, with the same
    /// number, after the next start. Runs once.
    pub async fn run(&self, stopping: impl Future<Output = ()>) {
        let (mut stopping, mut changes) = (pin!(stopping), self.deliveries.changes.subscribe());
        loop {
            changes.mark_unchanged();
            let services = match self.to_deliver().await {
                Ok(services) => services,
                Err(error) => {
                    tracing::error!(%error, "Failed to read which application services there are.");
                    Vec::new()
                }
            };
            let mut workers: FuturesUnordered<_> =
                services.into_iter().map(|service| Worker::new(self, service).run()).collect();
            let work = async {
                while workers.next().await.is_some() {}
                std::future::pending::<()>().await;
            };
            tokio::select! {
                () = &mut stopping => return,
                _ = changes.changed() => {}
                () = work => {}
            }
        }
    }

    /// The services with a URL whose deliveries are not disabled.
    async fn to_deliver(&self) -> Result<Vec<Arc<Registration>>> {
        let rows = self.core.store.read("appservices_all", |tx| table::all(tx.tx())).await?;
        let is_enabled = |id: &str| rows.iter().all(|row| row.id != id || !row.disabled);
        let services = self.core.appservices.all().into_iter();
        Ok(services.filter(|service| service.url.is_some() && is_enabled(&service.id)).collect())
    }

    /// Adds the rows of new services, which receive what happens from now on, and deletes those of services whose
    /// registration is gone. Blocks the thread.
    pub(super) fn match_rows(&self) -> Result<()> {
        let services = self.core.appservices.all();
        let rows = self.core.store.read_blocking("appservices_known", |tx| table::all(tx.tx()))?;
        let ids = services.iter().map(|service| service.id.clone());
        let new: Vec<_> = ids.filter(|id| rows.iter().all(|row| row.id != *id)).collect();
        let gone = rows.into_iter().filter(|row| services.iter().all(|service| service.id != row.id));
        let gone: Vec<_> = gone.map(|row| row.id).collect();
        if new.is_empty() && gone.is_empty() {
            return Ok(());
        }
        self.core.store.write_blocking(Lane::Upkeep, "appservices_match", move |tx| {
            let now = tx.position();
            gone.iter().try_for_each(|id| table::delete(tx.tx(), id))?;
            new.iter().try_for_each(|id| table::insert(tx.tx(), id, now))
        })
    }

    fn sources(&self, service: Arc<Registration>) -> Sources {
        let Deliveries { typing, presence, .. } = &self.deliveries;
        Sources { core: self.core.clone(), typing: typing.clone(), presence: presence.clone(), service }
    }
}
