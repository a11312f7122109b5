//! Throwing away what has expired, and writing down what was only noted.

use hearth_base::{Result, limits};
use hearth_store::Lane;
use hearth_store::tables::txns;

use super::Admin;

impl Admin {
    /// Called every few minutes. Writes nothing when there is nothing to do.
    pub async fn upkeep(&self) -> Result<()> {
        self.devices.flush_last_seen().await?;
        let before_ms = self.core.now_ms().saturating_sub(limits::TXN_MS_MAX);
        self.core.store.write_in(Lane::Upkeep, "txns_prune", move |tx| txns::prune(tx.tx(), before_ms)).await?;
        Ok(())
    }

    /// Called once, when the server stops and no more requests come.
    pub async fn last_upkeep(&self) -> Result<()> {
        self.devices.flush_last_seen().await
    }
}
