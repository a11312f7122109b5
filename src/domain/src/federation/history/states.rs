//! From a piece of history to a plan of how to store it: fetches what is needed to judge the events and to know the state
//! before each.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_store::ids::SnapshotSn;
use ruma::{OwnedEventId, OwnedServerName};

use super::Target;
use super::plan::{HistoryPlan, HistoryPlanner, ReportedStates};
use crate::federation::Federation;
use crate::federation::pdu::IncomingPdu;
use crate::rooms::load::Event;

impl Federation {
    /// Stores a piece of history (oldest event first) as outliers, with what belongs to it, and plans its places. `near` is a
    /// state of the room not long after it.
    ///
    /// An error when none of it can be placed as a state could not be fetched: that says nothing about the server's history, and
    /// must not count as a server that has none.
    pub(super) async fn plan_history(
        self: &Arc<Self>,
        server: &OwnedServerName,
        target: &Target,
        piece: Vec<IncomingPdu>,
        near: SnapshotSn,
    ) -> Result<HistoryPlan> {
        let ids: Arc<[OwnedEventId]> = piece.iter().map(|candidate| candidate.pdu.event_id.clone()).collect();
        self.keep_piece(server, target, piece).await?;
        let (mut said, mut failed) = (ReportedStates::new(), None);
        let plan = self.plan_with(target, ids.clone(), near, &said).await?;
        // At first those that cannot be placed otherwise: mostly just the oldest event.
        for id in plan.blind.iter().chain(&plan.half_blind).take(limits::HISTORY_STATES_MAX) {
            match self.state_of(&target.place, id, server).await {
                Ok(state) => _ = said.insert(id.clone(), Arc::new(state)),
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
        near: SnapshotSn,
        said: &ReportedStates,
    ) -> Result<HistoryPlan> {
        let (core, rules, said): (_, _, HashMap<_, _>) = (self.core.clone(), target.place.rules, said.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut piece: Vec<Arc<Event>> = Vec::with_capacity(ids.len());
            for id in ids.iter() {
                // One that is more than an outlier has its place.
                piece.extend(core.events.find(tx.tx(), id)?.filter(|event| event.is_outlier()));
            }
            HistoryPlanner { core: &core, rules, near, said: &said }.plan(tx.tx(), &piece)
        };
        self.core.store.read_slow("history_plan", read).await
    }
}
