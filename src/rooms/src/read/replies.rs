//! Thread summaries without reading the replies: how many there are, which is the newest, and whether the reader took
//! part.
//!
//! Redacted replies have no relation any more and do not count; replies of ignored users do not count either.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::rooms::REPLIES_LATEST_MAX;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::relations;

use super::visibility::Viewer;
use crate::load::Event;

/// The replies of one thread.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Replies {
    /// The number of replies.
    pub(super) count: u64,
    /// Whether one of them is by the reader.
    pub(super) mine: bool,
    newest: EventSn,
}

/// Returns the replies of those of `roots` that have any, by the root's id.
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

/// Returns the newest reply that the reader may see, and the replies without those that they may not see.
///
/// For members the newest reply is mostly visible, and then all are counted. Otherwise the replies before it are read:
/// for a user who has left, those from before that. At most [`REPLIES_LATEST_MAX`] are read and so counted.
pub(super) fn seen(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    root: &Event,
    replies: Replies,
) -> Result<Option<(Arc<Event>, Replies)>> {
    let newest = viewer.core().events.get(tx, replies.newest)?;
    if viewer.may_see(tx, &newest)? {
        return Ok(Some((newest, replies)));
    }
    // What arrived after the leave event has a higher serial number.
    let before = viewer.departure().map_or(replies.newest, |left| left.event.min(replies.newest));
    let (mut latest, reader) = (None, viewer.reader().user);
    let mut counted = Replies { count: 0, mine: false, newest: replies.newest };
    for reply in relations::replies_before(tx, viewer.room(), root.pdu.event_id.as_str(), before, REPLIES_LATEST_MAX)? {
        let event = viewer.core().events.get(tx, reply)?;
        if viewer.may_see(tx, &event)? {
            counted.count += 1;
            counted.mine |= event.sender == reader;
            latest.get_or_insert(event);
        }
    }
    Ok(latest.map(|latest| (latest, counted)))
}
