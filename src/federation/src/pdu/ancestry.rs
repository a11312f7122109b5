//! Forward extremities that are none: ancestors of an event through events that are stored here by now.
//!
//! After a gap the old extremities stay beside the first event above it, because how the two are connected is not known.
//! When the events between them come in, as history or late, the old extremities turn out to be ancestors. As long as
//! they counted, the room's state would be resolved from an old and a new state, and could differ from that of all
//! servers without the gap.

use std::collections::{BinaryHeap, HashSet};
use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::load::Event;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;

/// Removes from `ends` the ancestors of the events `from`, as far as they are found within
/// [`limits::ANCESTORS_SEARCHED_MAX`] stored events. Walks the deepest events first, and not below the lowest end.
pub(super) fn without_ancestors(
    core: &RoomCore,
    tx: &mut dyn Tx,
    from: &[Arc<Event>],
    ends: &[EventSn],
) -> Result<Vec<EventSn>> {
    let (mut left, mut lowest) = (HashSet::with_capacity(ends.len()), i64::MAX);
    for end in ends {
        lowest = lowest.min(core.events.get(tx, *end)?.pdu.depth);
        left.insert(*end);
    }
    let mut seen: HashSet<EventSn> = from.iter().map(|event| event.sn).collect();
    let mut ahead: BinaryHeap<(i64, EventSn)> = from.iter().map(|event| (event.pdu.depth, event.sn)).collect();
    for _ in 0..limits::ANCESTORS_SEARCHED_MAX {
        let Some((_, sn)) = ahead.pop().filter(|(depth, _)| !left.is_empty() && *depth > lowest) else { break };
        let event = core.events.get(tx, sn)?;
        for id in &event.pdu.prev_events {
            // An outlier is known without its place, but its prev events are ancestors all the same.
            if let Some(before) = core.events.find(tx, id)?.filter(|before| before.room == event.room)
                && seen.insert(before.sn)
            {
                left.remove(&before.sn);
                ahead.push((before.pdu.depth, before.sn));
            }
        }
    }
    Ok(ends.iter().filter(|end| left.contains(end)).copied().collect())
}
