//! Actions that are finished even if the server crashes in between: each is a row on disk (`durable_actions`) from before its first
//! step until after its last one.
//!
//! What is on disk is the request, not how far it has come: resuming an action is doing it again, and every action here is such
//! that doing it again leads to the same memberships on all servers. A row is written before the first request to another server,
//! because from then on the other server may know something that this one would not know after a crash.
//!
//! While a client waits, the outcome is the client's: a refusal ends the action, and so does a server that cannot be reached, as
//! the user was told so and may have changed their mind. Where no one was told, an action is tried again, later and later
//! ([`backoff`]), for [`limits::DURABLE_ACTION_MS_MAX`] at most; leaving the rooms of a deactivated account is never given up.

mod backoff;
mod journal;
mod resume;

use std::future::Future;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result};
use hearth_store::WriteTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::durable_actions as table;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId};
use serde::{Deserialize, Serialize};

use super::Actions;
use crate::core::Core;
use crate::rooms::JoinContent;
use crate::rooms::member_profile::MemberProfileField;
pub(super) use journal::{Journal, Promise};
pub(super) use resume::without_device;

/// What is resumed after a crash. Kept as JSON: names and fields are never changed, only added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum DurableAction {
    /// A user joins a room through another server.
    Join { room_id: OwnedRoomId, via: Vec<OwnedServerName>, content: JoinContent },
    /// A user knocks at a room through another server.
    Knock { room_id: OwnedRoomId, via: Vec<OwnedServerName>, reason: Option<String> },
    /// A user refuses an invite to a room on other servers, or takes a knock there back.
    Leave { room_id: OwnedRoomId, reason: Option<String> },
    /// The same once it is done here, and no server of the room could be told. `left` is the event by which it was done.
    WithdrawMembership { room_id: OwnedRoomId, left: OwnedEventId, via: Vec<OwnedServerName> },
    /// A user invites a user of another server.
    Invite { room_id: OwnedRoomId, target: OwnedUserId, content: CanonicalJsonObject },
    /// The account is deactivated; its user has yet to leave their rooms.
    LeaveAllRooms,
    /// The user's profile has changed; their rooms have yet to show it.
    UpdateMemberEvents { field: MemberProfileField },
}

impl DurableAction {
    /// Notes within a transaction that an action is to be done. Give it to [`Journal::keep`] or do it once that is committed.
    pub(super) fn insert(&self, core: &Core, tx: &mut WriteTx<'_>, user: UserSn) -> Result<u64> {
        let json = serde_json::to_string(self).map_err(|error| Error::fault("writing a durable action", error))?;
        table::insert(tx, user, &json, core.now_ms())
    }

    /// Whether it is tried again until it succeeds.
    fn is_never_given_up(&self) -> bool {
        matches!(self, Self::LeaveAllRooms)
    }
}

/// Whether an error says that the action cannot succeed, rather than that it did not.
pub(super) fn is_final(error: &Error) -> bool {
    match error.reason() {
        // Ours, or of the moment.
        None | Some(Reason::LimitExceeded { .. } | Reason::OutOfSpace) => false,
        Some(_) => !error.is_undecided(),
    }
}

/// Whether a user who has been told of an error has been told all: the action has ended. What failed for a reason of this
/// server's own may be half done, and goes on.
fn ends_for_user(error: &Error) -> bool {
    is_final(error) || error.is_undecided()
}

impl Actions {
    /// Does `work`, having noted it as `action`, and goes on when the client hangs up or the server crashes.
    ///
    /// Besides what `work` refuses, refuses what cannot be noted (`M_RESOURCE_LIMIT_EXCEEDED` while the disk is full): then nothing
    /// has begun.
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
            let sn = this.core.store.write("action_begin", write).await?;
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

    /// Notes that an action has ended. If that fails, it is done once more, which changes nothing.
    pub(super) async fn fulfil(&self, promise: Promise) {
        let sn = promise.sn();
        match self.core.store.write("action_end", move |tx| table::delete(tx.tx(), sn)).await {
            Ok(()) => promise.fulfilled(),
            Err(error) => tracing::warn!(%error, "An action that has ended could not be noted as such."),
        }
    }
}
