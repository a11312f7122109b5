//! What administrators do with application services while the server runs.
//!
//! A registration that is added this way is a row of the database, because the folder of registrations is the
//! operator's and mostly read-only for the server.

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits::domain::APPSERVICE_BEHIND_EVENTS_MAX;
use hearth_base::{Error, Millis, Reason, Result, error::refuse};
use hearth_core::appservices::{Registration, Registrations, parse};
use hearth_store::tables::appservices::{self as table, AppserviceRow};
use hearth_store::{Lane, ReadTx, WriteTx};

use super::delivery::Health;
use super::{Appservices, sender};
use crate::admin::audit::Note;

/// An application service with the state of its deliveries.
#[derive(Debug, Clone)]
pub struct AppserviceStatus {
    /// Its registration.
    pub registration: Arc<Registration>,
    /// Whether it was added while the server ran, and not from a file.
    pub added: bool,
    /// Whether an administrator has stopped its deliveries.
    pub disabled: bool,
    /// How its deliveries go.
    pub health: Health,
    /// When it last accepted a transaction, in milliseconds since the epoch.
    pub succeeded_ms: Option<Millis>,
    /// How many events of all rooms it has yet to be asked about, at most [`APPSERVICE_BEHIND_EVENTS_MAX`]; those that
    /// interest it are fewer. 0 without a failure: a service is behind only when it does not accept.
    pub behind: u64,
}

impl Appservices {
    /// All application services with their state, in the order of their files.
    #[boxed]
    pub async fn list(&self) -> Result<Vec<AppserviceStatus>> {
        let read = move |tx: &mut ReadTx<'_>| {
            let mut rows = Vec::new();
            for row in table::all(tx.tx())? {
                let behind = table::count_after(tx.tx(), row.sent, APPSERVICE_BEHIND_EVENTS_MAX)?;
                rows.push((row, behind));
            }
            Ok(rows)
        };
        let rows = self.core.store.read_slow("appservices_list", read).await?;
        let services = self.core.appservices.all().into_iter();
        Ok(services.map(|service| self.status(service, &rows)).collect())
    }

    fn status(&self, registration: Arc<Registration>, rows: &[(AppserviceRow, u64)]) -> AppserviceStatus {
        let row = rows.iter().find(|(row, _)| row.id == registration.id);
        let health = self.deliveries.line(&registration.id).health();
        let disabled = row.is_some_and(|(row, _)| row.disabled);
        let is_behind = health.failures > 0 || disabled;
        AppserviceStatus {
            added: row.is_some_and(|(row, _)| row.registration.is_some()),
            behind: row.filter(|_| is_behind && registration.url.is_some()).map_or(0, |(_, behind)| *behind),
            succeeded_ms: row.and_then(|(row, _)| row.succeeded_ms),
            disabled,
            health,
            registration,
        }
    }

    /// One application service with its state. `M_NOT_FOUND` for unknown ids.
    #[boxed]
    pub async fn show(&self, id: &str) -> Result<AppserviceStatus> {
        let found = self.list().await?.into_iter().find(|service| service.registration.id == id);
        found.ok_or_else(|| unknown(id))
    }

    /// Adds a registration, which receives what happens from now on, or replaces one that was added. Returns its id.
    ///
    /// `M_INVALID_PARAM` for a malformed one, or one whose id or token another one has.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn add(self: &Arc<Self>, actor: &str, yaml: String) -> Result<String> {
        let found = parse(&yaml, &self.core.server_name);
        let found = found.map_err(|why| Error::invalid(format!("This is no registration: {why}")))?;
        let id = found.id.clone();
        let note = Note::new(actor, "appservice.add", &id, "");
        self.change(note, move |this, rows| {
            let mut texts = this.added(rows, Some(&found.id));
            texts.push(yaml.clone());
            let insert = move |tx: &mut WriteTx<'_>| {
                let now = tx.position();
                table::insert(tx.tx(), &found.id, now)?;
                table::set_registration(tx.tx(), &found.id, Some(&yaml))
            };
            Ok((texts, Box::new(insert) as Change))
        })
        .await?;
        Ok(id)
    }

    /// Removes a registration that was added while the server ran, with what waits for the service. Its users stay.
    ///
    /// `M_NOT_FOUND` for unknown ids, `M_INVALID_PARAM` for those of files.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn remove(self: &Arc<Self>, actor: &str, id: &str) -> Result<()> {
        if !self.show(id).await?.added {
            return Err(Error::invalid(
                "This registration comes from a file: remove it from `appservices.folder`, and reload with SIGHUP.",
            ));
        }
        let id = id.to_owned();
        self.change(Note::new(actor, "appservice.remove", &id, ""), move |this, rows| {
            let texts = this.added(rows, Some(&id));
            let delete = move |tx: &mut WriteTx<'_>| table::delete(tx.tx(), &id);
            Ok((texts, Box::new(delete) as Change))
        })
        .await
    }

    /// Stops deliveries to a service, or resumes them: nothing that happens meanwhile is lost. The service may go on
    /// making requests. `M_NOT_FOUND` for unknown ids.
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn set_disabled(self: &Arc<Self>, actor: &str, id: &str, disabled: bool) -> Result<()> {
        self.show(id).await?;
        let (action, id) = (if disabled { "appservice.disable" } else { "appservice.enable" }, id.to_owned());
        self.change(Note::new(actor, action, &id, ""), move |this, rows| {
            let texts = this.added(rows, None);
            let set = move |tx: &mut WriteTx<'_>| table::set_disabled(tx.tx(), &id, disabled);
            Ok((texts, Box::new(set) as Change))
        })
        .await
    }

    /// Pings a service, as [`Appservices::ping`]. `M_NOT_FOUND` for unknown ids.
    #[boxed]
    pub async fn test(&self, id: &str) -> Result<Duration> {
        let service = self.core.appservices.by_id(id).ok_or_else(|| unknown(id))?;
        self.ping(&service, None).await
    }

    /// The texts of the registrations that were added, but for one id.
    fn added(&self, rows: &[AppserviceRow], except: Option<&str>) -> Vec<String> {
        let others = rows.iter().filter(|row| except != Some(row.id.as_str()));
        others.filter_map(|row| row.registration.clone()).collect()
    }

    /// Makes a change of the registrations: `plan` returns the texts of those that are added after it, and the write.
    async fn change<P>(self: &Arc<Self>, note: Note, plan: P) -> Result<()>
    where
        P: FnOnce(&Self, &[AppserviceRow]) -> Result<(Vec<String>, Change)> + Send + 'static,
    {
        let this = Arc::clone(self);
        let change = move || {
            // One after another: each starts from what the one before has left.
            let _turn = this.changing.lock();
            let rows = this.core.store.read_blocking("appservices_added", |tx| table::all(tx.tx()))?;
            let (texts, write) = plan(&this, &rows)?;
            let folder = this.folder.lock().clone();
            let new = Registrations::load(folder.as_deref(), &texts, &this.core.server_name)
                .map_err(|error| refuse(Reason::InvalidParam, error.to_string()))?;
            let core = Arc::clone(&this.core);
            this.core.store.write_blocking(Lane::Client, "appservices_change", move |tx| {
                write(tx)?;
                note.insert(&core, tx)
            })?;
            this.core.appservices.replace(new);
            sender::make_all(&this.core)?;
            this.deliveries.changed();
            Ok(())
        };
        let done = tokio::task::spawn_blocking(change).await;
        done.map_err(|panic| Error::fault("changing the registrations of application services", panic))?
    }
}

/// The write of a change.
type Change = Box<dyn FnOnce(&mut WriteTx<'_>) -> Result<()> + Send>;

fn unknown(id: &str) -> Error {
    Error::not_found(format!("There is no application service {id:?}: `hearth ctl appservices list` shows all."))
}
