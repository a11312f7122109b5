//! Simplified sliding sync (MSC4186): a view over the same streams as `/v3/sync`, of the rooms in which a client is interested.
//!
//! A connection is a client's sync loop. The server remembers on disk what each has been sent (`connection.rs`); the `pos` of a
//! response names that and a position. The lists and subscriptions of a request choose rooms (`lists.rs`, `filters.rs`); of
//! each, the client gets what is new to it (`room.rs`, `state.rs`), and through extensions what belongs to no timeline
//! (`extensions.rs`). Who may see what is decided by the same code as for `/v3/sync`.
//!
//! Does not know HTTP: `client/sliding_sync.rs` of the HTTP crate parses requests.

mod answer;
mod connection;
mod extensions;
mod facts;
mod filters;
mod lists;
mod order;
mod profiles;
mod query;
mod read;
mod required;
mod room;
mod sent_profiles;
mod state;

use std::sync::Arc;
use std::time::Duration;

use hearth_base::Reason;
use hearth_base::boxed;
use hearth_base::{Position, Result, error::refuse, limits};
use hearth_core::Requester;
use tokio::time::Instant;

pub use self::answer::SlidingAnswer;
pub(super) use self::facts::FactsCache;
pub use self::query::{Coverage, Extensions, List, ListFilters, Pos, ProfilesQuery, RoomConfig, SlidingQuery};
use self::read::SlidingRead;
use super::{Sync, passed_over, still_in};

/// How a read ended.
enum Outcome {
    Read(Box<SlidingRead>),
    /// There is too much for a fast reader.
    TooMuch,
    /// The session has ended during the wait.
    Ended,
}

impl Sync {
    /// Returns what is new to a connection: immediately if there is anything, otherwise with the next change, or without any
    /// after the timeout.
    ///
    /// Refuses with `M_UNKNOWN_POS` a `pos` that was not issued to this device and `conn_id`, or is too old.
    ///
    /// What runs before and after the wait has its own allocations, as in [`Sync::sync`].
    #[boxed]
    pub async fn sliding(self: &Arc<Self>, requester: &Requester, query: Arc<SlidingQuery>) -> Result<SlidingAnswer> {
        requester.must_have_device()?;
        // Subscribe before the first read: a change between the read and the subscription would not wake this long poll.
        let mut news = self.core.notifier.subscribe(requester.user);
        passed_over(Box::pin(self.presence.seen(requester, &query.presence)).await);
        let deadline = Instant::now() + query.wait.min(Duration::from_millis(limits::SYNC_WAIT_MS_MAX));
        let mut has_waited = false;
        loop {
            let mut read = match Box::pin(self.read_sliding(requester, &query, has_waited)).await? {
                Outcome::Read(read) => read,
                Outcome::TooMuch | Outcome::Ended => {
                    // As in `/v3/sync`: a client that logs itself out sees a normal end.
                    self.core.answering.answered(requester.device).await;
                    return nothing(&query);
                }
            };
            // Counts are unfinished: count the rest in pieces, then read again from a new snapshot.
            if !read.behind.is_empty() {
                let behind = std::mem::take(&mut read.behind);
                drop(read);
                if !Box::pin(self.counter.count_in_pieces(&self.core, requester, behind)).await? {
                    return nothing(&query);
                }
                continue;
            }
            Box::pin(self.settle(requester, &mut read)).await;
            if !read.is_news && query.pos.is_some() && !query.wait.is_zero() {
                let woken = tokio::time::timeout_at(deadline, news.news_after(read.upto)).await;
                has_waited = true;
                // On shutdown the server answers all long polls; the client then asks again, elsewhere or later.
                if woken.is_ok() && !self.core.notifier.is_closed() {
                    continue;
                }
                if woken.is_err() {
                    Box::pin(self.read_key_counts(requester, &mut read.answer)).await?;
                }
            }
            self.core.answering.answered(requester.device).await;
            return Box::pin(self.finish(requester, &query, *read)).await;
        }
    }

    /// Reads once.
    async fn read_sliding(
        self: &Arc<Self>,
        requester: &Requester,
        query: &Arc<SlidingQuery>,
        has_waited: bool,
    ) -> Result<Outcome> {
        let user = requester.user;
        let reading = |is_slow: bool| {
            let (this, requester, query) = (self.clone(), requester.clone(), query.clone());
            move |tx: &mut hearth_store::ReadTx<'_>| {
                if has_waited && !still_in(tx.tx(), &requester)? {
                    return Ok(Outcome::Ended);
                }
                let read = read::read(&this, tx, &requester, &query, is_slow)?;
                Ok(read.map_or(Outcome::TooMuch, |read| Outcome::Read(Box::new(read))))
            }
        };
        if query.pos.is_some() {
            match self.core.store.read("sliding_sync", reading(false)).await? {
                Outcome::TooMuch => {}
                outcome => return Ok(outcome),
            }
        }
        self.core.read_much("sliding_sync_whole", user, reading(true)).await
    }

    /// Reads the key counts again after an idle wait, as [`Sync::sync`] does.
    async fn read_key_counts(&self, requester: &Requester, answer: &mut SlidingAnswer) -> Result<()> {
        let Some(mut e2ee) = answer.extensions.e2ee.take() else { return Ok(()) };
        let device = requester.device;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            extensions::key_counts(tx.tx(), device, &mut e2ee)?;
            Ok(e2ee)
        };
        answer.extensions.e2ee = Some(self.core.store.read("sliding_sync_key_counts", read).await?);
        Ok(())
    }

    /// Writes bookkeeping that a later request repeats if it fails: reading goes on when the disk is full.
    async fn settle(&self, requester: &Requester, read: &mut SlidingRead) {
        if !read.unsaved.is_empty() {
            let unsaved = std::mem::take(&mut read.unsaved);
            passed_over(self.counter.save(&self.core, requester.user, unsaved).await);
        }
        if let Some(received) = read.received {
            passed_over(self.drop_received(requester, received).await);
        }
    }

    /// Stores what the connection has then been sent, before the client gets it, and completes the response.
    async fn finish(&self, requester: &Requester, query: &SlidingQuery, read: SlidingRead) -> Result<SlidingAnswer> {
        let SlidingRead { mut answer, upto, next, used_ms, .. } = read;
        let base = query.pos.map(|pos| pos.generation);
        let generation = match (next, base) {
            (None, Some(base)) => {
                passed_over(self.use_connection(requester, &query.conn_id, base, used_ms).await);
                base
            }
            (next, base) => self.store_connection(requester, &query.conn_id, base, &next.unwrap_or_default()).await?,
        };
        answer.pos = Pos { generation, position: upto }.to_string();
        Ok(answer)
    }
}

/// The answer when the server can not read now: the client asks again from where it was.
fn nothing(query: &SlidingQuery) -> Result<SlidingAnswer> {
    match query.pos {
        Some(pos) => Ok(SlidingAnswer { pos: pos.to_string(), ..SlidingAnswer::default() }),
        None => {
            let wait = Reason::LimitExceeded { retry_after_ms: 1_000 };
            Err(refuse(wait, "The server is restarting. Try again in a moment."))
        }
    }
}

/// Parses the `since` of to-device messages.
pub fn parse_since(text: &str) -> Result<Position> {
    parse_position(text)
        .ok_or_else(|| hearth_base::Error::invalid("This `since` is not from this server; leave it out."))
}

/// Parses a position that a client was given.
#[must_use]
pub fn parse_position(text: &str) -> Option<Position> {
    text.parse().ok().filter(|at| *at >= 0).map(Position::from_i64)
}
