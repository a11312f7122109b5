//! What can be done to an event that waits, by whoever knows its id: putting it off, sending it, taking it back.
//!
//! One that does not wait any more is unknown (`M_NOT_FOUND`), unless what is asked for is what has become of it. MSC4140 wants
//! 409 for that; clients that are about take anything but 404 for the end of the call.

use std::future::Future;
use std::time::Duration;

use hearth_base::{Error, Result, limits};
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::delayed_events as table;
use tokio::time::Instant;

use super::model::Restart;
use super::{DelayId, Delayed, outcome, start};
use crate::rates::{Rate, RateSubject};

/// What can be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Let it wait anew.
    Restart,
    /// Send it now.
    Send,
    /// Never send it.
    Cancel,
}

/// An event that waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Waits {
    /// Whose it is.
    pub user: UserSn,
    /// Where it goes.
    pub room: RoomSn,
}

impl Action {
    /// The action of a name.
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
    /// Does something to an event that waits. Doing it again does no harm.
    ///
    /// `M_NOT_FOUND` when there is no such event, or something else became of it; for [`Action::Send`] also whatever sending it
    /// at once would have met, and it goes on waiting then.
    ///
    /// `send` sends an event that waits, and says whether it was waiting.
    pub(crate) async fn act<F>(&self, id: &str, action: Action, send: impl FnOnce(DelayId) -> F) -> Result<()>
    where
        F: Future<Output = Result<bool>>,
    {
        check_id(id)?;
        let owner = self.core.delayed.book.lock().owner(id);
        let was_waiting = match (owner, action) {
            (None, _) => false,
            (Some(owner), Action::Send) => {
                self.rates.take(Rate::Message, RateSubject::User(owner))?;
                send(id.into()).await?
            }
            (Some(_), Action::Restart) => return self.restart(id).await,
            (Some(_), Action::Cancel) => outcome::end(&self.core, id.into(), None).await?,
        };
        if was_waiting { Ok(()) } else { self.became(id, action == Action::Send).await }
    }

    /// Lets an event wait anew. `M_NOT_FOUND` when no such event waits.
    pub(crate) async fn restart(&self, id: &str) -> Result<()> {
        check_id(id)?;
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

    /// Fine when an event that waits no longer has been sent, or has not, as wanted.
    async fn became(&self, id: &str, sent: bool) -> Result<()> {
        let wanted = id.to_owned();
        let found = self.core.store.read("delayed_find", move |tx| table::get(tx.tx(), &wanted)).await?;
        match found {
            Some((_, Some(end))) if end.event.is_some() == sent => Ok(()),
            _ => Err(unknown()),
        }
    }

    /// Whose an event is and where it goes; none when no event of that id waits.
    #[must_use]
    pub fn waiting(&self, id: &str) -> Option<Waits> {
        self.core.delayed.book.lock().place(id).map(|(user, room)| Waits { user, room })
    }

    /// As [`Action::Restart`]; besides, the event is not sent by itself before `lease` is over, even if its delay is shorter.
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
