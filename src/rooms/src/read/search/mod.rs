//! `POST /search`: full-text search of messages, room names and topics in the reader's rooms.
//!
//! The index (`crate::search`) names candidates, newest first; events that are not in it yet are read one by one. Each is
//! compared with the term, so the index decides nothing. A request looks at a bounded number of events, and returns the
//! matches with a token to go further back. A page also ends where its results with their context would be too large.
//! Encrypted messages never match, because the server cannot read them.
//!
//! A message that was edited is found by its newest text, at the place of that edit; the result is the message, with the
//! edit bundled, because clients show no edits by themselves.

mod hit;
mod page;
mod scan;
mod token;

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use hearth_base::{Result, boxed, limits};
use hearth_core::Requester;
use hearth_store::ReadTx;
use hearth_store::ids::EventSn;
use ruma::api::client::filter::RoomEventFilter;
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use self::token::{SearchToken, Start};
use super::term::SearchTerm;
use super::token::Token;
use crate::Rooms;
use crate::member_profile::MemberProfile;

/// A search request.
#[derive(Debug)]
pub struct Search {
    /// The search term.
    pub term: SearchTerm,
    /// The event filter, with the page size.
    pub filter: RoomEventFilter,
    /// Sort the results by rank, and newest first only among those of the same rank.
    pub by_rank: bool,
    /// Number of events around each result: before, after.
    pub context: (usize, usize),
    /// Whether to include the profiles of the senders.
    pub profiles: bool,
    /// Whether to include the state of the results' rooms.
    pub state: bool,
    /// The token of the next page.
    pub from: Option<String>,
}

/// A search result.
#[derive(Debug)]
pub struct Hit {
    /// The number of occurrences of the words.
    pub rank: usize,
    /// Room id.
    pub room_id: OwnedRoomId,
    /// User id of the sender.
    pub sender: OwnedUserId,
    /// Event id.
    pub event_id: OwnedEventId,
    /// The event.
    pub event: Raw<AnyTimelineEvent>,
    /// The events before it, newest first.
    pub before: Vec<Raw<AnyTimelineEvent>>,
    /// The events after it.
    pub after: Vec<Raw<AnyTimelineEvent>>,
    /// The tokens to page backwards and forwards from there.
    pub around: (Token, Token),
    /// The requested profiles.
    pub profiles: BTreeMap<OwnedUserId, MemberProfile>,
}

/// A page of results.
#[derive(Debug)]
pub struct Results {
    /// The results.
    pub hits: Vec<Hit>,
    /// The state of their rooms, if requested.
    pub state: BTreeMap<OwnedRoomId, Vec<Raw<AnyStateEvent>>>,
    /// The words to highlight: those of the term, and how the results spell them.
    pub words: Vec<String>,
    /// The number of matches on all pages. When there is more to count than one request may, at least so many; further
    /// pages count on.
    pub count: usize,
    /// The token of the next page. An empty page may have one.
    pub next: Option<String>,
}

impl Rooms {
    /// Returns a page of results in the rooms that the reader is or was in.
    #[boxed]
    pub async fn search(&self, who: &Requester, search: Search) -> Result<Results> {
        self.search_within(who, search, (limits::SEARCH_SCANNED_EVENTS_MAX, limits::SEARCH_COUNTED_EVENTS_MAX)).await
    }

    /// Searches with limits on the events that one transaction scans, and on those that are counted in all.
    pub(crate) async fn search_within(
        &self,
        who: &Requester,
        search: Search,
        (scanned, counted): (usize, usize),
    ) -> Result<Results> {
        let from = search.from.as_deref().map(|token| SearchToken::parse(token, search.by_rank)).transpose()?;
        let start = from.map_or(Start::newest(search.by_rank), |from| from.start);
        let (this, reader, search) = (self.core.clone(), who.clone(), Arc::new(search));
        let query = search.clone();
        let read = move |tx: &mut ReadTx<'_>| page::results(&this, tx, &reader, &query, (start, scanned));
        let page = self.core.read_much("rooms_search", who.user, read).await?;
        let mut results = page.results;
        // Counting is always ahead of the pages, so what a later page shows is in the count already.
        let (so_far, uncounted) = from.map_or((page.count, page.uncounted), |from| (from.count, from.uncounted));
        let (more, uncounted) = self.count_on(who, &search, uncounted, (scanned, counted)).await?;
        results.count = so_far + more;
        // The token carries the count, so that later pages need not count again.
        results.next = page.next.map(|start| SearchToken { start, count: results.count, uncounted }.to_string());
        Ok(results)
    }

    /// Counts the matches before a place, in one transaction per piece, so that no snapshot stays open for long. Stops
    /// after about `counted` events, as the specification allows an approximate count; returns where to go on.
    async fn count_on(
        &self,
        who: &Requester,
        search: &Arc<Search>,
        mut next: Option<EventSn>,
        (scanned, counted): (usize, usize),
    ) -> Result<(usize, Option<EventSn>)> {
        let (mut count, user) = (0, who.user);
        for _ in 0..counted / scanned {
            let Some(before) = next else { break };
            let (core, who, search) = (self.core.clone(), who.clone(), search.clone());
            let piece = move |tx: &mut ReadTx<'_>| {
                let mut places = scan::places(&core, tx.tx(), &who, &search.filter)?;
                let mut found = 0;
                let next = scan::scan(&core, tx.tx(), &mut places, &search, (before, scanned), &mut |_, _, _, _| {
                    found += 1;
                    Ok(ControlFlow::Continue(()))
                })?;
                Ok((found, next))
            };
            let (found, after) = self.core.read_much("rooms_search_count", user, piece).await?;
            (count, next) = (count + found, after);
        }
        Ok((count, next))
    }
}
