//! Receipts that arrive before their event: an event passes checks that may take a while, a receipt does not. The
//! queue is in memory, bounded and short-lived.

use std::sync::Arc;

use hearth_base::limits::federation::{EDU_ROWS_PER_WRITE_MAX, RECEIPTS_LOOK_EVERY, RECEIPTS_LOOKS_MAX};
use hearth_base::limits::{self, EVENTS_PER_RECEIPT_MAX};
use hearth_rooms::RoomCore;
use hearth_store::{Lane, WriteTx};
use parking_lot::Mutex;
use tokio::sync::Notify;

use super::receipts::{RemoteReceipt, take_in};

/// Waiting receipts, with the number of retries of each.
#[derive(Debug, Default)]
pub(crate) struct PendingReceipts {
    waiting: Mutex<Vec<(RemoteReceipt, u32)>>,
    some: Notify,
}

impl PendingReceipts {
    pub(super) fn add(&self, receipts: Vec<RemoteReceipt>) {
        if receipts.is_empty() {
            return;
        }
        let mut waiting = self.waiting.lock();
        let room = limits::LATE_RECEIPTS_MAX.saturating_sub(waiting.len());
        waiting.extend(receipts.into_iter().take(room).map(|receipt| (receipt, 0)));
        self.some.notify_one();
    }

    pub(super) async fn run(self: &Arc<Self>, core: &Arc<RoomCore>) {
        loop {
            if self.waiting.lock().is_empty() {
                self.some.notified().await;
            }
            tokio::time::sleep(RECEIPTS_LOOK_EVERY).await;
            let waiting = std::mem::take(&mut *self.waiting.lock());
            // Several writes, so that others' come in between.
            for piece in waiting.chunks(EDU_ROWS_PER_WRITE_MAX / EVENTS_PER_RECEIPT_MAX) {
                self.look(core, piece.to_vec()).await;
            }
        }
    }

    /// Stores the receipts whose events have arrived; the others wait on.
    async fn look(self: &Arc<Self>, core: &Arc<RoomCore>, waiting: Vec<(RemoteReceipt, u32)>) {
        let (this, on) = (self.clone(), core.clone());
        let look = move |tx: &mut WriteTx<'_>| {
            for (receipt, looks) in waiting {
                let origin = receipt.origin.clone();
                let unplaced = take_in(&on, tx, &origin, vec![receipt])?;
                let again =
                    unplaced.into_iter().filter(|_| looks < RECEIPTS_LOOKS_MAX).map(|receipt| (receipt, looks + 1));
                this.waiting.lock().extend(again);
            }
            Ok(())
        };
        if let Err(error) = core.store.write_in(Lane::Federation, "late_receipts", look).await {
            tracing::warn!(%error, "Failed to store remote receipts.");
        }
    }
}
