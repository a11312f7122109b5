//! The loop that polls the SFU and acts on the result. Sleeps until the next poll; needs no timer while no leave is
//! delegated.

use std::future::Future;
use std::pin::pin;
use std::time::Duration;

use futures_util::StreamExt;
use futures_util::stream::FuturesUnordered;
use hearth_base::limits::domain::CALL_LEAVE_CHECKS_AT_ONCE_MAX;
use hearth_base::{Reason, Result};
use hearth_rooms::delayed::Action;
use hearth_store::tables::delegated_leaves::{self as table, Delegated};
use tokio::time::Instant;

use super::Leaves;
use super::model::{LeaveAction, LeaveId, LeaveSeat, SfuPresence};

/// How far each restart delays a leave event: the SFU may be unreachable for this long.
const LEASE: Duration = Duration::from_secs(120);

impl Leaves {
    /// Handles the delegated leaves until `stopping`. Run only one.
    pub async fn run(&self, stopping: impl Future<Output = ()>) {
        let (mut stopping, mut under_way) = (pin!(stopping), FuturesUnordered::new());
        loop {
            while under_way.len() < CALL_LEAVE_CHECKS_AT_ONCE_MAX {
                let due = self.book.lock().take_due(Instant::now());
                let Some((room, ids)) = due else { break };
                under_way.push(self.look(room, ids));
            }
            // With all slots in use the timer is off; a finished poll wakes the loop.
            let next =
                if under_way.len() < CALL_LEAVE_CHECKS_AT_ONCE_MAX { self.book.lock().next_look() } else { None };
            tokio::select! {
                () = &mut stopping => return,
                () = self.sooner.notified() => {}
                Some(()) = under_way.next() => {}
                () = until(next) => {}
            }
        }
    }

    async fn look(&self, room: String, ids: Vec<LeaveId>) {
        let mut waiting = Vec::new();
        for id in ids {
            // The event may have been sent or cancelled since; then there is nothing to poll for.
            if self.delayed.waiting(&id).is_some() {
                waiting.push(id);
            } else {
                self.forget(&id).await;
            }
        }
        if waiting.is_empty() {
            return;
        }
        let there = self.rtc.participants(&room).await;
        if let Err(error) = &there {
            tracing::debug!(%error, "Failed to list a call's participants at the SFU.");
        }
        for id in waiting {
            let Some(place) = self.book.lock().place(&id).cloned() else { continue };
            let seen = match &there {
                Err(_) => SfuPresence::Unknown,
                Ok(there) if there.iter().any(|one| one.identity == place.identity) => SfuPresence::There,
                Ok(_) => SfuPresence::Missing,
            };
            let chance = self.core.seams.random.chance();
            let verdict = self.book.lock().learn(&id, seen, Instant::now(), chance);
            if let Err(error) = self.carry_out(&id, place, verdict).await {
                tracing::warn!(%error, "Failed to process a delegated leave; will retry.");
            }
        }
    }

    async fn carry_out(&self, id: &LeaveId, place: LeaveSeat, verdict: LeaveAction) -> Result<()> {
        let outcome = match verdict {
            LeaveAction::Nothing => return Ok(()),
            LeaveAction::Came => match self.delayed.lease(id, LEASE).await {
                // Restart first, store second: after a crash in between, the server polls again as for a new leave.
                Ok(()) => return self.note_connected(id, place).await,
                refused => refused,
            },
            LeaveAction::Stays => self.delayed.lease(id, LEASE).await,
            LeaveAction::Gone => self.actions.update_delayed_event(None, id, Action::Send).await,
        };
        match outcome {
            Ok(()) if verdict == LeaveAction::Stays => Ok(()),
            Ok(()) => {
                self.forget(id).await;
                Ok(())
            }
            Err(error) => match error.reason() {
                None | Some(Reason::LimitExceeded { .. } | Reason::OutOfSpace | Reason::ConnectionFailed) => Err(error),
                // The event has been sent or cancelled, or it cannot be sent, which is recorded when it is due.
                Some(_) => {
                    self.forget(id).await;
                    Ok(())
                }
            },
        }
    }

    /// Stores that the participant has connected, so that this is known after a restart.
    async fn note_connected(&self, id: &LeaveId, place: LeaveSeat) -> Result<()> {
        let (delay_id, sfu_room, identity) = (id.to_string(), place.room, place.identity);
        let row = Delegated { delay_id, sfu_room, identity, connected: true };
        self.core.store.write("leave_connected", move |tx| table::set(tx.tx(), &row)).await
    }

    async fn forget(&self, id: &LeaveId) {
        self.book.lock().remove(id);
        let delay_id = id.clone();
        // A row that stays is harmless: the next start finds no scheduled event for it and deletes it.
        let write = self.core.store.write("leave_forget", move |tx| table::delete(tx.tx(), &delay_id));
        if let Err(error) = write.await {
            tracing::debug!(%error, "Failed to delete a finished delegated leave; retried at the next start.");
        }
    }
}

async fn until(at: Option<Instant>) {
    match at {
        Some(at) => tokio::time::sleep_until(at).await,
        None => std::future::pending().await,
    }
}
