//! `GET /rooms/{roomId}/context/{eventId}`: an event with the events right before and after it.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::tables::events::Direction;
use hearth_store::tables::history_gaps::Gap;
use ruma::api::client::filter::RoomEventFilter;
use ruma::events::{AnyStateEvent, AnyTimelineEvent, TimelineEventType};
use ruma::serde::Raw;
use ruma::{EventId, OwnedEventId, OwnedRoomId, RoomId};

use super::access::Access;
use super::choice::EventChoice;
use super::present::{self, EventFormat};
use super::token::Token;
use super::visibility::Viewer;
use super::walk::{WalkQuery, walk};
use crate::load::Event;
use crate::state::snapshot::{self, StateIds};
use crate::{LocalRooms, gaps};

/// An event with its context.
#[derive(Debug)]
pub struct Context {
    /// The event.
    pub event: Raw<AnyTimelineEvent>,
    /// The events before it, newest first.
    pub before: Vec<Raw<AnyTimelineEvent>>,
    /// The events after it, oldest first.
    pub after: Vec<Raw<AnyTimelineEvent>>,
    /// The token to page backwards.
    pub start: Token,
    /// The token to page forwards.
    pub end: Token,
    /// The room's state at the last of the events.
    pub state: Vec<Raw<AnyStateEvent>>,
    /// The gap that cuts the events before it short.
    pub gap: Option<Gap>,
}

/// The context before serialisation.
pub(super) struct Around {
    pub(super) before: Vec<Arc<Event>>,
    pub(super) after: Vec<Arc<Event>>,
    pub(super) start: Token,
    pub(super) end: Token,
    /// The gap that cuts the events before it short.
    pub(super) gap: Option<Gap>,
}

impl LocalRooms {
    /// Returns an event with up to `limit` events around it. `M_NOT_FOUND` for an event that the reader may not see.
    pub async fn context(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
        limit: usize,
        filter: RoomEventFilter,
    ) -> Result<Context> {
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let event = visible(&mut access.viewer, tx, &event_id)?;
            context(tx, room_id, &mut access, event, limit.min(limits::PAGE_EVENTS_MAX), &filter)
        };
        self.reading("rooms_context", who, room_id, look).await
    }
}

fn context(
    tx: &mut dyn Tx,
    room_id: &RoomId,
    access: &mut Access<'_>,
    event: Arc<Event>,
    limit: usize,
    filter: &RoomEventFilter,
) -> Result<Context> {
    let (newest, choice) = (access.newest(tx)?, EventChoice::from(filter));
    let viewer = &mut access.viewer;
    let wants = |other: &Event| choice.wants(&other.pdu);
    let wants: Option<&dyn Fn(&Event) -> bool> = if choice.is_open() { None } else { Some(&wants) };
    let around = around(viewer, tx, &event, (limit / 2, limit - limit / 2), newest, wants)?;
    let last = around.after.last().unwrap_or(&event);
    let mut state = state_after(tx, last)?;
    if !filter.lazy_load_options.is_disabled() {
        let shown = around.before.iter().chain(&around.after).chain([&event]);
        let senders: HashSet<&str> = shown.map(|event| event.pdu.sender.as_str()).collect();
        drop_members(viewer, tx, &mut state, &senders)?;
    }
    let form = EventFormat::timeline(Some(room_id));
    Ok(Context {
        event: present::event(viewer, tx, &form, &event)?,
        before: present::events(viewer, tx, &form, &around.before)?,
        after: present::events(viewer, tx, &form, &around.after)?,
        start: around.start,
        end: around.end,
        state: present::state(viewer, tx, Some(room_id), state.into_values())?,
        gap: around.gap,
    })
}

/// Returns up to so many events before and after an event in the timeline. Stops at gaps, because the events beyond
/// one are not adjacent.
pub(super) fn around(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    event: &Event,
    (before, after): (usize, usize),
    newest: i64,
    wants: Option<&dyn Fn(&Event) -> bool>,
) -> Result<Around> {
    let ord = event.ord.ok_or_else(|| Error::broken("an event that may be seen stands in no timeline"))?;
    let gap = gaps::between(tx, viewer.room(), (i64::MIN, ord - 1))?;
    let lowest = gap.as_ref().map_or(i64::MIN, |gap| gap.next);
    let back = WalkQuery { after: lowest, upto: ord - 1, direction: Direction::Backward, limit: before };
    let before = walk(viewer, tx, back, wants)?;
    let highest = gaps::above(tx, viewer.room(), ord)?.map_or(newest, |gap| gap.floor.min(newest));
    let forth = WalkQuery { after: ord, upto: highest, direction: Direction::Forward, limit: after };
    let after = walk(viewer, tx, forth, wants)?;
    let edge = |events: &[Arc<Event>]| events.last().and_then(|event| event.ord).unwrap_or(ord);
    Ok(Around {
        start: before.next.map_or_else(|| Token::before(edge(&before.events)), Token::Timeline),
        end: after.next.map_or_else(|| Token::after(edge(&after.events)), Token::Timeline),
        gap: gap.filter(|_| before.next.is_none()),
        before: before.events,
        after: after.events,
    })
}

/// Returns an event of the room that the viewer may see; `M_NOT_FOUND` otherwise.
pub(super) fn visible(viewer: &mut Viewer<'_>, tx: &mut dyn Tx, id: &EventId) -> Result<Arc<Event>> {
    if let Some(event) = viewer.core().events.find(tx, id)?
        && viewer.may_see(tx, &event)?
    {
        return Ok(event);
    }
    Err(Error::not_found(format!("There is no event {id} in this room that you may see.")))
}

/// Returns the room's state after an event.
pub(super) fn state_after(tx: &mut dyn Tx, event: &Event) -> Result<StateIds> {
    let mut state = snapshot::full(tx, event.snapshot)?;
    state.extend(event.state_key.map(|key| (key, event.sn)));
    Ok(state)
}

/// Removes the member events of all users but `users`, for lazy loading.
fn drop_members(viewer: &Viewer<'_>, tx: &mut dyn Tx, state: &mut StateIds, users: &HashSet<&str>) -> Result<()> {
    let mut dropped = Vec::new();
    for (key, sn) in state.iter() {
        let event = viewer.core().events.get(tx, *sn)?;
        let of_another = event.pdu.state_key.as_deref().is_none_or(|user| !users.contains(user));
        if event.pdu.kind == TimelineEventType::RoomMember && of_another {
            dropped.push(*key);
        }
    }
    state.retain(|key, _| dropped.binary_search(key).is_err());
    Ok(())
}
