//! Delivery status of other servers for the operator, and retry.

use hearth_base::boxed;
use hearth_base::{Error, Millis, Result};
use hearth_core::page::{AdminPage, PageRequest};
use hearth_store::tables::destinations::{self, GivenUp};
use ruma::ServerName;
use tokio::time::Instant;

use super::server::{Phase, Server};
use crate::Federation;

/// Failed attempts after which a server counts as failing.
const FAILURES_MANY: u32 = 3;
/// Number of rows read at a time during a search.
const STRIDE: u64 = 200;

/// The delivery status of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// The server name, such as `matrix.example`.
    pub name: String,
    /// Whether the last attempt succeeded; true before the first one.
    pub reachable: bool,
    /// Time of the last success, in milliseconds; up to an hour old after a restart.
    pub last_success_ms: Option<Millis>,
    /// Time of the first of the current failures, in milliseconds.
    pub failing_since_ms: Option<Millis>,
    /// Number of attempts since then.
    pub failures: u32,
    /// When the next attempt is due, in milliseconds; an incoming request makes it earlier.
    pub retry_at_ms: Option<Millis>,
    /// Why the last attempt failed.
    pub reason: Option<String>,
    /// Items dropped since the start because they cannot be serialised as valid JSON.
    pub left_out: u64,
    /// The last of them, with the reason.
    pub left_out_reason: Option<String>,
    /// To-device messages that the server never gets: they expired, or its queue was full.
    pub given_up: GivenUp,
    /// Number of waiting events.
    pub queued_events: usize,
    /// Number of other waiting items.
    pub queued_edus: usize,
    /// Whether a transaction is running.
    pub sending: bool,
}

impl Federation {
    /// A page of all known destinations, ordered by name.
    #[boxed]
    pub async fn destinations(&self, listing: PageRequest) -> Result<AdminPage<Destination>> {
        let (limit, needle) = (listing.limit(), listing.needle());
        let mut after = listing.from.unwrap_or_default();
        let rows = self.core.store.read("destinations_list", move |tx| {
            let mut found = Vec::new();
            loop {
                let rows = destinations::list(tx.tx(), &after, STRIDE)?;
                let Some(last) = rows.last().map(|row| row.name.clone()) else { return Ok((found, false)) };
                let matching = |name: &str| needle.as_ref().is_none_or(|needle| name.to_lowercase().contains(needle));
                found.extend(rows.into_iter().filter(|row| matching(&row.name)));
                if found.len() > limit {
                    found.truncate(limit);
                    return Ok((found, true));
                }
                after = last;
            }
        });
        let (rows, more) = rows.await?;
        let next = rows.last().filter(|_| more).map(|row| row.name.clone());
        Ok(AdminPage { items: rows.into_iter().map(|row| self.shown(row.name, row.health)).collect(), next })
    }

    /// One destination; `M_NOT_FOUND` for an unknown one.
    #[boxed]
    pub async fn destination(&self, name: &str) -> Result<Destination> {
        let wanted = name.to_owned();
        let row = self.core.store.read("destination", move |tx| destinations::by_name(tx.tx(), &wanted)).await?;
        let unknown =
            || Error::not_found(format!("Nothing was ever sent to {name}; `federation list` names the servers."));
        let row = row.ok_or_else(unknown)?;
        Ok(self.shown(row.name, row.health))
    }

    /// Whether the last attempts to send to a server all failed, so that clients should not wait for it.
    pub(crate) fn is_failing(&self, server: &ServerName) -> bool {
        let book = self.outbox.book.lock();
        book.servers.get(server).is_some_and(|server| server.health.failures >= FAILURES_MANY)
    }

    /// Clears the resolved address of a server and retries it now.
    #[boxed]
    pub async fn retry(&self, name: &str) -> Result<Destination> {
        let row = self.destination(name).await?;
        let server = ServerName::parse(row.name.as_str());
        let server = server.map_err(|_| Error::invalid(format!("{name} is not a server name.")))?;
        self.core.check_talks_to(&server)?;
        self.network.forget(&server);
        self.keyring.forget_failures(&server);
        self.outbox.book.lock().retry(&server, Instant::now(), self.core.now_ms());
        self.core.outgoing.ring();
        self.destination(name).await
    }

    /// The stored status, updated with newer values in memory.
    fn shown(&self, name: String, saved: destinations::DestinationHealth) -> Destination {
        let book = self.outbox.book.lock();
        let server = ServerName::parse(name.as_str()).ok().and_then(|name| book.servers.get(&name));
        let health = server.map_or(saved, |server| server.health.clone());
        let left_out = server.map(|server| server.left_out.clone()).unwrap_or_default();
        let (queued_events, queued_edus) = server.map_or((0, 0), |server: &Server| server.queue.lengths());
        Destination {
            name,
            reachable: health.failures == 0,
            last_success_ms: health.last_success_ms,
            failing_since_ms: health.failing_since_ms,
            failures: health.failures,
            retry_at_ms: health.retry_at_ms,
            reason: health.reason,
            left_out: left_out.count,
            left_out_reason: left_out.last,
            given_up: health.given_up,
            queued_events,
            queued_edus,
            sending: server.is_some_and(|server| server.phase == Phase::Busy),
        }
    }
}
