//! How deliveries to each application service go: in memory, for administrators.

use hearth_base::Millis;
use parking_lot::Mutex;
use tokio::sync::Notify;

/// The state of one application service's deliveries.
#[derive(Debug, Default)]
pub(in crate::appservices) struct Line {
    health: Mutex<Health>,
    /// Ends a wait after a failure.
    retry: Notify,
}

/// Figures for administrators.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Health {
    /// Failures in a row; 0 when the last transaction was accepted, and before the first.
    pub failures: u32,
    /// Why the last failure was one, and when, in milliseconds since the epoch. A success does not clear it.
    pub last_error: Option<(String, Millis)>,
    /// When the next attempt is made, in milliseconds since the epoch.
    pub retry_at_ms: Option<Millis>,
}

impl Line {
    pub(in crate::appservices) fn health(&self) -> Health {
        self.health.lock().clone()
    }

    /// Notes a failure; returns how many there were in a row.
    pub(super) fn failed(&self, why: &str, now_ms: Millis) -> u32 {
        let mut health = self.health.lock();
        health.failures = health.failures.saturating_add(1);
        health.last_error = Some((why.to_owned(), now_ms));
        health.failures
    }

    pub(super) fn waits_until(&self, at_ms: Millis) {
        self.health.lock().retry_at_ms = Some(at_ms);
    }

    /// Notes a success; returns how many failures came before.
    pub(super) fn succeeded(&self) -> u32 {
        let mut health = self.health.lock();
        health.retry_at_ms = None;
        std::mem::take(&mut health.failures)
    }

    /// Ends a wait after a failure, if there is one: the service has shown that it is there.
    pub(in crate::appservices) fn retry_now(&self) {
        if self.health.lock().retry_at_ms.is_some() {
            self.retry.notify_one();
        }
    }

    pub(super) async fn retried(&self) {
        self.retry.notified().await;
    }
}
