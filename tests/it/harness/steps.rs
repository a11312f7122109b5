//! Stops a server between two steps of its work. A step is a database write or a request to another server.

use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Notify;

/// Writes that belong to no action: background work, and what other servers send.
const OTHERS: &[&str] = &["outbox_", "receive_", "last_seen", "inbox_", "presence", "search_", "typing"];

/// Counts the steps of one server, and stops it before one of them.
#[derive(Debug, Default)]
pub(crate) struct Steps {
    /// Steps until the stop; `None` for no stop.
    left: Mutex<Option<usize>>,
    reached: Notify,
    released: Notify,
    /// Every further step blocks forever: the server is about to be killed.
    is_dead: AtomicBool,
}

impl Steps {
    /// Stops the server after `count` more steps.
    pub(crate) fn stop_after(&self, count: usize) {
        *self.left.lock() = Some(count);
    }

    /// Cancels the stop; returns whether it was still to come.
    pub(crate) fn disarm(&self) -> bool {
        self.left.lock().take().is_some()
    }

    /// Completes when the server has stopped.
    pub(crate) async fn reached(&self) {
        self.reached.notified().await;
    }

    /// Lets the server continue.
    pub(crate) fn release(&self) {
        self.released.notify_one();
    }

    /// Blocks every further step of the server.
    pub(crate) fn die(&self) {
        self.is_dead.store(true, Ordering::SeqCst);
    }

    /// Called before each step of the server.
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
