//! Stops a server between two steps of what it does. A step is a write to its database or a request to another server.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Writes that are not part of an action: what the server does by itself, and what others bring.
const OTHERS: &[&str] = &["outbox_", "receive_", "last_seen", "inbox_", "presence", "typing"];

/// Counts the steps of one server, and stops it before one of them.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Steps until the stop; none for no stop.
    left: Mutex<Option<usize>>,
    reached: Notify,
    released: Notify,
    /// Nothing goes on any more: the server is about to be killed.
    is_dead: AtomicBool,
}

impl Steps {
    /// Has the server stop before the step after the next `count`.
    pub(crate) fn stop_after(&self, count: usize) {
        *self.left.lock() = Some(count);
    }

    /// Does not stop any more; whether the stop was still to come.
    pub(crate) fn disarm(&self) -> bool {
        self.left.lock().take().is_some()
    }

    /// Returns when the server has stopped.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the server go on.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Nothing of the server goes on any more.
    pub(crate) fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
    }

    /// One step of the server is about to be taken.
    pub(crate) async fn step(&self, name: &str) {
        if self.is_dead.load(Ordering::SeqCst) {
            std::future::pending::<()>().await;
        }
        if OTHERS.iter().any(|other| name.starts_with(other)) || name.contains("/federation/v1/send/") {
            return;
        }
        let stops = {
            let mut left = self.left.lock();
            match *left {
                Some(0) => left.take().is_some(),
                Some(count) => {
                    *left = Some(count - 1);
                    false
                }
                None => false,
            }
        };
        if stops {
            self.reached.notify_one();
            self.released.notified().await;
        }
    }
}
