//! `GET /rooms/{roomId}/hierarchy`: the rooms of a space, of its spaces, and so on (client-server API, "Spaces").
//!
//! A page is cut out of a walk that begins anew every time: it is bounded, and needs nothing remembered between requests. Rooms
//! that nobody of this server is in are seen as far as other servers have told of them; asking those is the matter of
//! `federation`.

mod children;
mod walk;

use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use ruma::OwnedRoomId;
use ruma::events::space::child::HierarchySpaceChildEvent;
use ruma::serde::Raw;
use serde::Serialize;

pub use children::{Child, children, sort};
use walk::Walker;
pub use walk::{RemoteRoom, RemoteRooms, UnknownRoom, is_resident};

use super::summary::Summary;
use crate::Requester;
use crate::rooms::Rooms;

/// What of a space is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HierarchyQuery {
    /// Only rooms that their spaces suggest.
    pub suggested_only: bool,
    /// How deep to go; the space itself is at 0.
    pub depth_max: Option<u64>,
}

/// A room of a hierarchy.
#[derive(Debug, Serialize)]
pub struct HierarchyNode {
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
    pub rooms: Vec<HierarchyNode>,
    /// The token of the next page.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_batch: Option<String>,
}

impl Rooms {
    /// A page of a space's rooms, those left out that the reader could not enter, and the rooms of which other servers have not
    /// `told` yet. `M_FORBIDDEN` for a space that they could not enter; `M_INVALID_PARAM` for a token that does not go with the
    /// question.
    pub(crate) async fn hierarchy(
        &self,
        who: &Requester,
        space: OwnedRoomId,
        question: HierarchyQuery,
        (from, limit): (Option<&str>, usize),
        told: Arc<RemoteRooms>,
    ) -> Result<(Hierarchy, Vec<UnknownRoom>)> {
        let skip = from.map(|from| parse(from, question)).transpose()?.unwrap_or(0);
        let (core, reader) = (self.core.clone(), who.user);
        let limit = limit.clamp(1, limits::HIERARCHY_PAGE_ROOMS_MAX);
        let look = move |tx: &mut hearth_store::ReadTx<'_>| {
            let walker = Walker { core: &core, reader, question, told: &told };
            walker.page(tx.tx(), &space, (skip, limit))
        };
        self.core.store.read("rooms_hierarchy", look).await
    }
}

/// A token says how many rooms came before, and what was asked: with another question it would mean other rooms.
fn token(skip: usize, question: HierarchyQuery) -> String {
    let depth = question.depth_max.map_or_else(|| "-".to_owned(), |depth| depth.to_string());
    format!("h{skip}.{depth}.{}", u8::from(question.suggested_only))
}

fn parse(from: &str, question: HierarchyQuery) -> Result<usize> {
    let skip = from.strip_prefix('h').and_then(|rest| rest.split('.').next()?.parse().ok());
    skip.filter(|skip| token(*skip, question) == from)
        .ok_or_else(|| Error::invalid("`from` is not from an answer to this question; leave it out to start anew."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_goes_with_its_question() {
        let question = HierarchyQuery { suggested_only: true, depth_max: Some(3) };
        assert_eq!(parse(&token(7, question), question).expect("our own token"), 7);
        let other = HierarchyQuery { suggested_only: true, depth_max: None };
        assert!(parse(&token(7, question), other).is_err());
        for bad in ["", "h", "h-1.3.1", "h7", "h7.3.2", "x7.3.1", "h99999999999999999999.3.1"] {
            assert!(parse(bad, question).is_err(), "{bad}");
        }
    }
}
