//! Actions on a scheduled delayed event: restart, send now, cancel. Only its owner may, or the server
//! itself for a delegated leave.
//!
//! A finalised event is unknown (`M_NOT_FOUND`), unless it already has the outcome that the action asks for. MSC4140
//! wants 409 here; current clients treat only 404 as the end of the call.

use hearth_base::boxed;
use std::future::Future;
use std::time::Duration;

use hearth_base::{Error, Result, limits};
use hearth_core::rates::{Rate, RateSubject};
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::delayed_events as table;
use tokio::time::Instant;

use super::model::Restart;
use super::{DelayId, Delayed, outcome, start};

/// An action on a delayed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Start the delay again.
    Restart,
    /// Send it now.
    Send,
    /// Never send it.
    Cancel,
}

/// A scheduled event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Its owner.
    pub user: UserSn,
    /// The target room.
    pub room: RoomSn,
}

impl Action {
    /// Parses the name of an action.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        match name {
            "restart" => Some(Self::Restart),
            "send" => Some(Self::Send),
            "cancel" => Some(Self::Cancel),
            _ => None,
        }
    }
}

impl Delayed {
    /// Performs an action on a scheduled event of `by`; `None` for the server itself. Repeating the action is harmless.
    ///
    /// `M_NOT_FOUND` when the user has no such event, or it has another outcome. [`Action::Send`] also returns the errors
    /// of a direct send; the event stays scheduled then.
    ///
    /// `send` sends a scheduled event, and returns whether it was scheduled.
    pub async fn act<F>(
        &self,
        by: Option<UserSn>,
        id: &str,
        action: Action,
        send: impl FnOnce(DelayId) -> F,
    ) -> Result<()>
    where
        F: Future<Output = Result<bool>>,
    {
        check_id(id)?;
        let owner = self.owner(by, id);
        let was_waiting = match (owner, action) {
            (None, _) => false,
            (Some(owner), Action::Send) => {
                self.rates.take(Rate::Message, RateSubject::User(owner))?;
                send(id.into()).await?
            }
            (Some(_), Action::Restart) => return self.restart(by, id).await,
            (Some(_), Action::Cancel) => outcome::end(&self.core, id.into(), None).await?,
        };
        if was_waiting { Ok(()) } else { self.became(by, id, action == Action::Send).await }
    }

    /// The owner of a scheduled event that `by` may manage.
    fn owner(&self, by: Option<UserSn>, id: &str) -> Option<UserSn> {
        let owner = self.core.delayed.book.lock().owner(id);
        owner.filter(|owner| by.is_none_or(|by| by == *owner))
    }

    /// Restarts the delay. `M_NOT_FOUND` when the user has no such scheduled event.
    #[boxed]
    pub async fn restart(&self, by: Option<UserSn>, id: &str) -> Result<()> {
        check_id(id)?;
        self.owner(by, id).ok_or_else(unknown)?;
        // The lock covers memory only; it is released before a restart is written to the database.
        let outcome = self.core.delayed.book.lock().restart(id, Instant::now(), self.core.now_ms());
        self.restarted(outcome).await
    }

    async fn restarted(&self, outcome: Restart) -> Result<()> {
        match outcome {
            Restart::Gone => Err(unknown()),
            Restart::Done => Ok(()),
            Restart::Note(moved) => start::note(&self.core, moved).await,
        }
    }

    /// Succeeds when the finalised event has the outcome that the action asks for: sent, or not sent.
    async fn became(&self, by: Option<UserSn>, id: &str, sent: bool) -> Result<()> {
        let wanted = id.to_owned();
        let found = self.core.store.read("delayed_find", move |tx| table::get(tx.tx(), &wanted)).await?;
        match found {
            Some((row, Some(end))) if end.event.is_some() == sent && by.is_none_or(|by| by == row.user) => Ok(()),
            _ => Err(unknown()),
        }
    }

    /// Returns the owner and the room of an event; none when no event with that id is scheduled.
    #[must_use]
    pub fn waiting(&self, id: &str) -> Option<Waits> {
        self.core.delayed.book.lock().place(id).map(|(user, room)| Waits { user, room })
    }

    /// As [`Action::Restart`]. In addition, the event does not become due before `lease` is over, even if its delay
    /// is shorter.
    #[boxed]
    pub async fn lease(&self, id: &str, lease: Duration) -> Result<()> {
        let outcome = self.core.delayed.book.lock().lease(id, lease, Instant::now(), self.core.now_ms());
        self.restarted(outcome).await
    }
}

fn check_id(id: &str) -> Result<()> {
    if id.is_empty() || id.len() > limits::DELAY_ID_BYTES_MAX { Err(unknown()) } else { Ok(()) }
}

fn unknown() -> Error {
    Error::not_found("No such delayed event waits; it may have been sent or cancelled.")
}
