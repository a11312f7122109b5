//! `GET /rooms/{roomId}/relations/{eventId}`: the events with a relation to an event, optionally recursive.

use hearth_base::boxed;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use hearth_base::limits::rooms::RELATIONS_RECURSION_MAX;
use hearth_base::{Result, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::tables::relations::{self, ChildRow};
use ruma::api::Direction;
use ruma::events::AnyMessageLikeEvent;
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, RoomId};

use super::access::Access;
use super::byte_budget::ByteBudget;
use super::context::visible;
use super::present::{self, EventFormat};
use super::token::Token;
use super::visibility::Viewer;
use super::walk::{cut_before, direction};
use crate::Rooms;
use crate::load::Event;

/// Parameters of a relations request.
#[derive(Debug)]
pub struct RelationsQuery {
    /// The parent event.
    pub event: OwnedEventId,
    /// Only this relation type.
    pub rel_type: Option<String>,
    /// Only this event type.
    pub event_type: Option<String>,
    /// The direction; backwards is newest first.
    pub direction: Direction,
    /// The start token.
    pub from: Option<Token>,
    /// The end token.
    pub to: Option<Token>,
    /// Maximum number of events; at most [`limits::PAGE_BYTES_MAX`] of them.
    pub limit: usize,
    /// Whether to include relations of relations.
    pub recurse: bool,
}

/// A page of related events.
#[derive(Debug)]
pub struct Relations {
    /// The events.
    pub chunk: Vec<Raw<AnyMessageLikeEvent>>,
    /// The token of the next page.
    pub next: Option<Token>,
    /// The depth that the recursion reached; none without recursion.
    pub depth: Option<u32>,
}

impl Rooms {
    /// Returns a page of relations of an event. `M_NOT_FOUND` for an event that the reader may not see.
    #[boxed]
    pub async fn relations(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        question: RelationsQuery,
    ) -> Result<Relations> {
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let parent = visible(&mut access.viewer, tx, &question.event)?;
            page(tx, room_id, &mut access.viewer, &parent, &question)
        };
        self.reading_list("rooms_relations", who, room_id, look).await
    }
}

fn page(
    tx: &mut dyn Tx,
    room_id: &RoomId,
    viewer: &mut Viewer<'_>,
    parent: &Event,
    question: &RelationsQuery,
) -> Result<Relations> {
    let (mut children, depth) = gather(viewer, tx, parent, question.recurse)?;
    children.retain(|child| {
        question.rel_type.as_ref().is_none_or(|wanted| *wanted == child.relation.rel_type)
            && question.event_type.as_ref().is_none_or(|wanted| *wanted == child.relation.event_type)
    });
    let (events, mut next) = pick(viewer, tx, children, question)?;
    let form = EventFormat::timeline(Some(room_id));
    let chunk = present::fitting(viewer, tx, &form, &events, &mut ByteBudget::page())?;
    if let Some(ord) = events.get(chunk.len()).and_then(|left_out| left_out.ord) {
        next = Some(cut_before(ord, direction(question.direction)));
    }
    Ok(Relations { chunk, next: next.map(Token::Timeline), depth: question.recurse.then_some(depth) })
}

/// Returns all relations of an event, and the depth that the recursion reached.
fn gather(viewer: &Viewer<'_>, tx: &mut dyn Tx, parent: &Event, recurse: bool) -> Result<(Vec<ChildRow>, u32)> {
    let mut found: HashMap<i64, ChildRow> = HashMap::new();
    let mut parents = vec![parent.pdu.event_id.to_string()];
    let mut depth = 0;
    while depth < if recurse { RELATIONS_RECURSION_MAX } else { 1 } && !parents.is_empty() {
        depth += 1;
        let names: Vec<&str> = parents.iter().map(String::as_str).collect();
        let mut next = Vec::new();
        for child in relations::of_parents(tx, viewer.room(), &names)? {
            let (Some(ord), true) = (child.ord, found.len() < limits::RELATIONS_PER_EVENT_MAX) else { continue };
            // Remote events may relate in a cycle, so visit each event once.
            if let Entry::Vacant(vacant) = found.entry(ord) {
                next.push(child.id.clone());
                vacant.insert(child);
            }
        }
        parents = next;
    }
    Ok((found.into_values().collect(), depth))
}

/// Returns the events on the page, and the cut at which the next page starts, if any.
fn pick(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    children: Vec<ChildRow>,
    question: &RelationsQuery,
) -> Result<(Vec<Arc<Event>>, Option<i64>)> {
    let (from, to) = (question.from.map(Token::cut), question.to.map(Token::cut));
    let (after, upto) = match question.direction {
        Direction::Backward => (to, from),
        Direction::Forward => (from, to),
    };
    let places = children.into_iter().filter_map(|child| Some((child.ord?, child.relation.child)));
    let mut places: Vec<_> = places
        .filter(|(ord, _)| after.is_none_or(|after| *ord > after) && upto.is_none_or(|upto| *ord <= upto))
        .collect();
    places.sort_unstable_by_key(|(ord, _)| *ord);
    if question.direction == Direction::Backward {
        places.reverse();
    }
    let mut picked: Vec<Arc<Event>> = Vec::new();
    let (mut last, mut budget) = (None, ByteBudget::page());
    for (ord, sn) in places {
        if picked.len() == question.limit {
            return Ok((picked, last));
        }
        let event = viewer.core().events.get(tx, sn)?;
        if viewer.may_see(tx, &event)? {
            if !budget.take(event.bytes()) {
                return Ok((picked, last));
            }
            picked.push(event);
        }
        last = Some(if question.direction == Direction::Backward { ord - 1 } else { ord });
    }
    Ok((picked, None))
}
