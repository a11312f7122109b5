//! From a batch of history to a placement plan: fetches the events needed for auth checks and for the state before
//! each.

use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_rooms::load::Event;
use hearth_store::ids::SnapshotSn;
use ruma::{OwnedEventId, OwnedServerName};

use super::Target;
use super::plan::{HistoryPlan, HistoryPlanner, ReportedStates};
use crate::Federation;
use crate::pdu::IncomingPdu;

impl Federation {
    /// Stores a batch of history (oldest event first) as outliers, with its auth events, and plans its places. `near`
    /// is a state of the room shortly after it.
    ///
    /// Returns an error when no event can be placed because a state could not be fetched. That is a temporary failure
    /// and must not count as a server without history.
    pub(super) async fn plan_history(
        self: &Arc<Self>,
        server: &OwnedServerName,
        target: &Target,
        piece: Vec<IncomingPdu>,
        near: Option<SnapshotSn>,
    ) -> Result<HistoryPlan> {
        let ids: Arc<[OwnedEventId]> = piece.iter().map(|candidate| candidate.pdu.event_id.clone()).collect();
        self.keep_piece(server, target, piece).await?;
        let (mut said, mut failed) = (ReportedStates::new(), None);
        let plan = self.plan_with(target, ids.clone(), near, &said).await?;
        // Events that cannot be placed without a remote state come first: mostly just the oldest event. Others are
        // placed without one as well, but then the state before them is not relied on.
        for id in plan.blind.iter().chain(&plan.half_blind).take(limits::HISTORY_STATES_MAX) {
            match self.state_of(&target.place, id, server).await {
                Ok(state) => _ = said.insert(id.clone(), state),
                Err(error) => {
                    tracing::debug!(event = %id, %error, "Failed to fetch historical state.");
                    failed = Some(error);
                }
            }
        }
        let plan = if said.is_empty() { plan } else { self.plan_with(target, ids, near, &said).await? };
        match failed {
            Some(error) if plan.planned.is_empty() => Err(error),
            _ => Ok(plan),
        }
    }

    async fn plan_with(
        &self,
        target: &Target,
        ids: Arc<[OwnedEventId]>,
        near: Option<SnapshotSn>,
        said: &ReportedStates,
    ) -> Result<HistoryPlan> {
        let (core, rules, said) = (self.core.clone(), target.place.rules, said.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut piece: Vec<Arc<Event>> = Vec::with_capacity(ids.len());
            for id in ids.iter() {
                // An event that is no longer an outlier has its place already.
                piece.extend(core.events.find(tx.tx(), id)?.filter(|event| event.is_outlier()));
            }
            HistoryPlanner { core: &core, rules, near, said: &said }.plan(tx.tx(), &piece)
        };
        self.core.store.read_slow("history_plan", read).await
    }
}
