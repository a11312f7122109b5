//! Periodic maintenance: deletes expired data, and writes deferred updates. Each service implements its own; a failure
//! of one does not stop the others.

use hearth_base::boxed;
use hearth_base::limits::users::OLD_IDS_PER_WRITE_MAX;
use hearth_base::{Result, limits};
use hearth_store::tables::txns;
use hearth_store::{Lane, ReadTx, WriteTx};

use crate::Domain;

impl Domain {
    /// Called every few minutes. Writes nothing when there is nothing to do; failures are logged and retried the next
    /// time.
    #[boxed]
    pub async fn upkeep(&self) {
        self.check_clock();
        said("last seen", self.devices.flush_last_seen().await);
        said("unused devices", self.accounts.log_out_unused_devices().await);
        said("transactions", self.forget_txns().await);
        said("delayed events", self.delayed.prune().await);
        said("device lists", self.crypto.forget_moves().await);
        said("device lists of others", self.crypto.forget_remote().await);
        said("keys of other servers", self.federation.keyring.prune().await);
        said("rejected events", self.federation.expire_outliers().await);
        said("media", self.media.upkeep().await);
        said("previews", self.previews.forget_expired().await);
        said("sliding sync", self.sync.forget_connections().await);
    }

    /// Warns of a clock that cannot be right. Called at the start and with each upkeep, because a machine without a
    /// battery-backed clock may start in 1970, or be set back to it.
    pub fn check_clock(&self) {
        if self.core.now_ms() < limits::CLOCK_MS_MIN {
            tracing::warn!(
                "The clock of this machine is wrong: it shows a time before this version of Hearth was released. Set it, for \
                 example by a time service (timedatectl set-ntp true). Until then this server publishes no keys, other \
                 servers refuse its events, and new events get wrong times."
            );
        }
    }

    /// Called once at shutdown, after the last request.
    #[boxed]
    pub async fn last_upkeep(&self) {
        said("last seen", self.devices.flush_last_seen().await);
        said("media", self.media.last_upkeep().await);
        said("outbox", self.federation.settle_outbox().await);
        said("delayed events", self.delayed.settle().await);
    }

    /// Deletes stored transaction responses that no client will repeat. There is one for each message, so a reader looks
    /// for them and the writer deletes some at a time.
    async fn forget_txns(&self) -> Result<()> {
        let before_ms = self.core.now_ms().saturating_sub(limits::TXN_MS_MAX);
        loop {
            let read = move |tx: &mut ReadTx<'_>| txns::old(tx.tx(), before_ms, OLD_IDS_PER_WRITE_MAX);
            let old = self.core.store.read_slow("txns_old", read).await?;
            if old.is_empty() {
                return Ok(());
            }
            let prune = move |tx: &mut WriteTx<'_>| {
                old.into_iter().try_for_each(|(device, key)| txns::delete(tx.tx(), device, key))
            };
            self.core.store.write_in(Lane::Upkeep, "txns_prune", prune).await?;
        }
    }
}

fn said(part: &'static str, result: Result<()>) {
    if let Err(error) = result {
        tracing::warn!(part, %error, "Upkeep task failed.");
    }
}
