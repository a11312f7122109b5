//! Throwing away what has expired, and writing down what was only noted. Each part of the domain does its own; here they
//! are called, each whatever comes of the others.

use hearth_base::{Result, limits};
use hearth_store::Lane;
use hearth_store::tables::txns;

use crate::Domain;

impl Domain {
    /// Called every few minutes. Writes nothing when there is nothing to do; what failed is logged, and done next time.
    pub async fn upkeep(&self) {
        said("last seen", self.devices.flush_last_seen().await);
        said("transactions", self.forget_txns().await);
        said("delayed events", self.delayed.prune().await);
        said("device lists", self.crypto.forget_moves().await);
        said("device lists of others", self.crypto.forget_remote().await);
        said("keys of other servers", self.federation.keyring.prune().await);
        said("rejected events", self.federation.expire_outliers().await);
        said("media", self.media.upkeep().await);
    }

    /// Called once, when the server stops and no more requests come.
    pub async fn last_upkeep(&self) {
        said("last seen", self.devices.flush_last_seen().await);
        said("media", self.media.last_upkeep().await);
        said("outbox", self.federation.settle_outbox().await);
        said("delayed events", self.delayed.settle().await);
    }

    /// Forgets answers to requests that nobody will repeat any more.
    async fn forget_txns(&self) -> Result<()> {
        let before_ms = self.core.now_ms().saturating_sub(limits::TXN_MS_MAX);
        self.core.store.write_in(Lane::Upkeep, "txns_prune", move |tx| txns::prune(tx.tx(), before_ms)).await.map(drop)
    }
}

fn said(part: &'static str, result: Result<()>) {
    if let Err(error) = result {
        tracing::warn!(part, %error, "Upkeep task failed.");
    }
}
