//! `GET /rooms/{roomId}/hierarchy`: the rooms of a space, of its spaces, and so on (client-server API, "Spaces").
//!
//! Depth first, each space's children in their order. A page is cut out of a walk that begins anew every time: it touches
//! only local rooms, is bounded, and needs nothing remembered between requests.

use std::collections::HashSet;

use hearth_base::{Error, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::state;
use ruma::events::space::child::HierarchySpaceChildEvent;
use ruma::room::RoomType;
use ruma::serde::Raw;
use ruma::{OwnedRoomId, RoomId};
use serde::{Deserialize, Serialize};

use super::summary::{Summary, is_accessible, summary};
use crate::Requester;
use crate::core::Core;
use crate::rooms::Rooms;
use crate::rooms::event::Pdu;
use crate::rooms::event::client::strip;

/// The longest `order` of a child that counts, in characters.
const ORDER_CHARS_MAX: usize = 50;

/// What of a space is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// Only rooms that their spaces suggest.
    pub suggested_only: bool,
    /// How deep to go; the space itself is at 0.
    pub depth_max: Option<u64>,
}

/// A room of a hierarchy.
#[derive(Debug, Serialize)]
pub struct Node {
    /// The room.
    #[serde(flatten)]
    pub summary: Summary,
    /// The `m.space.child` events of a space.
    pub children_state: Vec<Raw<HierarchySpaceChildEvent>>,
}

/// A page of a hierarchy.
#[derive(Debug, Serialize)]
pub struct Hierarchy {
    /// The rooms.
    pub rooms: Vec<Node>,
    /// The token of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
}

impl Rooms {
    /// A page of a space's rooms, those left out that the reader could not enter. `M_FORBIDDEN` for a space that they
    /// could not enter; `M_INVALID_PARAM` for a token that does not go with the question.
    pub async fn hierarchy(
        &self,
        who: &Requester,
        space: OwnedRoomId,
        question: Question,
        from: Option<String>,
        limit: usize,
    ) -> Result<Hierarchy> {
        let skip = from.as_deref().map(|from| parse(from, question)).transpose()?.unwrap_or(0);
        let (core, reader) = (self.core.clone(), who.user);
        let limit = limit.clamp(1, limits::HIERARCHY_PAGE_ROOMS_MAX);
        let look =
            move |tx: &mut hearth_store::ReadTx<'_>| page(&core, tx.tx(), reader, &space, question, (skip, limit));
        self.core.store.read("rooms_hierarchy", look).await
    }
}

/// A token says how many rooms came before, and what was asked: with another question it would mean other rooms.
fn token(skip: usize, question: Question) -> String {
    let depth = question.depth_max.map_or_else(|| "-".to_owned(), |depth| depth.to_string());
    format!("h{skip}.{depth}.{}", u8::from(question.suggested_only))
}

fn parse(from: &str, question: Question) -> Result<usize> {
    let skip = from.strip_prefix('h').and_then(|rest| rest.split('.').next()?.parse().ok());
    skip.filter(|skip| token(*skip, question) == from)
        .ok_or_else(|| Error::invalid("`from` is not from an answer to this question; leave it out to start anew."))
}

fn page(
    core: &Core,
    tx: &mut dyn Tx,
    reader: UserSn,
    space: &RoomId,
    question: Question,
    (skip, limit): (usize, usize),
) -> Result<Hierarchy> {
    let refused = || Error::forbidden(format!("You are not in {space} and could not enter it."));
    let root = rooms::by_id(tx, space.as_str())?.ok_or_else(refused)?;
    if !is_accessible(core, tx, &root, Some(reader))? {
        return Err(refused());
    }
    let mut stack = vec![(root, 0)];
    let (mut seen, mut passed, mut nodes) = (HashSet::<RoomSn>::new(), 0, Vec::new());
    while let Some((room, depth)) = stack.pop() {
        if seen.len() == limits::HIERARCHY_ROOMS_MAX {
            break;
        }
        if !seen.insert(room.sn) || !is_accessible(core, tx, &room, Some(reader))? {
            continue;
        }
        if nodes.len() == limit {
            return Ok(Hierarchy { rooms: nodes, next_batch: Some(token(skip + limit, question)) });
        }
        let children = children(core, tx, &room, question.suggested_only)?;
        if question.depth_max.is_none_or(|max| depth < max) {
            for child in children.iter().rev() {
                stack.extend(rooms::by_id(tx, &child.room)?.map(|room| (room, depth + 1)));
            }
        }
        passed += 1;
        if passed > skip {
            let children_state = children.into_iter().map(|child| child.stripped).collect();
            nodes.push(Node { summary: summary(core, tx, &room)?, children_state });
        }
    }
    Ok(Hierarchy { rooms: nodes, next_batch: None })
}

/// A child as its space names it.
#[derive(Debug)]
pub struct Child {
    /// What it is sorted by: those with an `order` first, by it; then by age; then by id.
    place: (bool, String, u64),
    /// Its room id, as the space says it.
    pub room: String,
    /// The `m.space.child` event.
    pub stripped: Raw<HierarchySpaceChildEvent>,
}

/// The children of a space, in order; none of other rooms.
pub fn children(core: &Core, tx: &mut dyn Tx, room: &Room, suggested_only: bool) -> Result<Vec<Child>> {
    let kind = crate::rooms::power::create_event(core, tx, room)?.pdu.content_str("type");
    if kind.as_deref() != Some(RoomType::Space.as_str()) {
        return Ok(Vec::new());
    }
    let mut children = Vec::new();
    for sn in state::current_of_type(tx, room.sn, "m.space.child")? {
        children.extend(child(&core.events.get(tx, sn)?.pdu, suggested_only));
    }
    children.sort_by(|one, other| (&one.place, &one.room).cmp(&(&other.place, &other.room)));
    Ok(children)
}

/// A child event that counts: one that says through which servers the child can be reached.
fn child(pdu: &Pdu, suggested_only: bool) -> Option<Child> {
    #[derive(Deserialize)]
    struct Content {
        via: Option<Vec<serde_json::Value>>,
        #[serde(default)]
        order: serde_json::Value,
        #[serde(default)]
        suggested: serde_json::Value,
    }
    let content: Content = serde_json::from_str(pdu.content.get()).ok()?;
    if content.via.is_none_or(|via| via.is_empty()) || (suggested_only && content.suggested != true) {
        return None;
    }
    let order = content
        .order
        .as_str()
        .filter(|order| order.chars().count() <= ORDER_CHARS_MAX && order.chars().all(|c| (' '..='~').contains(&c)));
    Some(Child {
        place: (order.is_none(), order.unwrap_or_default().to_owned(), pdu.origin_server_ts),
        room: pdu.state_key.clone()?,
        stripped: strip(pdu),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_with_its_question() {
        let question = Question { suggested_only: true, depth_max: Some(3) };
        assert_eq!(parse(&token(7, question), question).expect("our own token"), 7);
        let other = Question { suggested_only: true, depth_max: None };
        assert!(parse(&token(7, question), other).is_err());
        for bad in ["", "h", "h-1.3.1", "h7", "h7.3.2", "x7.3.1", "h99999999999999999999.3.1"] {
            assert!(parse(bad, question).is_err(), "{bad}");
        }
    }

    #[test]
    fn children_without_servers_are_none() {
        let pdu = |content: &str| {
            let json = format!(
                r#"{{"type":"m.space.child","state_key":"!c:b","sender":"@a:b","origin_server_ts":1,"content":{content}}}"#
            );
            Pdu::parse(ruma::event_id!("$1").to_owned(), json.as_bytes()).expect("an event")
        };
        for bad in ["{}", r#"{"via":[]}"#, r#"{"via":"b"}"#, r#"{"via":null,"order":"a"}"#] {
            assert!(child(&pdu(bad), false).is_none(), "{bad}");
        }
        let order = |content: &str| child(&pdu(content), false).expect(content).place.1;
        assert_eq!(order(r#"{"via":["b"],"order":"a"}"#), "a");
        for odd in [r#"{"via":["b"],"order":7}"#, r#"{"via":["b"],"order":"ä"}"#, r#"{"via":["b"]}"#] {
            assert_eq!(order(odd), "", "{odd}");
        }
        assert!(child(&pdu(r#"{"via":["b"],"suggested":"yes"}"#), true).is_none());
        assert!(child(&pdu(r#"{"via":["b"],"suggested":true}"#), true).is_some());
    }
}
