//! `GET /rooms/{roomId}/messages`: a page of a room's timeline, in either direction.

use hearth_base::boxed;
use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::{Millis, Result, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::history_gaps::Gap;
use hearth_store::tables::relations::{self, ChildRow};
use hearth_store::tables::state_keys;
use ruma::api::Direction;
use ruma::api::client::filter::RoomEventFilter;
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedUserId, RoomId};

use super::access::Access;
use super::byte_budget::ByteBudget;
use super::choice::EventChoice;
use super::present::{self, EventFormat};
use super::token::Token;
use super::visibility::Viewer;
use super::walk::{WalkQuery, WalkResult, direction, walk};
use crate::load::Event;
use crate::state::snapshot;
use crate::{LocalRooms, gaps, relate};

/// Parameters of a page.
#[derive(Debug, Clone)]
pub struct Paging {
    /// The direction.
    pub direction: Direction,
    /// The start token; none for the end of the timeline at which the direction starts.
    pub from: Option<Token>,
    /// The end token.
    pub to: Option<Token>,
    /// Maximum number of events; at most [`limits::PAGE_EVENTS_MAX`], and [`limits::PAGE_BYTES_MAX`] of them.
    pub limit: usize,
    /// The event filter.
    pub filter: PageFilter,
}

/// A room event filter, with the relation fields that ruma omits.
#[derive(Debug, Clone, Default)]
pub struct PageFilter {
    /// The fields that ruma parses.
    pub events: RoomEventFilter,
    /// Only events to which one of these users has a relation (`related_by_senders`).
    pub related_by_senders: Option<Vec<OwnedUserId>>,
    /// Only events with a relation of one of these types (`related_by_rel_types`).
    pub related_by_rel_types: Option<Vec<String>>,
    /// Only events that have a relation of one of these types themselves (`rel_types`, MSC3874).
    pub rel_types: Option<Vec<String>>,
    /// No events that have a relation of one of these types themselves (`not_rel_types`, MSC3874).
    pub not_rel_types: Vec<String>,
}

impl PageFilter {
    /// Whether the filter asks for no relation of the events themselves, so that none has to be parsed.
    fn wants_any_relation(&self) -> bool {
        self.rel_types.is_none() && self.not_rel_types.is_empty()
    }

    /// Whether the filter allows the relation of an event, or that it has none.
    fn wants_relation(&self, event: &Event) -> bool {
        if self.wants_any_relation() {
            return true;
        }
        match relate::relation(&event.pdu).map(|relation| relation.rel_type) {
            Some(kind) => {
                !self.not_rel_types.contains(&kind)
                    && self.rel_types.as_ref().is_none_or(|wanted| wanted.contains(&kind))
            }
            None => self.rel_types.is_none(),
        }
    }
}

/// A page of a timeline.
#[derive(Debug)]
pub struct MessagesPage {
    /// The token of the start of the page.
    pub start: Token,
    /// The token of the next page; none when this page is empty and nothing follows.
    pub end: Option<Token>,
    /// The events, in the requested direction.
    pub chunk: Vec<Raw<AnyTimelineEvent>>,
    /// With lazy loading: the member events of the senders.
    pub state: Vec<Raw<AnyStateEvent>>,
    /// The gap that ends the page early.
    pub gap: Option<Gap>,
}

/// What a backward page does at a gap.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum AtGap {
    /// It ends there, unless the gap begins at `below` or above, or was tried in vain lately: such a gap must not hide those
    /// that lie below it.
    Stop {
        below: i64,
    },
    PassOver,
}

impl LocalRooms {
    /// Returns a page of a room's timeline, from local events only. A page may have fewer events than requested, or
    /// none, and still have a next page.
    #[boxed]
    pub async fn messages(&self, who: &Requester, room_id: OwnedRoomId, paging: Paging) -> Result<MessagesPage> {
        self.page(who, room_id, paging, AtGap::PassOver).await
    }

    /// As [`LocalRooms::messages`], but a backward page ends at a gap in the timeline that may be filled now, and returns it. Gaps
    /// that begin at the place `below` or above are passed over.
    #[boxed]
    pub async fn messages_to_gap(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        paging: Paging,
        below: i64,
    ) -> Result<MessagesPage> {
        self.page(who, room_id, paging, AtGap::Stop { below }).await
    }

    async fn page(&self, who: &Requester, room_id: OwnedRoomId, paging: Paging, at_gap: AtGap) -> Result<MessagesPage> {
        let now_ms = self.core.now_ms();
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, access: Access<'_>| {
            page(tx, room_id, access, &paging, (at_gap, now_ms))
        };
        self.reading_list("rooms_messages", who, room_id, look).await
    }
}

fn page(
    tx: &mut dyn Tx,
    room_id: &RoomId,
    mut access: Access<'_>,
    paging: &Paging,
    (at_gap, now_ms): (AtGap, Millis),
) -> Result<MessagesPage> {
    let newest = access.newest(tx)?;
    let viewer = &mut access.viewer;
    let (from, to) = (paging.from.map(Token::cut), paging.to.map(Token::cut));
    let (after, upto) = match paging.direction {
        Direction::Backward => (to, from),
        Direction::Forward => (from, to),
    };
    let mut way = WalkQuery {
        after: after.unwrap_or(i64::MIN),
        upto: upto.unwrap_or(i64::MAX).min(newest),
        direction: direction(paging.direction),
        limit: paging.limit.min(limits::PAGE_EVENTS_MAX),
    };
    let gap = match (paging.direction, at_gap) {
        (Direction::Backward, AtGap::Stop { below }) => {
            gaps::due_between(tx, viewer.room(), (way.after, way.upto.min(below)), now_ms)?
        }
        _ => None,
    };
    way.after = gap.as_ref().map_or(way.after, |gap| gap.next.max(way.after));
    let choice = EventChoice::from(&paging.filter.events);
    let mut walked = match choice.wants_room(room_id) {
        true if choice.is_open() && paging.filter.wants_any_relation() => walk(viewer, tx, way, None)?,
        true => {
            let wants = |event: &Event| choice.wants(&event.pdu) && paging.filter.wants_relation(event);
            walk(viewer, tx, way, Some(&wants))?
        }
        false => WalkResult::default(),
    };
    // As in Synapse, every page with events has a next token: some clients discard a page without one.
    let last = walked.events.last().and_then(|event| event.ord).map(|ord| match paging.direction {
        Direction::Backward => Token::before(ord),
        Direction::Forward => Token::after(ord),
    });
    keep_related(viewer, tx, &paging.filter, &mut walked.events)?;
    let form = EventFormat::timeline(Some(room_id));
    let chunk = present::fitting(viewer, tx, &form, &walked.events, &mut ByteBudget::page())?;
    walked.truncate(chunk.len(), way.direction);
    let gap = gap.filter(|_| walked.next.is_none());
    if walked.next.is_none() && paging.direction == Direction::Backward {
        walked.next = match &gap {
            Some(gap) => Some(gap.next.min(way.upto)),
            None if !viewer.is_joined() => None,
            // Other servers may return later what they do not return now, so the page keeps a next token.
            None => gaps::open_end(tx, viewer.room(), (way.after, way.upto))?,
        };
    }
    let lazy = !paging.filter.events.lazy_load_options.is_disabled();
    let members = if lazy { senders(tx, &walked.events)? } else { Vec::new() };
    Ok(MessagesPage {
        start: paging.from.unwrap_or_else(|| start(paging.direction, walked.events.first())),
        end: walked.next.map(Token::Timeline).or(last),
        chunk,
        state: present::state(viewer, tx, Some(room_id), members)?,
        gap,
    })
}

/// Returns the start of a page without a start token.
fn start(direction: Direction, first: Option<&Arc<Event>>) -> Token {
    match (direction, first.and_then(|event| event.ord)) {
        (Direction::Backward, Some(ord)) => Token::after(ord),
        (Direction::Forward, Some(ord)) => Token::before(ord),
        (_, None) => Token::Timeline(0),
    }
}

/// Removes events without a relation that the filter requires. Runs after the walk, so that one query serves the
/// page.
fn keep_related(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    filter: &PageFilter,
    events: &mut Vec<Arc<Event>>,
) -> Result<()> {
    if filter.related_by_senders.is_none() && filter.related_by_rel_types.is_none() {
        return Ok(());
    }
    let mut senders = HashSet::new();
    for user in filter.related_by_senders.iter().flatten() {
        senders.extend(hearth_store::tables::users::find(tx, user.as_str())?);
    }
    let parents: Vec<&str> = events.iter().map(|event| event.pdu.event_id.as_str()).collect();
    let mut related: HashSet<String> = HashSet::new();
    for ChildRow { relation, ord, .. } in relations::of_parents(tx, viewer.room(), &parents)? {
        let is_of_sender = filter.related_by_senders.is_none() || senders.contains(&relation.sender);
        let is_of_type = filter.related_by_rel_types.as_ref().is_none_or(|types| types.contains(&relation.rel_type));
        // Only relations that the reader may see: the filter must not tell of later ones.
        if is_of_sender
            && is_of_type
            && !related.contains(&relation.parent)
            && viewer.may_see_at(tx, relation.child, ord)?
        {
            related.insert(relation.parent);
        }
    }
    events.retain(|event| related.contains(event.pdu.event_id.as_str()));
    Ok(())
}

/// Returns the member events of the senders of `events`, as of the first of these events.
pub(super) fn senders(tx: &mut dyn Tx, events: &[Arc<Event>]) -> Result<Vec<EventSn>> {
    let Some(first) = events.first().filter(|event| event.snapshot.is_some()) else { return Ok(Vec::new()) };
    let (mut seen, mut keys) = (HashSet::new(), Vec::new());
    for event in events {
        if seen.insert(event.sender) {
            keys.extend(state_keys::find(tx, "m.room.member", event.pdu.sender.as_str())?);
        }
    }
    Ok(snapshot::get_many(tx, first.snapshot, &keys)?.into_iter().flatten().collect())
}
