//! `GET /rooms/{roomId}/threads`: the threads of a room, latest activity first.

use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::relations;
use ruma::events::AnyTimelineEvent;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, RoomId};

use super::access::Access;
use super::present::{self, EventFormat};
use super::replies;
use super::visibility::Viewer;
use crate::Rooms;
use crate::load::Event;

/// Threads per query.
const STEP_THREADS: u64 = 64;

/// A page of threads.
#[derive(Debug)]
pub struct Threads {
    /// The thread roots, with their threads bundled.
    pub chunk: Vec<Raw<AnyTimelineEvent>>,
    /// The token of the next page.
    pub next: Option<String>,
}

impl Rooms {
    /// Returns a page of a room's threads; with `participated` only those in which the reader has written. `from` is
    /// the token of an earlier page.
    pub async fn threads(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        participated: bool,
        from: Option<String>,
        limit: usize,
    ) -> Result<Threads> {
        let before = from.as_deref().map(parse).transpose()?.unwrap_or(EventSn(i64::MAX));
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let viewer = &mut access.viewer;
            let (roots, next) = pick(viewer, tx, participated, before, limit.clamp(1, limits::PAGE_EVENTS_MAX))?;
            let chunk = present::events(viewer, tx, &EventFormat::timeline(Some(room_id)), &roots)?;
            Ok(Threads { chunk, next: next.map(|next| format!("a{}", next.0)) })
        };
        self.reading("rooms_threads", who, room_id, look).await
    }
}

/// Parses a token of this list, `a<serial number of the last thread's newest event>`. Threads move as they grow, so a
/// place in the timeline would not work.
fn parse(token: &str) -> Result<EventSn> {
    let number = token.strip_prefix('a').and_then(|number| number.parse().ok());
    number.map(EventSn).ok_or_else(|| Error::invalid("This is not a token of a list of threads; leave it out."))
}

fn pick(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    participated: bool,
    mut before: EventSn,
    limit: usize,
) -> Result<(Vec<Arc<Event>>, Option<EventSn>)> {
    let (mut picked, mut looked_at) = (Vec::new(), 0);
    loop {
        let step = relations::threads(tx, viewer.room(), before, STEP_THREADS)?;
        let is_last = (step.len() as u64) < STEP_THREADS;
        let roots: Vec<Arc<Event>> =
            step.iter().map(|(root, _)| viewer.core().events.get(tx, *root)).collect::<Result<_>>()?;
        let ids: Vec<&str> = roots.iter().map(|root| root.pdu.event_id.as_str()).collect();
        let replies = replies::of(viewer, tx, &ids)?;
        for ((_, newest), root) in step.iter().zip(&roots) {
            if picked.len() == limit || looked_at == limits::PAGE_SCANNED_EVENTS_MAX {
                return Ok((picked, Some(before)));
            }
            (before, looked_at) = (*newest, looked_at + 1);
            // A thread whose replies are all redacted does not count as one.
            let Some(replies) = replies.get(root.pdu.event_id.as_str()) else { continue };
            let takes_part = root.sender == viewer.reader().user || replies.mine;
            if (takes_part || !participated) && viewer.may_see(tx, root)? {
                picked.push(root.clone());
            }
        }
        if is_last {
            return Ok((picked, None));
        }
    }
}
