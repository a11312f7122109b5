//! Fetches missing events between the known graph and a new event (server-server API, `get_missing_events`), and adds
//! them first.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;

use hearth_base::limits::federation::PULLED_FAILURES_MAX;
use hearth_base::{Result, limits};
use hearth_rooms::find;
use hearth_store::tables::{awaited_events, rooms};
use ruma::api::federation::event::get_missing_events::v1 as missing_events;
use ruma::{OwnedEventId, ServerName, UInt};

use super::graph_order::parents_first;
use super::handle::{PduSource, RoomInfo};
use super::parse::IncomingPdu;
use super::state_before::StateNeed;
use crate::Federation;

impl Federation {
    /// Fetches the ancestors of `candidate`, in up to [`limits::MISSING_ROUNDS_MAX`] rounds, and adds them.
    pub(super) async fn catch_up(
        self: &Arc<Self>,
        place: &RoomInfo,
        candidate: &IncomingPdu,
        from: &ServerName,
        need: StateNeed,
    ) -> Result<()> {
        let earliest = self.ends(place).await?;
        let mut latest = vec![candidate.pdu.event_id.clone()];
        let mut found: HashMap<OwnedEventId, IncomingPdu> = HashMap::new();
        // Events older than the known history were not requested; `history` handles them.
        let mut past: HashSet<OwnedEventId> = HashSet::new();
        for _ in 0..limits::MISSING_ROUNDS_MAX {
            let mut request = missing_events::Request::new(place.room_id.clone(), earliest.clone(), latest);
            request.limit = UInt::new_saturating(limits::MISSING_EVENTS_MAX as u64);
            let answer = match self.ask(from, request).await {
                Ok(answer) => answer,
                // The events of earlier rounds are still useful.
                Err(_) if !found.is_empty() => break,
                Err(error) => return Err(error),
            };
            let new = answer.events.iter().take(limits::MISSING_EVENTS_MAX).filter_map(|json| self.read(place, json));
            let is_new =
                |one: &IncomingPdu| !found.contains_key(&one.pdu.event_id) && !past.contains(&one.pdu.event_id);
            let new: Vec<_> = new.filter(is_new).collect();
            if new.is_empty() {
                break;
            }
            found.extend(new.into_iter().map(|one| (one.pdu.event_id.clone(), one)));
            self.part_with_past(place, &mut found, &mut past).await?;
            let named: BTreeSet<_> = found.values().flat_map(|one| one.pdu.prev_events.iter().cloned()).collect();
            let missing = named.into_iter().filter(|id| !found.contains_key(id) && !past.contains(id)).collect();
            let missing: HashSet<_> = self.unplaced(missing).await?.into_iter().collect();
            if missing.is_empty() {
                break;
            }
            let open = found.values().filter(|one| one.pdu.prev_events.iter().any(|id| missing.contains(id)));
            latest = open.map(|one| one.pdu.event_id.clone()).take(limits::MISSING_EVENTS_MAX).collect();
        }
        // Ancestors first, so that each event finds its prev events in place.
        let (found, mut failures) = (in_order(found), 0);
        for verified in self.check_fetched(place, found, from).await? {
            let event_id = verified.pdu.event_id.clone();
            if let Err(error) = self.bring_in(place, verified, from, (PduSource::Pulled, need)).await {
                tracing::debug!(%error, event.id = %event_id, "Dropped a fetched event.");
                // What could not be asked for this one will mostly not be had for its successors either, and each would
                // ask for a whole state.
                failures += usize::from(error.is_undecided());
                if failures == PULLED_FAILURES_MAX {
                    break;
                }
            }
        }
        Ok(())
    }

    /// Removes from `found` events with a place here, and ancestors of a placed event or of a gap: adding those now
    /// would append them to the timeline instead of their place in the past.
    async fn part_with_past(
        &self,
        place: &RoomInfo,
        found: &mut HashMap<OwnedEventId, IncomingPdu>,
        past: &mut HashSet<OwnedEventId>,
    ) -> Result<()> {
        let (core, room) = (self.core.clone(), place.room);
        let ids: Vec<OwnedEventId> = found.keys().cloned().collect();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let mut old = Vec::new();
            for id in ids {
                let is_placed = core.events.find(tx.tx(), &id)?.is_some_and(|event| !event.is_outlier());
                if is_placed || awaited_events::has(tx.tx(), room, id.as_str())? {
                    old.push(id);
                }
            }
            Ok(old)
        };
        let mut open = self.core.store.read("admit_past", read).await?;
        while let Some(id) = open.pop() {
            if let Some(one) = found.remove(&id) {
                open.extend(one.pdu.prev_events.iter().cloned());
                past.insert(id);
            }
        }
        Ok(())
    }

    async fn ends(&self, place: &RoomInfo) -> Result<Vec<OwnedEventId>> {
        let (core, room_id) = (self.core.clone(), place.room_id.clone());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room: rooms::Room = find::resolve(tx.tx(), &room_id)?;
            room.extremities.iter().map(|sn| Ok(core.events.get(tx.tx(), *sn)?.pdu.event_id.clone())).collect()
        };
        self.core.store.read("admit_ends", read).await
    }

    /// The events that are not stored here with their state.
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

/// Topological order; ties by depth, which is correct for honest servers.
fn in_order(found: HashMap<OwnedEventId, IncomingPdu>) -> Vec<IncomingPdu> {
    let mut found: Vec<_> = found.into_values().collect();
    found
        .sort_unstable_by(|one, other| (one.pdu.depth, &one.pdu.event_id).cmp(&(other.pdu.depth, &other.pdu.event_id)));
    parents_first(found, |one, each| one.pdu.prev_events.iter().for_each(|id| each(id)))
}
