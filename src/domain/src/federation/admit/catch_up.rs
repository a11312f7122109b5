//! Asking for the events between what is here and an event that comes after others (server-server API,
//! `get_missing_events`), and bringing them in first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_store::tables::rooms;
use ruma::api::federation::event::get_missing_events::v1 as missing_events;
use ruma::{OwnedEventId, ServerName, UInt};

use super::enter::{Place, Way};
use super::parse::Candidate;
use crate::federation::Federation;
use crate::rooms::find;

impl Federation {
    /// Fetches what comes before `candidate`, up to [`limits::MISSING_ROUNDS_MAX`] rounds of it, and brings it in.
    pub(super) async fn catch_up(
        self: &Arc<Self>,
        place: &Place,
        candidate: &Candidate,
        from: &ServerName,
    ) -> Result<()> {
        let earliest = self.ends(place).await?;
        let mut latest = vec![candidate.pdu.event_id.clone()];
        let mut found: HashMap<OwnedEventId, Candidate> = HashMap::new();
        for _ in 0..limits::MISSING_ROUNDS_MAX {
            let mut request = missing_events::Request::new(place.room_id.clone(), earliest.clone(), latest);
            request.limit = UInt::new_saturating(limits::MISSING_EVENTS_MAX as u64);
            let answer = match self.ask(from, request).await {
                Ok(answer) => answer,
                // What came before is still of use.
                Err(_) if !found.is_empty() => break,
                Err(error) => return Err(error),
            };
            let new = answer.events.iter().take(limits::MISSING_EVENTS_MAX).filter_map(|json| self.read(place, json));
            let new: Vec<_> = new.filter(|one| !found.contains_key(&one.pdu.event_id)).collect();
            if new.is_empty() {
                break;
            }
            found.extend(new.into_iter().map(|one| (one.pdu.event_id.clone(), one)));
            let named: BTreeSet<_> = found.values().flat_map(|one| one.pdu.prev_events.iter().cloned()).collect();
            let missing = named.into_iter().filter(|id| !found.contains_key(id)).collect();
            let missing: HashSet<_> = self.unplaced(missing).await?.into_iter().collect();
            if missing.is_empty() {
                break;
            }
            let open = found.values().filter(|one| one.pdu.prev_events.iter().any(|id| missing.contains(id)));
            latest = open.map(|one| one.pdu.event_id.clone()).take(limits::MISSING_EVENTS_MAX).collect();
        }
        let found = in_order(found);
        for vetted in self.vet(place.rules, found).await.into_iter().flatten() {
            let event_id = vetted.pdu.event_id.clone();
            if let Err(error) = self.bring_in(place, vetted, from, Way::Pulled).await {
                tracing::debug!(%error, event.id = %event_id, "An event that was fetched is dropped.");
            }
        }
        Ok(())
    }

    async fn ends(&self, place: &Place) -> Result<Vec<OwnedEventId>> {
        let (core, room_id) = (self.core.clone(), place.room_id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room: rooms::Room = find::resolve(tx.tx(), &room_id)?;
            room.extremities.iter().map(|sn| Ok(core.events.get(tx.tx(), *sn)?.pdu.event_id.clone())).collect()
        };
        self.core.store.read("admit_ends", read).await
    }

    /// Those of some events that are not here with the state at them.
    async fn unplaced(&self, ids: Vec<OwnedEventId>) -> Result<Vec<OwnedEventId>> {
        let core = self.core.clone();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut unplaced = Vec::new();
            for id in ids {
                if core.events.find(tx.tx(), &id)?.is_none_or(|event| event.is_outlier()) {
                    unplaced.push(id);
                }
            }
            Ok(unplaced)
        };
        self.core.store.read("admit_unplaced", read).await
    }
}

/// Each event after those before it, as far as they are among them.
fn in_order(mut found: HashMap<OwnedEventId, Candidate>) -> Vec<Candidate> {
    let mut by_depth: Vec<_> = found.values().map(|one| (one.pdu.depth, one.pdu.event_id.clone())).collect();
    // Depths are right when their servers are honest; the walk below does not rely on them.
    by_depth.sort_unstable();
    let mut order = Vec::with_capacity(found.len());
    let mut open: HashSet<OwnedEventId> = HashSet::new();
    for (_, id) in by_depth {
        let mut path = vec![id];
        while let Some(id) = path.last().cloned() {
            let Some(one) = found.get(&id) else {
                path.pop();
                continue;
            };
            if open.insert(id.clone()) {
                path.extend(one.pdu.prev_events.iter().filter(|id| found.contains_key(*id)).cloned());
            } else {
                order.extend(found.remove(&id));
                path.pop();
            }
        }
    }
    order
}
