//! `GET /rooms/{roomId}/threads`: the threads of a room, latest activity first.

use hearth_base::boxed;
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
use super::byte_budget::ByteBudget;
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
    #[boxed]
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
            let limit = limit.clamp(1, limits::PAGE_EVENTS_MAX);
            let (picked, mut next) = pick(viewer, tx, participated, before, limit)?;
            let roots: Vec<Arc<Event>> = picked.iter().map(|(root, _)| root.clone()).collect();
            let form = EventFormat::timeline(Some(room_id));
            let chunk = present::fitting(viewer, tx, &form, &roots, &mut ByteBudget::page())?;
            if chunk.len() < roots.len() {
                next = chunk.len().checked_sub(1).and_then(|last| picked.get(last)).map(|(_, newest)| *newest);
            }
            Ok(Threads { chunk, next: next.map(|next| format!("a{}", next.0)) })
        };
        self.reading_list("rooms_threads", who, room_id, look).await
    }
}

/// Parses a token of this list, `a<serial number of the last thread's newest event>`. Threads move as they grow, so a
/// place in the timeline would not work.
fn parse(token: &str) -> Result<EventSn> {
    let number = token.strip_prefix('a').and_then(|number| number.parse().ok());
    number.map(EventSn).ok_or_else(|| Error::invalid("This is not a token of a list of threads; leave it out."))
}

/// A thread's root, and its newest event.
type PickedThread = (Arc<Event>, EventSn);

fn pick(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    participated: bool,
    mut before: EventSn,
    limit: usize,
) -> Result<(Vec<PickedThread>, Option<EventSn>)> {
    let (mut picked, mut looked_at, mut budget) = (Vec::new(), 0, ByteBudget::page());
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
            // A thread whose replies are all redacted does not count as one.
            let counted = match replies.get(root.pdu.event_id.as_str()).copied() {
                // A user who has left does not learn of a thread that began later. Members are spared the look-up.
                Some(all) if !viewer.is_joined() => replies::seen(viewer, tx, root, all)?.map(|(_, seen)| seen),
                all => all,
            };
            let takes_part = counted.map(|replies| root.sender == viewer.reader().user || replies.mine);
            if takes_part.is_some_and(|takes_part| takes_part || !participated) && viewer.may_see(tx, root)? {
                if !budget.take(root.bytes()) {
                    return Ok((picked, Some(before)));
                }
                picked.push((root.clone(), *newest));
            }
            (before, looked_at) = (*newest, looked_at + 1);
        }
        if is_last {
            return Ok((picked, None));
        }
    }
}
