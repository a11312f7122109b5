//! Sends the requests that the state asks for. Each runs in a task of its own, so that a slow response never delays a
//! key press.

use std::collections::HashMap;
use std::time::Duration;

use tokio::sync::mpsc::Sender;
use tokio::task::{AbortHandle, JoinSet};
use tokio::time::timeout;

use crate::client::Client;

use super::request::{Call, CallSlot};
use super::update::Message;

/// How long to wait on exit for changes in progress.
const FINISH_WAIT: Duration = Duration::from_secs(5);

/// Sends requests for one dashboard. Dropping it aborts them.
pub(super) struct Worker {
    client: Client,
    messages: Sender<Message>,
    reads: JoinSet<()>,
    changes: JoinSet<()>,
    /// The latest load of each slot. A newer one aborts it: its answer would be dropped, and a long poll would keep
    /// its connection.
    latest: HashMap<CallSlot, AbortHandle>,
}

impl Worker {
    /// Creates a worker that sends answers to `messages`.
    pub(super) fn new(client: Client, messages: Sender<Message>) -> Self {
        Self { client, messages, reads: JoinSet::new(), changes: JoinSet::new(), latest: HashMap::new() }
    }

    /// Starts a request.
    pub(super) fn start(&mut self, call: Call) {
        let (client, messages) = (self.client.clone(), self.messages.clone());
        let (slot, is_change) = (call.slot(), call.is_change());
        let tasks = if is_change { &mut self.changes } else { &mut self.reads };
        while tasks.try_join_next().is_some() {}
        let task = tasks.spawn(async move {
            let answer = call.send(&client).await;
            // Fails only if the dashboard has ended.
            let _ = messages.send(Message::Answered(answer)).await;
        });
        if let Some(before) = slot.and_then(|slot| self.latest.insert(slot, task)) {
            before.abort();
        }
    }

    /// Waits up to [`FINISH_WAIT`] for changes in progress, so that a change that was confirmed before quitting
    /// still reaches the server.
    pub(super) async fn finish(&mut self) {
        let arrived = async { while self.changes.join_next().await.is_some() {} };
        let _ = timeout(FINISH_WAIT, arrived).await;
    }
}
