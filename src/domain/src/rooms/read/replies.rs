//! Threads as a reader finds them, without reading their replies: how many, which is the newest, who wrote.
//!
//! Redacted replies relate to nothing any more, so they do not count; those of ignored users do not either.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::relations;

use super::visibility::Viewer;
use crate::rooms::load::Event;

/// Newest replies of a thread among which the latest that the reader may see is looked for.
const LATEST_MAX: u64 = 32;

/// The replies of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replies {
    /// How many there are.
    pub(super) count: u64,
    /// Whether one of them is the reader's.
    pub(super) mine: bool,
    newest: EventSn,
}

/// The replies of those of `roots` that have any, by the root's id.
pub(super) fn of(viewer: &Viewer<'_>, tx: &mut dyn Tx, roots: &[&str]) -> Result<HashMap<String, Replies>> {
    let mut found: HashMap<String, Replies> = HashMap::new();
    if roots.is_empty() || !relations::any_thread(tx, viewer.room())? {
        return Ok(found);
    }
    let reader = viewer.reader().user;
    for row in relations::replies(tx, viewer.room(), roots)? {
        if !viewer.ignores(row.sender) {
            let none = Replies { count: 0, mine: false, newest: row.newest };
            let replies = found.entry(row.root).or_insert(none);
            replies.count += row.count;
            replies.mine |= row.sender == reader;
            replies.newest = replies.newest.max(row.newest);
        }
    }
    Ok(found)
}

/// The newest reply that the reader may see: mostly the newest, else one of those right before it.
pub(super) fn latest(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    root: &Event,
    replies: &Replies,
) -> Result<Option<Arc<Event>>> {
    let newest = viewer.core().events.get(tx, replies.newest)?;
    if viewer.may_see(tx, &newest)? {
        return Ok(Some(newest));
    }
    let root = root.pdu.event_id.as_str();
    for reply in relations::replies_before(tx, viewer.room(), root, replies.newest, LATEST_MAX)? {
        let event = viewer.core().events.get(tx, reply)?;
        if viewer.may_see(tx, &event)? {
            return Ok(Some(event));
        }
    }
    Ok(None)
}
