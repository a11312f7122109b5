//! `GET /rooms/{roomId}/relations/{eventId}`: what relates to an event, and on request what relates to that.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_store::engine::Tx;
use hearth_store::tables::relations::{self, ChildRow};
use ruma::api::Direction;
use ruma::events::AnyMessageLikeEvent;
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, RoomId};

use super::access::Access;
use super::context::visible;
use super::present::{self, EventFormat};
use super::token::Token;
use super::visibility::Viewer;
use crate::Requester;
use crate::rooms::Rooms;
use crate::rooms::load::Event;

/// How far relations of relations are followed: an edit of a reply in a thread, and a reaction to it. What others do too.
const RECURSION_MAX: u32 = 3;

/// What relations are asked for.
#[derive(Debug)]
pub struct RelationsQuery {
    /// The event that they relate to.
    pub event: OwnedEventId,
    /// Only of this relation type.
    pub rel_type: Option<String>,
    /// Only of this event type.
    pub event_type: Option<String>,
    /// Which way: backwards is newest first.
    pub direction: Direction,
    /// Where to start.
    pub from: Option<Token>,
    /// Where to stop.
    pub to: Option<Token>,
    /// How many events.
    pub limit: usize,
    /// Also what relates to what is found.
    pub recurse: bool,
}

/// A page of related events.
#[derive(Debug)]
pub struct Relations {
    /// The events.
    pub chunk: Vec<Raw<AnyMessageLikeEvent>>,
    /// The token of the next page.
    pub next: Option<Token>,
    /// How far relations were followed; none if that was not asked for.
    pub depth: Option<u32>,
}

impl Rooms {
    /// A page of what relates to an event. `M_NOT_FOUND` for an event that the reader may not see.
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
        self.reading("rooms_relations", who, room_id, look).await
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
    let (events, next) = pick(viewer, tx, children, question)?;
    Ok(Relations {
        chunk: present::events(viewer, tx, &EventFormat::timeline(Some(room_id)), &events)?,
        next: next.map(Token::Timeline),
        depth: question.recurse.then_some(depth),
    })
}

/// Everything that relates to an event, at some depth; and to what depth that was followed.
fn gather(viewer: &Viewer<'_>, tx: &mut dyn Tx, parent: &Event, recurse: bool) -> Result<(Vec<ChildRow>, u32)> {
    let mut found: HashMap<i64, ChildRow> = HashMap::new();
    let mut parents = vec![parent.pdu.event_id.to_string()];
    let mut depth = 0;
    while depth < if recurse { RECURSION_MAX } else { 1 } && !parents.is_empty() {
        depth += 1;
        let names: Vec<&str> = parents.iter().map(String::as_str).collect();
        let mut next = Vec::new();
        for child in relations::of_parents(tx, viewer.room(), &names)? {
            let (Some(ord), true) = (child.ord, found.len() < limits::RELATIONS_PER_EVENT_MAX) else { continue };
            // Foreign events may relate in a circle.
            if let Entry::Vacant(vacant) = found.entry(ord) {
                next.push(child.id.clone());
                vacant.insert(child);
            }
        }
        parents = next;
    }
    Ok((found.into_values().collect(), depth))
}

/// Those on the page, and the cut to go on at, if there are more.
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
    let mut last = None;
    for (ord, sn) in places {
        if picked.len() == question.limit {
            return Ok((picked, last));
        }
        let event = viewer.core().events.get(tx, sn)?;
        if viewer.may_see(tx, &event)? {
            picked.push(event);
        }
        last = Some(if question.direction == Direction::Backward { ord - 1 } else { ord });
    }
    Ok((picked, None))
}
