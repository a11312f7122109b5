//! The one place where background tasks begin and end.
//!
//! Each task holds a [`Stop`], which notifies it when the server stops. [`Tasks::stop`] waits until every [`Stop`] is
//! dropped.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits::server::{GROUP_CALLS_EVERY, TASKS_RELAY_EVERY, TASKS_UPKEEP_EVERY};
use hearth_certificates::Sources;
use hearth_domain::Domain;
use tokio::sync::watch;

/// All background tasks of a server.
#[derive(Debug)]
pub(crate) struct Tasks(watch::Sender<bool>);

/// A task's stop signal, and the proof that it still runs: [`Tasks::stop`] waits until all clones are dropped.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// A handle for tasks that spawn tasks themselves.
    pub(crate) fn handle(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// Signals all tasks to stop, and waits until they have, for at most `grace`.
    pub(crate) async fn stop(self, grace: Duration) {
        self.0.send_replace(true);
        if tokio::time::timeout(grace, self.0.closed()).await.is_err() {
            tracing::warn!(tasks = self.0.receiver_count(), "Stopped although something was still under way.");
        }
    }
}

impl Stop {
    /// Spawns a task. Its future must end soon after its [`Stop`] signals.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks begin")]
    pub(crate) fn spawn<F>(&self, task: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(task(self.clone()));
    }

    /// Returns when the server stops.
    pub(crate) async fn stopped(&mut self) {
        // An error means that the sender was dropped, which is a stop as well.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// Spawns the clean-up of expired data.
pub(crate) fn upkeep(tasks: &Tasks, domain: &Arc<Domain>) {
    let domain = Arc::clone(domain);
    tasks.handle().spawn(|mut stop| async move {
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(TASKS_UPKEEP_EVERY) => {}
            }
            domain.upkeep().await;
        }
    });
}

/// Spawns the tasks that expire typing notifications and presence, and that save delayed read receipts. Each waits
/// without a timer while it has nothing to do.
pub(crate) fn ephemeral(tasks: &Tasks, domain: &Arc<Domain>) {
    let (typing, presence) = (Arc::clone(&domain.typing), Arc::clone(&domain.presence));
    let federation = Arc::clone(&domain.federation);
    tasks.handle().spawn(|mut stop| async move {
        tokio::select! {
            () = stop.stopped() => {}
            () = typing.run() => {}
            () = presence.run() => {}
            () = federation.take_in_late_receipts() => {}
        }
    });
}

/// Spawns the task that sends delayed events when they are due. It sleeps while none are scheduled.
pub(crate) fn delayed(tasks: &Tasks, domain: &Arc<Domain>) {
    let actions = Arc::clone(&domain.actions);
    tasks.handle().spawn(|mut stop| async move { actions.run_delayed(stop.stopped()).await });
}

/// Spawns the task that delivers to application services. It sleeps while there is nothing for them.
pub(crate) fn appservices(tasks: &Tasks, domain: &Arc<Domain>) {
    let appservices = Arc::clone(&domain.appservices);
    tasks.handle().spawn(|mut stop| async move { appservices.run(stop.stopped()).await });
}

/// Spawns the task that delivers notifications to pushers. It sleeps while there are none.
pub(crate) fn pushers(tasks: &Tasks, domain: &Arc<Domain>) {
    let delivery = Arc::clone(&domain.delivery);
    tasks.handle().spawn(|mut stop| async move { delivery.run(stop.stopped()).await });
}

/// Spawns the task that indexes messages for search. It sleeps until there are many.
pub(crate) fn search_index(tasks: &Tasks, domain: &Arc<Domain>) {
    let rooms = Arc::clone(&domain.rooms);
    tasks.handle().spawn(|mut stop| async move { rooms.run_search_index(stop.stopped()).await });
}

/// Spawns the task that resumes durable actions that the previous run did not finish. It sleeps while there are none.
pub(crate) fn durable_actions(tasks: &Tasks, domain: &Arc<Domain>) {
    let actions = Arc::clone(&domain.actions);
    tasks.handle().spawn(|mut stop| async move { actions.run_durable(stop.stopped()).await });
}

/// Spawns the task that ends the relay allocations of locked and deactivated accounts.
pub(crate) fn relay(tasks: &Tasks, domain: &Arc<Domain>) {
    let domain = Arc::clone(domain);
    tasks.handle().spawn(|mut stop| async move {
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(TASKS_RELAY_EVERY) => {}
                () = domain.core.notifier.account_status_changes() => {}
            }
            if let Err(error) = domain.calls.end_revoked().await {
                tracing::warn!(%error, "It could not be found out who may no longer use the relay.");
            }
        }
    });
}

/// Spawns the task that orders certificates. It sleeps until one is due.
pub(crate) fn certificates(tasks: &Tasks, sources: &Arc<Sources>) {
    let sources = Arc::clone(sources);
    tasks.handle().spawn(|mut stop| async move { sources.run(stop.stopped()).await });
}

/// Spawns the task that sends the leave events that users have delegated. It sleeps while there are none.
pub(crate) fn leaves(tasks: &Tasks, domain: &Arc<Domain>) {
    let leaves = Arc::clone(&domain.leaves);
    tasks.handle().spawn(|mut stop| async move { leaves.run(stop.stopped()).await });
}

/// Spawns the task that removes participants from group calls after they leave the room.
pub(crate) fn group_calls(tasks: &Tasks, domain: &Arc<Domain>) {
    let rtc = Arc::clone(&domain.rtc);
    tasks.handle().spawn(|mut stop| async move {
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(GROUP_CALLS_EVERY) => {}
            }
            if let Err(error) = rtc.keep_members_only().await {
                tracing::warn!(%error, "Not everybody who left a room could be taken out of its calls.");
            }
        }
    });
}

/// Spawns the task that delivers queued PDUs and EDUs to other servers. It sleeps while the queue is empty.
pub(crate) fn outbox(tasks: &Tasks, domain: &Arc<Domain>) {
    let federation = Arc::clone(&domain.federation);
    tasks.handle().spawn(|mut stop| async move { federation.run_outbox(stop.stopped()).await });
}

/// Spawns the task that processes received PDUs and EDUs that take longer than a request. It sleeps while idle.
pub(crate) fn inbox(tasks: &Tasks, domain: &Arc<Domain>) {
    let federation = Arc::clone(&domain.federation);
    tasks.handle().spawn(|mut stop| async move { federation.run_inbox(stop.stopped()).await });
}
