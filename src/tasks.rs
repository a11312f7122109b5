//! The one place where background tasks begin and end.
//!
//! Each task holds a [`Stop`]; when the server stops it is told so, and whoever stops waits until all are gone.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use hearth_domain::Domain;
use tokio::sync::watch;

/// How often expired things are looked for. Nothing waits for it, and an idle machine should be left alone.
const UPKEEP_EVERY: Duration = Duration::from_secs(5 * 60);

/// How often those who use the relay are looked at, beside when an account's standing changes: what changed before a restart
/// is noticed this way. Without calls, there is nothing to look at.
const RELAY_EVERY: Duration = Duration::from_secs(30);

/// How often those are looked at who were given a token for a group call. Without calls, there is nothing to look at.
const GROUP_CALLS_EVERY: Duration = Duration::from_secs(30);

/// All tasks of a server.
#[derive(Debug)]
pub(crate) struct Tasks(watch::Sender<bool>);

/// What a task holds: the word that it should end, and the proof that it has not ended yet.
#[derive(Debug, Clone)]
pub(crate) struct Stop(watch::Receiver<bool>);

impl Tasks {
    pub(crate) fn new() -> Self {
        Self(watch::Sender::new(false))
    }

    /// A handle for tasks that start tasks themselves.
    pub(crate) fn handle(&self) -> Stop {
        Stop(self.0.subscribe())
    }

    /// Tells all tasks to end, and waits until they have, at most `grace`.
    pub(crate) async fn stop(self, grace: Duration) {
        self.0.send_replace(true);
        if tokio::time::timeout(grace, self.0.closed()).await.is_err() {
            tracing::warn!(tasks = self.0.receiver_count(), "Stopped although something was still under way.");
        }
    }
}

impl Stop {
    /// Starts a task; it should end soon after the [`Stop`] that `task` makes its future from says so.
    #[expect(clippy::disallowed_methods, reason = "the one place where tasks begin")]
    pub(crate) fn spawn<F>(&self, task: impl FnOnce(Stop) -> F)
    where
        F: Future<Output = ()> + Send + 'static,
    {
        tokio::spawn(task(self.clone()));
    }

    /// Returns when the server stops.
    pub(crate) async fn stopped(&mut self) {
        // An error means that the sender is gone, which is a stop as well.
        let _ = self.0.wait_for(|stopping| *stopping).await;
    }
}

/// Starts the task that throws away what has expired.
pub(crate) fn upkeep(tasks: &Tasks, domain: &Arc<Domain>) {
    let domain = Arc::clone(domain);
    tasks.handle().spawn(|mut stop| async move {
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(UPKEEP_EVERY) => {}
            }
            domain.upkeep().await;
        }
    });
}

/// Starts the tasks that let typing end and people go offline by themselves, and that note late receipts. All sleep while there
/// is nobody.
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

/// Starts the task that sends delayed events when they are due. It sleeps while none wait.
pub(crate) fn delayed(tasks: &Tasks, domain: &Arc<Domain>) {
    let actions = Arc::clone(&domain.actions);
    tasks.handle().spawn(|mut stop| async move { actions.run_delayed(stop.stopped()).await });
}

/// Starts the task that resumes actions of users which the last run of the server did not finish. It sleeps while there are none.
pub(crate) fn durable_actions(tasks: &Tasks, domain: &Arc<Domain>) {
    let actions = Arc::clone(&domain.actions);
    tasks.handle().spawn(|mut stop| async move { actions.run_durable(stop.stopped()).await });
}

/// Starts the task that takes the relay from those whose account is locked or closed.
pub(crate) fn relay(tasks: &Tasks, domain: &Arc<Domain>) {
    let domain = Arc::clone(domain);
    tasks.handle().spawn(|mut stop| async move {
        loop {
            tokio::select! {
                () = stop.stopped() => return,
                () = tokio::time::sleep(RELAY_EVERY) => {}
                () = domain.core.notifier.account_status_changes() => {}
            }
            if let Err(error) = domain.calls.end_revoked().await {
                tracing::warn!(%error, "It could not be found out who may no longer use the relay.");
            }
        }
    });
}

/// Starts the task that leaves group calls for those who handed that over. It sleeps while there are none.
pub(crate) fn leaves(tasks: &Tasks, domain: &Arc<Domain>) {
    let leaves = Arc::clone(&domain.leaves);
    tasks.handle().spawn(|mut stop| async move { leaves.run(stop.stopped()).await });
}

/// Starts the task that takes those out of group calls who are not in the room any more.
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

/// Starts the task that brings to other servers what is put down for them. It sleeps while there is nothing.
pub(crate) fn outbox(tasks: &Tasks, domain: &Arc<Domain>) {
    let federation = Arc::clone(&domain.federation);
    tasks.handle().spawn(|mut stop| async move { federation.run_outbox(stop.stopped()).await });
}

/// Starts the task that works off what other servers have brought and that takes longer. It sleeps while there is nothing.
pub(crate) fn inbox(tasks: &Tasks, domain: &Arc<Domain>) {
    let federation = Arc::clone(&domain.federation);
    tasks.handle().spawn(|mut stop| async move { federation.run_inbox(stop.stopped()).await });
}
