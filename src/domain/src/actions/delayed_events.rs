//! Delayed events (MSC4140): scheduling them and sending the due ones.

use hearth_base::boxed;
use std::future::Future;
use std::sync::Arc;

use hearth_base::Result;
use hearth_core::Requester;
use hearth_rooms::delayed::{Action, Delivery, Later};
use hearth_store::ids::UserSn;

use super::{Actions, Sent};

impl Actions {
    /// Schedules a delayed event.
    pub(super) async fn schedule(&self, who: &Requester, later: Later) -> Result<Sent> {
        self.parts.delayed.schedule(who, later).await.map(Sent::Later)
    }

    /// Schedules a delayed event and returns its delay id. Errors of [`hearth_rooms::delayed::Delayed::schedule`].
    ///
    /// Durability: one transaction.
    #[boxed]
    pub async fn send_later(&self, who: &Requester, later: Later) -> Result<String> {
        self.parts.delayed.schedule(who, later).await
    }

    /// Restarts, sends or cancels a delayed event of `by`; `None` for the server itself. The call is idempotent. Errors
    /// of [`hearth_rooms::delayed::Delayed::act`].
    ///
    /// Durability: finished; after a crash the row of the delayed event is resumed.
    #[boxed]
    pub async fn update_delayed_event(self: &Arc<Self>, by: Option<UserSn>, id: &str, action: Action) -> Result<()> {
        if action == Action::Restart {
            // Restarting mostly changes a number in memory. It is the most frequent request of a call, so it skips the
            // task.
            return self.parts.delayed.restart(by, id).await;
        }
        let (this, id) = (Arc::clone(self), id.to_owned());
        self.finish(async move { this.parts.delayed.act(by, &id, action, |id| this.send_delayed(id)).await }).await
    }

    /// Sends delayed events when they are due, until `stopping`. Runs once.
    pub async fn run_delayed(self: &Arc<Self>, stopping: impl Future<Output = ()>) {
        self.parts.delayed.run(stopping, |id| self.send_delayed(id)).await;
    }

    /// Sends a delayed event. Returns whether it was still scheduled.
    ///
    /// An invite of a remote user goes to that user's server first, and the row of the delayed event is removed after
    /// the invite is in the room. After a crash in between, the invite is found in the room with the same content and
    /// is not sent again.
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
