//! Delivery to pushers (client-server API, "Push Notifications"; push gateway API).
//!
//! There is no queue: each pusher has a position up to which its notifications are delivered, and what follows is found
//! in the timelines when it is sent, by the user's push rules. So a message writes nothing for its receivers, a gateway
//! that is away loses nothing, and what the user has read or what was redacted meanwhile is not sent. The position advances
//! after the gateway's answer, and is recorded within a second together with those of all pushers: what was sent within
//! that second before a crash is sent again. After a start, each notification that may have been sent before is recorded
//! before the next one is sent to the same pusher.
//!
//! So none is lost, and with any number of crashes each is taken at most twice, with one exception per pusher and crash:
//! the notification in flight. A crash between the gateway's answer and the commit of its record looks like one before the
//! request, so a server that loses none must send it again. Only a gateway that knows what it has taken could tell; apps
//! can, by `event_id`.
//!
//! Each pusher has a task of its own, which sends one notification at a time, in order. It sleeps without a timer until
//! something changes for its user, so users without pushers cost nothing.

mod badge;
mod compose;
mod gateway;
mod gather;
mod live;
mod names;
mod status;
mod worker;

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::future::Future;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use futures_util::StreamExt;
use futures_util::future::{BoxFuture, Fuse, FutureExt};
use futures_util::stream::FuturesUnordered;
use hearth_base::limits::users::{PUSH_PASSED_POSITIONS_MAX, PUSH_SETTLE_WAIT, PUSH_STOP_WAIT, PUSH_TROUBLE_WAIT};
use hearth_base::{Position, Result};
use hearth_core::ports::PushGateways;
use hearth_rooms::RoomCore;
use hearth_store::tables::pushers::{self, PusherRow};
use hearth_store::{Lane, ReadTx, WriteTx};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

pub use status::{PusherStatus, PusherTest};

use super::counts::Counter;
use gateway::Permits;
use live::{Live, PusherId};

/// The service that delivers notifications to pushers.
#[derive(Debug)]
pub struct Delivery {
    core: Arc<RoomCore>,
    counter: Arc<Counter>,
    gateways: OnceLock<Arc<dyn PushGateways>>,
    permits: Permits,
    /// The pushers with a task.
    live: Mutex<HashMap<PusherId, Arc<Live>>>,
    /// Something is to be recorded.
    unsettled: Notify,
    closing: watch::Sender<bool>,
}

/// The task of a pusher; returns the pusher when it is gone.
type Work = BoxFuture<'static, PusherId>;

impl Delivery {
    /// Creates the service on `core`; it delivers from [`Delivery::run`] on.
    #[must_use]
    pub fn new(core: Arc<RoomCore>, counter: Arc<Counter>) -> Arc<Self> {
        Arc::new(Self {
            core,
            counter,
            gateways: OnceLock::new(),
            permits: Permits::default(),
            live: Mutex::default(),
            unsettled: Notify::new(),
            closing: watch::Sender::new(false),
        })
    }

    /// Sets the connection to push gateways, once.
    pub fn reached_by(&self, gateways: Arc<dyn PushGateways>) {
        // A second call would be a mistake of the composition root; the first connection stays.
        let _ = self.gateways.set(gateways);
    }

    /// Delivers notifications until `stopping`, then waits briefly for running requests. Runs once.
    pub async fn run(self: &Arc<Self>, stopping: impl Future<Output = ()>) {
        let mut stopping = pin!(stopping);
        let mut works: FuturesUnordered<Work> = FuturesUnordered::new();
        let (mut settling, mut settle_at) = (pin!(Fuse::terminated()), None);
        let begun = loop {
            match self.begin().await {
                Ok(position) => break position,
                Err(error) => tracing::error!(%error, "Failed to prepare the delivery to pushers."),
            }
            tokio::select! {
                () = &mut stopping => return,
                () = tokio::time::sleep(PUSH_TROUBLE_WAIT) => {}
            }
        };
        let mut adopting = pin!(self.rows().fuse());
        loop {
            tokio::select! {
                () = &mut stopping => break,
                rows = &mut adopting => self.adopt(rows, begun, &works),
                () = self.core.notifier.pushers_news() => adopting.set(self.rows().fuse()),
                Some(gone) = works.next() => {
                    self.live.lock().remove(&gone);
                    // It may have been set again since its task last looked.
                    self.core.notifier.pushers_changed();
                }
                () = self.unsettled.notified(), if settle_at.is_none() => {
                    settle_at = Some(Instant::now() + PUSH_SETTLE_WAIT);
                }
                () = until(settle_at) => {
                    settle_at = None;
                    settling.set(self.settle(PUSH_PASSED_POSITIONS_MAX).fuse());
                }
                () = &mut settling => {}
            }
        }
        self.closing.send_replace(true);
        let drain = async { while works.next().await.is_some() {} };
        if tokio::time::timeout(PUSH_STOP_WAIT, drain).await.is_err() {
            tracing::info!("Stopped with notifications in flight; they are sent again after the start.");
        }
        // All of it, so that the next start looks at nothing again.
        self.settle(1).await;
    }

    /// Lets pushers from before there was delivery begin now: what came before is not news any more. Returns the newest
    /// position, up to which notifications may have been sent before a crash.
    async fn begin(&self) -> Result<Position> {
        let write = |tx: &mut WriteTx<'_>| {
            let at = tx.position();
            pushers::start(tx.tx(), at)
        };
        let read = |tx: &mut ReadTx<'_>| {
            let has_old = pushers::all(tx.tx())?.iter().any(|row| row.progress.upto < 0);
            Ok((tx.position(), has_old))
        };
        let (position, has_old) = self.core.store.read("pushers_old", read).await?;
        if has_old {
            self.core.store.write("pushers_start", write).await?;
        }
        Ok(position)
    }

    async fn rows(&self) -> Result<Vec<PusherRow>> {
        self.core.store.read("pushers_all", |tx| pushers::all(tx.tx())).await
    }

    /// Starts the tasks of new pushers, and ends the wait of those that were set again. Tasks of pushers that are gone end
    /// by themselves: each reads its row before it sends.
    fn adopt(self: &Arc<Self>, rows: Result<Vec<PusherRow>>, begun: Position, works: &FuturesUnordered<Work>) {
        let rows = match rows {
            Ok(rows) => rows,
            Err(error) => return tracing::error!(%error, "Failed to read the pushers."),
        };
        let mut lives = self.live.lock();
        for row in rows {
            let set_ms = row.set_ms;
            match lives.entry(PusherId::of(&row)) {
                Entry::Occupied(known) => known.get().set_at(set_ms),
                Entry::Vacant(place) => {
                    let (this, id) = (Arc::clone(self), place.key().clone());
                    let live = place.insert(Arc::new(Live::new(row, begun))).clone();
                    works.push(Box::pin(async move {
                        this.work(&id, &live).await;
                        id
                    }));
                }
            }
        }
    }

    /// Records how far delivery has got, for all pushers at once. What fails is recorded next time.
    async fn settle(&self, passed_max: i64) {
        let all: Vec<_> = self.live.lock().iter().map(|(id, live)| (id.clone(), live.clone())).collect();
        let unsaved: Vec<_> = all
            .into_iter()
            .filter_map(|(id, live)| live.unsaved(passed_max).map(|progress| (id, live, progress)))
            .collect();
        if unsaved.is_empty() {
            return;
        }
        let write = move |tx: &mut WriteTx<'_>| {
            for (id, _, progress) in &unsaved {
                pushers::set_progress(tx.tx(), id.key(), progress)?;
            }
            tx.after_commit(move || unsaved.iter().for_each(|(_, live, progress)| live.saved(progress)));
            Ok(())
        };
        if let Err(error) = self.core.store.write_in(Lane::Upkeep, "pushers_settle", write).await {
            tracing::warn!(%error, "Failed to record what was delivered to pushers; will retry.");
            self.unsettled.notify_one();
        }
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }

    /// Returns when the server stops.
    async fn closed(&self) {
        let _ = self.closing.subscribe().wait_for(|closing| *closing).await;
    }
}

/// Sleeps until `then`; forever for `None`.
async fn until(then: Option<Instant>) {
    match then {
        Some(then) => tokio::time::sleep_until(then).await,
        None => std::future::pending().await,
    }
}
