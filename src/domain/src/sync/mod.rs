//! `/sync` (client-server API, "Syncing"): what is new for a user since a position.
//!
//! Everything in an answer comes from one snapshot of the database and is bounded by one position, so the same `since`
//! asked twice gives the same answer, and nothing falls between two answers. A waiting client costs nothing: it sleeps
//! until the notifier has something for its user.

mod count;
mod gone;
mod joined;
mod personal;
mod presence;
mod read;
mod state;
mod summary;
mod timeline;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use hearth_base::{Position, Reason, Result, error::refuse, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::{accounts, devices, to_device};
use hearth_store::{Lane, WriteTx};
use ruma::api::client::filter::FilterDefinition;
use ruma::api::client::sync::sync_events::v3::Response;
use ruma::presence::PresenceState;
use tokio::time::Instant;

use crate::core::Core;
use crate::ephemeral::{PresenceBook, Typing};
use crate::push::counts::Counter;
use crate::requester::Requester;
use crate::rooms::read::token::Token;

/// What a client asks for.
#[derive(Debug, Clone)]
pub struct SyncQuery {
    /// Where its last sync ended; none for the first.
    pub since: Option<Position>,
    /// What it wants to see.
    pub filter: Arc<FilterDefinition>,
    /// Send the whole state of every room again.
    pub full_state: bool,
    /// How long to wait for something new.
    pub wait: Duration,
    /// How the user is to be shown to others meanwhile.
    pub presence: PresenceState,
    /// Send the state after the timeline instead of before it (`use_state_after`).
    pub state_after: bool,
}

/// Answers syncs.
#[derive(Debug)]
pub struct Sync {
    core: Arc<Core>,
    typing: Arc<Typing>,
    presence: Arc<PresenceBook>,
    counter: Arc<Counter>,
    /// It has been said that clients are ahead of the database.
    said_ahead: AtomicBool,
}

/// What one look at the database found.
struct SyncRead {
    response: Response,
    /// Whether there is anything in it that the client does not know.
    is_news: bool,
    /// Everything up to here has been looked at.
    upto: Position,
    /// Messages to the device are kept that it has shown to have.
    has_received: bool,
    /// Rooms in which more is unread than one look counts.
    behind: Vec<RoomSn>,
    /// Rooms whose unread counts are worth writing down.
    unsaved: Vec<RoomSn>,
}

impl Sync {
    /// The service.
    #[must_use]
    pub fn new(core: Arc<Core>, typing: Arc<Typing>, presence: Arc<PresenceBook>, counter: Arc<Counter>) -> Arc<Self> {
        Arc::new(Self { core, typing, presence, counter, said_ahead: AtomicBool::new(false) })
    }

    /// What is new, at once if there is anything, else as soon as there is, or nothing when the time is up.
    pub async fn sync(self: &Arc<Self>, requester: &Requester, mut query: SyncQuery) -> Result<Response> {
        query.since = query.since.filter(|since| !self.is_ahead(*since));
        let mut news = self.core.notifier.subscribe(requester.user);
        // Reading goes on when writing does not, on a full disk for example.
        passed_over(self.presence.seen(requester, &query.presence).await);
        let deadline = Instant::now() + query.wait.min(Duration::from_millis(limits::SYNC_WAIT_MS_MAX));
        let mut has_waited = false;
        let mut last = Response::new(query.since.map(Token::Sync).map_or_else(String::new, |since| since.to_string()));
        loop {
            let Some(mut look) = self.look(requester, &query, has_waited).await? else {
                // The session ended while this waited. That is an ordinary end, after the answer to whatever ended it; the
                // next request is told that the token is unknown.
                self.core.answering.answered(requester.device).await;
                return Ok(last);
            };
            if !look.behind.is_empty() {
                self.count_on(requester, look.behind).await?;
                continue;
            }
            if !look.unsaved.is_empty() {
                passed_over(self.counter.save(&self.core, requester.user, std::mem::take(&mut look.unsaved)).await);
            }
            if let Some(since) = query.since.filter(|_| look.has_received) {
                passed_over(self.drop_received(requester, since).await);
            }
            let must_answer = query.since.is_none() || query.full_state || query.wait.is_zero();
            if look.is_news || must_answer {
                self.core.answering.answered(requester.device).await;
                return Ok(look.response);
            }
            let woken = tokio::time::timeout_at(deadline, news.news_after(look.upto)).await;
            has_waited = true;
            // A server that stops answers what waits; the client then asks again, elsewhere or later.
            if woken.is_err() || self.core.notifier.is_closed() {
                return Ok(look.response);
            }
            last = look.response;
        }
    }

    /// Whether a client stands where the database has not been: an older state of it has been restored from a backup. What
    /// happens until it gets there again would be passed over, so such a client begins anew.
    fn is_ahead(&self, since: Position) -> bool {
        let newest = self.core.store.position();
        let is_ahead = since > newest;
        if is_ahead && !self.said_ahead.swap(true, Ordering::Relaxed) {
            tracing::warn!(%since, %newest, "Client token is ahead of the database, as after restoring a backup: answering with an initial sync.");
        }
        is_ahead
    }

    /// One look. None when the session that asks has ended while it waited, which the look's own snapshot says.
    async fn look(
        self: &Arc<Self>,
        requester: &Requester,
        query: &SyncQuery,
        has_waited: bool,
    ) -> Result<Option<SyncRead>> {
        let (this, requester, query) = (self.clone(), requester.clone(), query.clone());
        let is_whole = query.since.is_none() || query.full_state;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            if has_waited && !still_in(tx.tx(), &requester)? {
                return Ok(None);
            }
            read::look(&this, tx, &requester, &query).map(Some)
        };
        let store = &self.core.store;
        if is_whole { store.read_slow("sync_whole", read).await } else { store.read("sync", read).await }
    }

    /// Forgets messages to the device that arrived before `since`: it would not know that position without having them.
    async fn drop_received(&self, requester: &Requester, since: Position) -> Result<()> {
        let device = requester.device;
        let drop = move |tx: &mut WriteTx<'_>| to_device::delete_upto(tx.tx(), device, since);
        self.core.store.write_in(Lane::Client, "sync_received_drop", drop).await?;
        Ok(())
    }
}

/// Whether the session is one still: the device and the account are there. Logging out, locking and deactivating wake the user
/// for this. Refuses with `M_USER_LOCKED` when the account is locked.
fn still_in(tx: &mut dyn Tx, requester: &Requester) -> Result<bool> {
    let has_device = !requester.has_device() || devices::get(tx, requester.device)?.is_some();
    let account = accounts::get(tx, requester.user)?.filter(|account| has_device && account.deactivated_ms.is_none());
    if account.as_ref().is_some_and(|account| account.is(accounts::LOCKED)) {
        return Err(refuse(Reason::UserLocked, "This account has been locked. Ask the server's administrator."));
    }
    Ok(account.is_some())
}

/// Notes what could not be written and can be written another time.
fn passed_over(written: Result<()>) {
    if let Err(error) = written {
        tracing::debug!(%error, "Failed to store sync bookkeeping.");
    }
}

#[cfg(test)]
mod tests;
