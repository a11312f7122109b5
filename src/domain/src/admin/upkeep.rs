//! Throwing away what has expired.

use hearth_base::{Result, limits};
use hearth_store::Lane;
use hearth_store::tables::txns;

use super::Admin;

impl Admin {
    /// Forgets what is past its time. Called every few minutes.
    pub async fn upkeep(&self) -> Result<()> {
        let before_ms = self.core.now_ms().saturating_sub(limits::TXN_MS_MAX);
        self.core.store.write_in(Lane::Upkeep, "txns_prune", move |tx| txns::prune(tx.tx(), before_ms)).await?;
        Ok(())
    }
}
