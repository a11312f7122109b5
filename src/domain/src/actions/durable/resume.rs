//! Resumes durable actions: those of the previous run at startup, and failed ones when they are due. Sleeps until
//! then, without a timer while none wait.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::durable_actions::{self as table, DurableActionRow};
use hearth_store::tables::{accounts, users};
use ruma::UserId;
use tokio::time::Instant;

use super::journal::Waiting;
use super::{DurableAction, is_final};
use crate::actions::Actions;

impl Actions {
    /// Resumes the actions of the previous run and retries failed ones, until `stopping`. Runs once.
    pub async fn run_durable(self: &Arc<Self>, stopping: impl Future<Output = ()>) {
        let (mut stopping, mut under_way) = (pin!(stopping), FuturesUnordered::new());
        self.load().await;
        loop {
            let due = self.journal.take_due(Instant::now(), limits::DURABLE_ACTIONS_AT_ONCE_MAX - under_way.len());
            under_way.extend(due.into_iter().map(|waiting| self.resume(waiting)));
            let next =
                if under_way.len() < limits::DURABLE_ACTIONS_AT_ONCE_MAX { self.journal.next_due() } else { None };
            tokio::select! {
                () = &mut stopping => return,
                () = self.journal.sooner.notified() => {}
                Some(()) = under_way.next() => {}
                () = until(next) => {}
            }
        }
    }

    /// Loads the rows of the previous run. Rows of this run are excluded: their positions come after `began_at`.
    async fn load(&self) {
        let rows = match self.core.store.read("actions_load", |tx| table::all(tx.tx())).await {
            Ok(rows) => rows,
            Err(error) => {
                return tracing::error!(%error, "Actions of the last run could not be read; they wait for the next.");
            }
        };
        let now = Instant::now();
        for DurableActionRow { sn, user, action, begun_ms } in rows.into_iter().filter(|row| row.sn <= self.began_at.0)
        {
            match serde_json::from_str::<DurableAction>(&action) {
                Ok(action) => {
                    tracing::info!(?action, "Resuming an action that the last run of the server did not finish.");
                    self.journal.add(now, Waiting { sn, user, action, begun_ms, tries: 0 });
                }
                Err(error) => tracing::error!(%error, "An action of the last run could not be understood."),
            }
        }
    }

    async fn resume(self: &Arc<Self>, waiting: Waiting) {
        let (user, action, age_ms) =
            (waiting.user, waiting.action.clone(), self.core.now_ms().saturating_sub(waiting.begun_ms));
        // Held during the try, so that a panic schedules the next one.
        let promise = self.journal.promise_again(waiting);
        let until = Instant::now() + Duration::from_millis(limits::ACTION_MS_MAX);
        let done = tokio::time::timeout_at(until, self.do_again(user, action.clone())).await;
        match done {
            Ok(Ok(())) => {}
            Ok(Err(error)) if is_final(&error) => {
                tracing::info!(?action, %error, "An action came to nothing.");
            }
            _ if action.is_never_given_up() || age_ms < limits::DURABLE_ACTION_MS_MAX => {
                // Dropping the promise schedules the next try.
                return tracing::info!(?action, "An action did not succeed; it will be tried again.");
            }
            _ => tracing::warn!(?action, "An action did not succeed in time, and is given up."),
        }
        self.fulfil(promise).await;
    }

    /// Repeats an action without a waiting client.
    async fn do_again(self: &Arc<Self>, user: UserSn, action: DurableAction) -> Result<()> {
        let (who, is_deactivated) =
            self.core.store.read("action_user", move |tx| without_device(tx.tx(), user)).await?;
        match action {
            // These end the user's memberships, so they run for deactivated accounts as well.
            DurableAction::Leave { room_id, reason } => self.leave_remote_room(&who, room_id, reason).await.map(drop),
            DurableAction::WithdrawMembership { room_id, left, via } => {
                self.parts.federation.withdraw_membership(&who, room_id, left, via).await
            }
            DurableAction::LeaveAllRooms if is_deactivated => self.leave_all_rooms(&who).await,
            _ if is_deactivated => Ok(()),
            // The account has been reactivated since: do not leave its rooms.
            DurableAction::LeaveAllRooms => Ok(()),
            DurableAction::Join { room_id, via, content } => {
                self.join_remote_room(&who, room_id, via, content).await.map(drop)
            }
            DurableAction::Knock { room_id, via, reason } => {
                self.knock_on_remote_room(&who, room_id, via, reason).await.map(drop)
            }
            DurableAction::Invite { room_id, target, content } => {
                self.invite_remote_user(&who, room_id, target, content).await.map(drop)
            }
            DurableAction::JoinInvited { room_id, inviter } => self.join_invited(&who, room_id, inviter).await,
            DurableAction::UpdateMemberEvents { field } => self.parts.rooms.renew_face(&who, field).await,
        }
    }
}

async fn until(due: Option<Instant>) {
    match due {
        Some(due) => tokio::time::sleep_until(due).await,
        None => std::future::pending().await,
    }
}

/// The user as a requester without a device, and whether the account is deactivated. Actions are resumed even if the
/// device that started them was deleted.
pub(in crate::actions) fn without_device(tx: &mut dyn Tx, user: UserSn) -> Result<(Requester, bool)> {
    let name = users::name(tx, user)?.ok_or_else(|| Error::broken("the user of an action is missing"))?;
    let user_id = UserId::parse(name).map_err(|error| Error::fault("reading a stored user id", error))?;
    let account = accounts::get(tx, user)?;
    let is_deactivated = account.is_none_or(|account| account.deactivated_ms.is_some());
    Ok((Requester::without_device(user, user_id), is_deactivated))
}
