//! `GET /rooms/{roomId}/hierarchy`: the rooms of a space and of its subspaces (client-server API, "Spaces").
//!
//! Every page repeats the walk from the start: the walk is bounded, and no state is kept between requests. Remote
//! rooms appear as far as other servers have described them; `federation` sends those requests.

mod children;
mod walk;

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use ruma::OwnedRoomId;
use ruma::events::space::child::HierarchySpaceChildEvent;
use ruma::serde::Raw;
use serde::Serialize;

pub use children::{Child, children, sort};
use walk::Walker;
pub use walk::{RemoteRoom, RemoteRooms, UnknownRoom, is_resident};

use super::summary::Summary;
use crate::LocalRooms;

/// Parameters of a hierarchy request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HierarchyQuery {
    /// Only suggested rooms.
    pub suggested_only: bool,
    /// Maximum depth; the space itself is at 0.
    pub depth_max: Option<u64>,
}

/// A room of a hierarchy.
#[derive(Debug, Serialize)]
pub struct HierarchyNode {
    /// The room summary.
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

impl LocalRooms {
    /// Returns a page of a space's rooms without those that the reader could not join, and the remote rooms that are
    /// missing in `told`. `M_FORBIDDEN` for a space that the reader could not join; `M_INVALID_PARAM` for a token of
    /// another request.
    #[boxed]
    pub async fn hierarchy(
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

/// Creates a token: the number of skipped rooms, and the parameters, because with other parameters it would skip
/// other rooms.
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
