//! `/sync` (client-server API, "Syncing"): the changes for a user since a position.
//!
//! Each response comes from one database snapshot and ends at one position. So the same `since` gives the same
//! response twice, and no change falls between two responses. A waiting long poll costs nothing: it sleeps until the
//! notifier has a change for its user.

mod gone;
mod joined;
mod personal;
mod presence;
mod read;
pub mod sliding;
mod state;
mod summary;
mod timeline;

use hearth_base::boxed;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearth_base::{Position, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::read::token::Token;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::{accounts, devices, to_device};
use hearth_store::{Lane, ReadTx, WriteTx};
use ruma::api::client::filter::FilterDefinition;
use ruma::api::client::sync::sync_events::v3::Response;
use ruma::presence::PresenceState;
use tokio::time::Instant;

use crate::ephemeral::{PresenceBook, Typing};
use crate::push::counts::Counter;

/// Parameters of a sync.
#[derive(Debug, Clone)]
pub struct SyncQuery {
    /// Where the client's last sync ended; none for an initial sync.
    pub since: Option<Position>,
    /// The event filter.
    pub filter: Arc<FilterDefinition>,
    /// Send the full state of every room again.
    pub full_state: bool,
    /// How long to wait for a change.
    pub wait: Duration,
    /// The presence to set for the user.
    pub presence: PresenceState,
    /// Send the state after the timeline instead of before it (`use_state_after`).
    pub state_after: bool,
}

/// The sync service.
#[derive(Debug)]
pub struct Sync {
    core: Arc<RoomCore>,
    typing: Arc<Typing>,
    presence: Arc<PresenceBook>,
    counter: Arc<Counter>,
    /// What sliding sync knows about rooms.
    facts: sliding::FactsCache,
    /// Whether the warning about clients ahead of the database has been logged; it is logged once.
    said_ahead: AtomicBool,
}

/// The result of one read of the database.
struct SyncRead {
    response: Response,
    /// Whether the response contains a change.
    is_news: bool,
    /// The position up to which this read is complete.
    upto: Position,
    /// Whether the database still holds to-device messages that the client has acknowledged.
    has_received: bool,
    /// Rooms with more unread events than one read may count.
    behind: Vec<RoomSn>,
    /// Rooms whose unread counts should be saved.
    unsaved: Vec<RoomSn>,
}

impl Sync {
    /// Creates the service.
    #[must_use]
    pub fn new(
        core: Arc<RoomCore>,
        typing: Arc<Typing>,
        presence: Arc<PresenceBook>,
        counter: Arc<Counter>,
    ) -> Arc<Self> {
        let said_ahead = AtomicBool::new(false);
        Arc::new(Self { core, typing, presence, counter, facts: sliding::FactsCache::default(), said_ahead })
    }

    /// Returns the changes: immediately if there are any, otherwise with the next change, or empty after the timeout.
    ///
    /// What runs before and after the wait has its own allocations, so that ten thousand waiting long polls do not hold the
    /// space for it.
    #[boxed]
    pub async fn sync(self: &Arc<Self>, requester: &Requester, mut query: SyncQuery) -> Result<Response> {
        query.since = query.since.filter(|since| !self.is_ahead(*since));
        // Subscribe before the first read: a change between the read and the subscription would not wake this long
        // poll.
        let mut news = self.core.notifier.subscribe(requester.user);
        // A failed write must not fail the sync: on a full disk, for example, clients can still read.
        passed_over(Box::pin(self.presence.seen(requester, &query.presence)).await);
        let deadline = Instant::now() + query.wait.min(Duration::from_millis(limits::SYNC_WAIT_MS_MAX));
        let mut has_waited = false;
        let mut last = Response::new(query.since.map(Token::Sync).map_or_else(String::new, |since| since.to_string()));
        loop {
            let Some(mut look) = Box::pin(self.look(requester, &query, has_waited)).await? else {
                // The session ended during the wait. Answer after the request that ended it, so that a client that
                // logs itself out sees a normal end; its next request gets the unknown token error.
                self.core.answering.answered(requester.device).await;
                return Ok(last);
            };
            // Counts are unfinished: count the rest in pieces, then read again from a new snapshot.
            if !look.behind.is_empty() {
                if !Box::pin(self.counter.count_in_pieces(&self.core, requester, look.behind)).await? {
                    return stopped(last, &query);
                }
                continue;
            }
            if !look.unsaved.is_empty() {
                let unsaved = std::mem::take(&mut look.unsaved);
                passed_over(Box::pin(self.counter.save(&self.core, requester.user, unsaved)).await);
            }
            if let Some(since) = query.since.filter(|_| look.has_received) {
                passed_over(Box::pin(self.drop_received(requester, since)).await);
            }
            let must_answer = query.since.is_none() || query.full_state || query.wait.is_zero();
            if look.is_news || must_answer {
                self.core.answering.answered(requester.device).await;
                return Ok(look.response);
            }
            let woken = tokio::time::timeout_at(deadline, news.news_after(look.upto)).await;
            has_waited = true;
            if woken.is_err() {
                return Box::pin(self.with_key_counts(requester, look.response)).await;
            }
            // On shutdown the server answers all long polls; the client then asks again, elsewhere or later.
            if self.core.notifier.is_closed() {
                return Ok(look.response);
            }
            // If the session ends during the wait, the client still gets this response with its token.
            last = look.response;
        }
    }

    /// Returns whether a client's token is ahead of the database, as after restoring an older backup. The client
    /// would miss everything until the database reaches that position again, so it gets an initial sync.
    fn is_ahead(&self, since: Position) -> bool {
        let newest = self.core.store.position();
        let is_ahead = since > newest;
        if is_ahead && !self.said_ahead.swap(true, Ordering::Relaxed) {
            tracing::warn!(%since, %newest, "Client token is ahead of the database, as after restoring a backup: answering with an initial sync.");
        }
        is_ahead
    }

    /// Reads once. None when the session has ended during the wait; the check uses the same snapshot as the read.
    async fn look(
        self: &Arc<Self>,
        requester: &Requester,
        query: &SyncQuery,
        has_waited: bool,
    ) -> Result<Option<SyncRead>> {
        let (this, requester, query) = (self.clone(), requester.clone(), query.clone());
        let is_whole = query.since.is_none() || query.full_state;
        let user = requester.user;
        let read = move |tx: &mut ReadTx<'_>| {
            if has_waited && !still_in(tx.tx(), &requester)? {
                return Ok(None);
            }
            read::look(&this, tx, &requester, &query).map(Some)
        };
        // An initial sync, or one of the full state, reads much.
        match is_whole {
            true => self.core.read_much("sync_whole", user, read).await,
            false => self.core.store.read("sync", read).await,
        }
    }

    /// Reads the key counts again after an idle wait, as neither an upload nor a claim of a key ends the wait. A client that
    /// gets the counts of the start uploads keys which the server has already, and may then drop the private part of older
    /// ones that others still claim.
    async fn with_key_counts(&self, requester: &Requester, mut response: Response) -> Result<Response> {
        let device = requester.device;
        let read = move |tx: &mut ReadTx<'_>| {
            personal::key_counts(device, tx.tx(), &mut response)?;
            Ok(response)
        };
        self.core.store.read("sync_key_counts", read).await
    }

    /// Deletes to-device messages up to `since`: the client has this token only if it has received them.
    async fn drop_received(&self, requester: &Requester, since: Position) -> Result<()> {
        let device = requester.device;
        let drop = move |tx: &mut WriteTx<'_>| to_device::delete_upto(tx.tx(), device, since);
        self.core.store.write_in(Lane::Client, "sync_received_drop", drop).await?;
        Ok(())
    }
}

/// Returns whether the session still exists: device and account are there. Logout, locking and deactivation wake the
/// user for this check. Refuses with `M_USER_LOCKED` when the account is locked.
fn still_in(tx: &mut dyn Tx, requester: &Requester) -> Result<bool> {
    let has_device = !requester.has_device() || devices::get(tx, requester.device)?.is_some();
    let account = accounts::get(tx, requester.user)?.filter(|account| has_device && account.deactivated_ms.is_none());
    if account.as_ref().is_some_and(|account| account.is(accounts::LOCKED)) {
        return Err(refuse(Reason::UserLocked, "This account has been locked. Ask the server's administrator."));
    }
    Ok(account.is_some())
}

/// The answer when the server stops before the counts are complete: no changes yet. The client asks again, and wrong
/// counts are never sent.
fn stopped(nothing_yet: Response, query: &SyncQuery) -> Result<Response> {
    if query.since.is_some() {
        return Ok(nothing_yet);
    }
    Err(refuse(Reason::LimitExceeded { retry_after_ms: 1_000 }, "The server is restarting. Try again in a moment."))
}

/// Logs a failed write of bookkeeping, which a later sync repeats.
fn passed_over(written: Result<()>) {
    if let Err(error) = written {
        tracing::debug!(%error, "Failed to store sync bookkeeping.");
    }
}

#[cfg(test)]
mod tests;
