//! Events that are sent later (MSC4140): a call's "I have left", which goes out by itself when a phone died and nobody puts it
//! off any more; and whatever else is to be said at some later time.
//!
//! Where things are: [`schedule`](Delayed::schedule) lets an event begin to wait, [`act`](Delayed::act) puts it off, sends it or
//! takes it back, [`run`](Delayed::run) sends what is due, `send.rs` is how that is done, once and for all in one transaction with
//! the note that it is done; `overtake.rs` drops what another user has made pointless; `start.rs` reads what waits at the start.
//!
//! What is promised: an event that was acknowledged is sent once, or its owner can ask why not; never before its time, not even
//! when the server crashed. Restarts are many, and mostly in memory only: see `model.rs`. That is why after a crash an event may
//! come late, by at most its delay, and by at most five minutes.

mod list;
mod manage;
mod model;
mod outcome;
mod overtake;
mod run;
mod schedule;
mod send;
mod start;

use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Result, limits};
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::delayed_events as table;
use hearth_store::{Lane, WriteTx};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use list::{DelayedOutcome, DelayedPage, DelayedView, Direction, End, Filter, Order, Status, Why};
pub use manage::{Action, Waits};
pub(crate) use model::DelayId;
pub(in crate::rooms) use overtake::overtake;
pub use schedule::Later;
pub(crate) use send::Delivery;

use crate::core::Core;
use crate::rates::Rates;
use model::DelayedModel;

/// Under this number stands the delay id of an event, where the device and the transaction id stand of others. No device has
/// it: positions begin at 1.
pub(crate) const NO_DEVICE: DeviceSn = DeviceSn(0);

/// What waits, for all parts of the domain that have to do with it.
#[derive(Debug, Default)]
pub struct Delays {
    book: Mutex<DelayedModel>,
    /// Wakes whoever sends what is due.
    sooner: Notify,
}

impl Delays {
    /// How many events wait.
    #[must_use]
    pub fn count(&self) -> usize {
        self.book.lock().len()
    }
}

/// What users do with events that are sent later.
#[derive(Debug)]
pub struct Delayed {
    core: Arc<Core>,
    rates: Arc<Rates>,
}

impl Delayed {
    /// The service; reads what waits.
    pub fn new(core: Arc<Core>, rates: Arc<Rates>) -> Result<Self> {
        start::read(&core)?;
        Ok(Self { core, rates })
    }

    /// The longest that an event may wait; zero when there are no delayed events here.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.core.config.rooms.event_delay_ms_max)
    }

    /// Forgets what became of events long ago. For the upkeep.
    pub async fn prune(&self) -> Result<()> {
        let before_ms = self.core.now_ms().saturating_sub(limits::DELAYED_FINALISED_MS_MAX);
        let write = self.core.store.write_in(Lane::Upkeep, "delayed_prune", move |tx| table::prune(tx.tx(), before_ms));
        write.await.map(drop)
    }
}

/// Forgets the events of a user whose account is closed, as part of closing it; those that wait are never sent.
pub(crate) fn forget_user(core: &Arc<Core>, tx: &mut WriteTx<'_>, user: UserSn) -> Result<()> {
    table::forget_user(tx.tx(), user)?;
    let core = core.clone();
    tx.after_commit(move || core.delayed.book.lock().remove_user(user));
    Ok(())
}
