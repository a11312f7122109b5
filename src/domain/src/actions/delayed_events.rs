//! Events that are sent later (MSC4140): scheduling them, and sending those that are due.

use std::future::Future;
use std::sync::Arc;

use hearth_base::Result;

use super::{Actions, Sent};
use crate::Requester;
use crate::rooms::delayed::{Action, Delivery, Later};

impl Actions {
    /// Lets an event wait.
    pub(super) async fn schedule(&self, who: &Requester, later: Later) -> Result<Sent> {
        self.parts.delayed.schedule(who, later).await.map(Sent::Later)
    }

    /// Lets an event wait; gives its delay id. Refuses as [`crate::rooms::delayed::Delayed::schedule`].
    ///
    /// Durability: one transaction.
    pub async fn send_later(&self, who: &Requester, later: Later) -> Result<String> {
        self.parts.delayed.schedule(who, later).await
    }

    /// Does something to an event that waits. Doing it again does no harm. Refuses as [`crate::rooms::delayed::Delayed::act`].
    ///
    /// Durability: finished; the row of the event that waits is resumed after a crash.
    pub async fn update_delayed_event(self: &Arc<Self>, id: &str, action: Action) -> Result<()> {
        if action == Action::Restart {
            // Mostly a number in memory, and the most frequent request of a call.
            return self.parts.delayed.restart(id).await;
        }
        let (this, id) = (Arc::clone(self), id.to_owned());
        self.finish(async move { this.parts.delayed.act(&id, action, |id| this.send_delayed(id)).await }).await
    }

    /// Sends delayed events when they are due, until `stopping`. Runs once.
    pub async fn run_delayed(self: &Arc<Self>, stopping: impl Future<Output = ()>) {
        self.parts.delayed.run(stopping, |id| self.send_delayed(id)).await;
    }

    /// Sends an event that waits; says whether it was waiting. An invite of a user of another server goes there first: that the
    /// event waits no longer is written after the invite is in the room. After a crash in between the invite is found there, in the
    /// same words, and not sent again.
    async fn send_delayed(self: &Arc<Self>, id: Arc<str>) -> Result<bool> {
        match self.parts.delayed.send(Arc::clone(&id)).await? {
            Delivery::NotWaiting => Ok(false),
            Delivery::Sent => Ok(true),
            Delivery::RemoteInvite { origin, room_id, target, content } => {
                let event_id = self.parts.federation.invite_remote_user(origin, room_id, target, content).await?;
                self.parts.delayed.sent(id, event_id).await
            }
        }
    }
}
