//! How sending to other servers goes, for the operator; and another try now.

use hearth_base::{Error, Millis, Result};
use hearth_store::tables::destinations;
use ruma::ServerName;
use tokio::time::Instant;

use super::server::{Phase, Server};
use crate::admin::{AdminPage, PageRequest};
use crate::federation::Federation;

/// After so many failed attempts it was not just bad luck.
const FAILURES_MANY: u32 = 3;
/// Rows that are read at a time while searching.
const STRIDE: u64 = 200;

/// Another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Destination {
    /// Its server name.
    pub name: String,
    /// Whether the last attempt to send to it succeeded; also while nothing was ever sent.
    pub reachable: bool,
    /// When something was last sent to it; up to an hour behind, after a restart.
    pub last_success_ms: Option<Millis>,
    /// Since when it cannot be reached.
    pub failing_since_ms: Option<Millis>,
    /// Attempts since then.
    pub failures: u32,
    /// When the next attempt is due; a sign of life makes it sooner.
    pub retry_at_ms: Option<Millis>,
    /// Why the last attempt failed, in words.
    pub reason: Option<String>,
    /// Items that were left out since the start, as they cannot be written as JSON that a server would take.
    pub left_out: u64,
    /// What the last of them was, and why, in words.
    pub left_out_reason: Option<String>,
    /// Events that wait for it.
    pub queued_events: usize,
    /// Other things that wait for it.
    pub queued_edus: usize,
    /// Whether something is being sent to it at this moment.
    pub sending: bool,
}

impl Federation {
    /// A page of the servers that something was ever sent to, in the order of their names.
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

    /// One server; `M_NOT_FOUND` when nothing was ever sent to it.
    pub async fn destination(&self, name: &str) -> Result<Destination> {
        let wanted = name.to_owned();
        let row = self.core.store.read("destination", move |tx| destinations::by_name(tx.tx(), &wanted)).await?;
        let unknown =
            || Error::not_found(format!("Nothing was ever sent to {name}; `federation list` names the servers."));
        let row = row.ok_or_else(unknown)?;
        Ok(self.shown(row.name, row.health))
    }

    /// Whether the last attempts to send to a server all failed, so that nobody should wait for it for long.
    pub(in crate::federation) fn is_failing(&self, server: &ServerName) -> bool {
        let book = self.outbox.book.lock();
        book.servers.get(server).is_some_and(|server| server.health.failures >= FAILURES_MANY)
    }

    /// Forgets where a server is said to be, and tries it now.
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

    /// What is written down, and what is newer in memory.
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
            queued_events,
            queued_edus,
            sending: server.is_some_and(|server| server.phase == Phase::Busy),
        }
    }
}
