//! Durable actions: they finish even if the server crashes in between. Each has a row on disk (`durable_actions`) from
//! before its first step until after its last one.
//!
//! The row holds the request and not its progress. Resuming an action repeats it, and every action here is idempotent
//! in its result: it leads to the same memberships on all servers. The row is committed before the first request to
//! another server, because from then on that server may know something that this one would forget in a crash.
//!
//! While a client waits, it gets the outcome: a refusal ends the action, and so does an unreachable server, because
//! the user has been told and may have changed their mind. Without a waiting client, an action is retried with growing
//! back-off ([`backoff`]) for at most [`limits::DURABLE_ACTION_MS_MAX`]; leaving the rooms of a deactivated account is
//! retried without limit.

mod backoff;
mod journal;
mod resume;

use std::future::Future;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result};
use hearth_rooms::JoinContent;
use hearth_rooms::RoomCore;
use hearth_rooms::member_profile::MemberProfileField;
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::durable_actions as table;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId};
use serde::{Deserialize, Serialize};

use super::Actions;
pub(super) use journal::{Journal, Promise};
pub(super) use resume::without_device;

/// The request that is resumed after a crash. Stored as JSON: never change names and fields, only add some.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum DurableAction {
    /// A remote join, through one of the servers in `via`.
    Join { room_id: OwnedRoomId, via: Vec<OwnedServerName>, content: JoinContent },
    /// A remote knock, through one of the servers in `via`.
    Knock { room_id: OwnedRoomId, via: Vec<OwnedServerName>, reason: Option<String> },
    /// A user rejects an invite to a remote room, or retracts a knock there.
    Leave { room_id: OwnedRoomId, reason: Option<String> },
    /// The same after it is done locally, when no server in the room could be reached. `left` is the local leave
    /// event.
    WithdrawMembership { room_id: OwnedRoomId, left: OwnedEventId, via: Vec<OwnedServerName> },
    /// An invite of a remote user; the content is kept so that a retry sends the same event content.
    Invite { room_id: OwnedRoomId, target: OwnedUserId, content: CanonicalJsonObject },
    /// The account is deactivated; its rooms remain to be left.
    LeaveAllRooms,
    /// A new user joins a room of their registration token, into which `inviter` invites them if that is necessary.
    JoinInvited { room_id: OwnedRoomId, inviter: Option<OwnedUserId> },
    /// The user's profile has changed; the member events in their rooms remain to be updated.
    UpdateMemberEvents { field: MemberProfileField },
}

impl DurableAction {
    /// Inserts the action's row in the transaction. After the commit, pass it to [`Journal::keep`] or run it once.
    pub(super) fn insert(&self, core: &RoomCore, tx: &mut WriteTx<'_>, user: UserSn) -> Result<u64> {
        let json = serde_json::to_string(self).map_err(|error| Error::fault("writing a durable action", error))?;
        table::insert(tx, user, &json, core.now_ms())
    }

    /// Whether the action is retried without a time limit.
    fn is_never_given_up(&self) -> bool {
        matches!(self, Self::LeaveAllRooms)
    }
}

/// Whether an error is permanent, so that a retry cannot succeed.
pub(super) fn is_final(error: &Error) -> bool {
    match error.reason() {
        // Local or temporary: a retry can succeed.
        None | Some(Reason::LimitExceeded { .. } | Reason::OutOfSpace) => false,
        Some(_) => !error.is_undecided(),
    }
}

/// Whether an error that the user has seen ends the action. An error inside this server may leave the action half
/// done, so that one is retried.
fn ends_for_user(error: &Error) -> bool {
    is_final(error) || error.is_undecided()
}

impl Actions {
    /// Records `action`, runs `work`, and continues when the client hangs up or the server crashes.
    ///
    /// Errors of `work`, and an error when the row cannot be written (`M_RESOURCE_LIMIT_EXCEEDED` while the disk is
    /// full): then nothing has been started.
    pub(super) async fn durably<T: Send + 'static>(
        self: &Arc<Self>,
        user: UserSn,
        action: DurableAction,
        work: impl Future<Output = Result<T>> + Send + 'static,
    ) -> Result<T> {
        let this = Arc::clone(self);
        self.finish(async move {
            let (core, noted) = (Arc::clone(&this.core), action.clone());
            let write = move |tx: &mut WriteTx<'_>| noted.insert(&core, tx, user);
            // Committed before the first request to another server, so that a crash after it loses nothing.
            let sn = this.core.store.write("action_begin", write).await?;
            // Dropping it after a panic or a timeout of `work` schedules a retry.
            let promise = this.journal.promise(sn, user, action, this.core.now_ms());
            let outcome = work.await;
            match &outcome {
                Err(error) if !ends_for_user(error) => {
                    tracing::info!(%error, "An action is not finished; it will be tried again.");
                }
                _ => this.fulfil(promise).await,
            }
            outcome
        })
        .await
    }

    /// Deletes the row of an ended action. If that fails, the action runs once more, which changes nothing.
    pub(super) async fn fulfil(&self, promise: Promise) {
        let sn = promise.sn();
        match self.core.store.write("action_end", move |tx| table::delete(tx.tx(), sn)).await {
            Ok(()) => promise.fulfilled(),
            Err(error) => tracing::warn!(%error, "An action that has ended could not be noted as such."),
        }
    }
}
