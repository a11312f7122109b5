//! What an operator sees of the relay and does to it. Each question waits for the relay's threads, so on a thread that may wait.

use std::net::IpAddr;
use std::sync::Arc;

use hearth_turn::{AllocationId, AllocationView, UserTotals};

use super::Calls;

/// All that is known about the relay that runs here.
#[derive(Debug)]
pub struct RelayView {
    /// Where clients are sent.
    pub uris: Vec<String>,
    /// The addresses that others see.
    pub public: Vec<IpAddr>,
    /// What is wrong, in sentences.
    pub warnings: Vec<String>,
    /// Relayed addresses that are held now.
    pub allocations: Vec<AllocationView>,
    /// Who has used it since it was started.
    pub users: Vec<UserTotals>,
    /// What was refused since then, by reason; only what was.
    pub refused: Vec<(&'static str, u64)>,
}

impl Calls {
    /// The relay that runs here, as it is now; none if none does.
    pub async fn view(&self) -> Option<RelayView> {
        let own = self.own()?;
        let (running, uris) = (Arc::clone(&own.running), own.uris.clone());
        let refused = own.refusals().into_iter().filter(|(_, count)| *count > 0).collect();
        let look = move || {
            let whereabouts = running.whereabouts();
            RelayView {
                uris,
                public: [whereabouts.v4, whereabouts.v6].into_iter().flatten().map(|at| at.public).collect(),
                warnings: running.warnings(),
                allocations: running.allocations(),
                users: running.users(),
                refused,
            }
        };
        tokio::task::spawn_blocking(look).await.ok()
    }

    /// Ends a relayed address. Returns whether there was one.
    pub async fn end(&self, id: AllocationId) -> bool {
        let Some(own) = self.own() else { return false };
        let running = Arc::clone(&own.running);
        tokio::task::spawn_blocking(move || running.disconnect(id)).await.unwrap_or(false)
    }

    /// Where clients are sent instead of to a relay of ours.
    #[must_use]
    pub fn other_uris(&self) -> &[String] {
        &self.core.config.turn.uris
    }
}
