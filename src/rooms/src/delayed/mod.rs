//! Delayed events (MSC4140). A call's leave event is sent by the server when a device dies and stops restarting the
//! delay; other events are sent at a chosen time.
//!
//! Files: [`schedule`](Delayed::schedule) creates a delayed event, [`act`](Delayed::act) restarts, sends or cancels
//! it, [`run`](Delayed::run) sends due events; `send.rs` sends one and marks it as sent in one transaction;
//! `overtake.rs` cancels events that another user's state has made obsolete; `start.rs` loads scheduled events at the
//! start.
//!
//! Guarantees: an acknowledged event is sent exactly once, or its owner can read why not; it is never sent early, not
//! even after a crash. Restarts are frequent, so most of them happen in memory only (see `model.rs`). After a crash
//! an event may therefore be late, by at most its delay and at most five minutes.

mod list;
mod manage;
mod model;
mod outcome;
mod overtake;
mod run;
mod schedule;
mod send;
mod start;

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Result, limits};
use hearth_core::rates::Rates;
use hearth_store::ids::{DeviceSn, UserSn};
use hearth_store::tables::delayed_events as table;
use hearth_store::{Lane, WriteTx};
use parking_lot::Mutex;
use tokio::sync::Notify;

pub use list::{DelayedOutcome, DelayedPage, DelayedView, Direction, End, Filter, Order, Status, Why};
pub use manage::{Action, Waits};
pub use model::DelayId;
pub use overtake::overtake;
pub use schedule::Later;
pub use send::Delivery;

use crate::RoomCore;
use model::DelayedModel;

/// The device number under which an event stores its delay id in place of a transaction id. No device has this
/// number: positions begin at 1.
pub const NO_DEVICE: DeviceSn = DeviceSn(0);

/// The scheduled events, shared by all modules that use them.
#[derive(Debug, Default)]
pub struct Delays {
    book: Mutex<DelayedModel>,
    /// Wakes the loop that sends due events.
    sooner: Notify,
}

impl Delays {
    /// Returns the number of scheduled events.
    #[must_use]
    pub fn count(&self) -> usize {
        self.book.lock().len()
    }
}

/// The delayed event use cases.
#[derive(Debug)]
pub struct Delayed {
    core: Arc<RoomCore>,
    rates: Arc<Rates>,
}

impl Delayed {
    /// Creates the service and loads the scheduled events.
    pub fn new(core: Arc<RoomCore>, rates: Arc<Rates>) -> Result<Self> {
        start::read(&core)?;
        Ok(Self { core, rates })
    }

    /// Returns the longest allowed delay; zero when the configuration disables delayed events.
    #[must_use]
    pub fn longest(&self) -> Duration {
        Duration::from_millis(self.core.config.rooms.event_delay_ms_max)
    }

    /// Deletes old finalised events. Called by maintenance.
    #[boxed]
    pub async fn prune(&self) -> Result<()> {
        let before_ms = self.core.now_ms().saturating_sub(limits::DELAYED_FINALISED_MS_MAX);
        let write = self.core.store.write_in(Lane::Upkeep, "delayed_prune", move |tx| table::prune(tx.tx(), before_ms));
        write.await.map(drop)
    }
}

/// Deletes the events of a deactivated user, in the transaction that deactivates the account; scheduled ones are
/// never sent.
pub fn forget_user(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn) -> Result<()> {
    table::forget_user(tx.tx(), user)?;
    let core = core.clone();
    tx.after_commit(move || core.delayed.book.lock().remove_user(user));
    Ok(())
}
