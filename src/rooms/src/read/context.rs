//! `GET /rooms/{roomId}/context/{eventId}`: an event with the events right before and after it.

use hearth_base::boxed;
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
use super::byte_budget::ByteBudget;
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

/// Which events around another one are wanted.
pub(super) struct AroundQuery<'a> {
    /// Maximum number of events: before, after.
    pub(super) sizes: (usize, usize),
    /// The last place that the reader may see.
    pub(super) newest: i64,
    /// The filter; none selects all.
    pub(super) wants: Wants<'a>,
}

/// The events around another one.
pub(super) struct Around {
    pub(super) before: AroundSide,
    pub(super) after: AroundSide,
    pub(super) start: Token,
    pub(super) end: Token,
    /// The gap that cuts the events before it short.
    pub(super) gap: Option<Gap>,
}

/// The events on one side, the nearest first.
pub(super) struct AroundSide {
    pub(super) events: Vec<Arc<Event>>,
    /// The same events, serialised.
    pub(super) shown: Vec<Raw<AnyTimelineEvent>>,
    /// Whether the bytes ended before the wanted number of events.
    pub(super) is_cut: bool,
    /// The cut at which a page goes on; none at the end of the timeline.
    next: Option<i64>,
}

impl LocalRooms {
    /// Returns an event with up to `limit` events around it, and at most [`limits::PAGE_BYTES_MAX`] of them. `M_NOT_FOUND`
    /// for an event that the reader may not see.
    #[boxed]
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
        self.reading_list("rooms_context", who, room_id, look).await
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
    let form = EventFormat::timeline(Some(room_id));
    let shown = present::event(viewer, tx, &form, &event)?;
    let mut budget = ByteBudget::page();
    budget.spend(shown.json().get().len());
    let query = AroundQuery { sizes: (limit / 2, limit - limit / 2), newest, wants };
    let around = around(viewer, tx, &form, &event, &query, &mut budget)?;
    let last = around.after.events.last().unwrap_or(&event);
    let mut state = state_after(tx, last)?;
    if !filter.lazy_load_options.is_disabled() {
        let shown = around.before.events.iter().chain(&around.after.events).chain([&event]);
        let senders: HashSet<&str> = shown.map(|event| event.pdu.sender.as_str()).collect();
        drop_members(viewer, tx, &mut state, &senders)?;
    }
    Ok(Context {
        event: shown,
        before: around.before.shown,
        after: around.after.shown,
        start: around.start,
        end: around.end,
        state: present::state(viewer, tx, Some(room_id), state.into_values())?,
        gap: around.gap,
    })
}

/// Returns up to so many events before and after an event in the timeline, as far as they fit into `budget`; those before
/// get at most half of it. Stops at gaps, because the events beyond one are not adjacent.
pub(super) fn around(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    event: &Event,
    query: &AroundQuery<'_>,
    budget: &mut ByteBudget,
) -> Result<Around> {
    let (before, after) = query.sizes;
    let ord = event.ord.ok_or_else(|| Error::broken("an event that may be seen stands in no timeline"))?;
    let gap = gaps::between(tx, viewer.room(), (i64::MIN, ord - 1))?;
    let lowest = gap.as_ref().map_or(i64::MIN, |gap| gap.next);
    let back = WalkQuery { after: lowest, upto: ord - 1, direction: Direction::Backward, limit: before };
    let mut half = ByteBudget::within(budget.left() / 2);
    let before = side(viewer, tx, form, (back, query.wants), &mut half)?;
    budget.spend(before.shown.iter().map(|event| event.json().get().len()).sum());
    let highest = gaps::above(tx, viewer.room(), ord)?.map_or(query.newest, |gap| gap.floor.min(query.newest));
    let forth = WalkQuery { after: ord, upto: highest, direction: Direction::Forward, limit: after };
    let after = side(viewer, tx, form, (forth, query.wants), budget)?;
    let edge = |events: &[Arc<Event>]| events.last().and_then(|event| event.ord).unwrap_or(ord);
    Ok(Around {
        start: before.next.map_or_else(|| Token::before(edge(&before.events)), Token::Timeline),
        end: after.next.map_or_else(|| Token::after(edge(&after.events)), Token::Timeline),
        gap: gap.filter(|_| before.next.is_none()),
        before,
        after,
    })
}

/// Which visible events are selected; none selects all.
type Wants<'a> = Option<&'a dyn Fn(&Event) -> bool>;

fn side(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    form: &EventFormat<'_>,
    (way, wants): (WalkQuery, Wants<'_>),
    budget: &mut ByteBudget,
) -> Result<AroundSide> {
    let mut walked = walk(viewer, tx, way, wants)?;
    let shown = present::fitting(viewer, tx, form, &walked.events, budget)?;
    let is_cut = walked.truncate(shown.len(), way.direction);
    Ok(AroundSide { events: walked.events, shown, is_cut, next: walked.next })
}

/// Returns an event of the room that the viewer may see; `M_NOT_FOUND` otherwise.
pub fn visible(viewer: &mut Viewer<'_>, tx: &mut dyn Tx, id: &EventId) -> Result<Arc<Event>> {
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
