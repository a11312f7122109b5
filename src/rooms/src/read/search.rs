//! `POST /search`: full-text search of messages, room names and topics in the reader's rooms.
//!
//! There is no text index: a search scans a bounded number of the newest events of the server, and returns the
//! matches with a token to go further back. Encrypted messages never match, because the server cannot read them.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_base::limits::rooms::SEARCH_CONTEXT_MAX;
use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::{events, memberships, rooms, state};
use ruma::api::client::filter::RoomEventFilter;
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};

use super::choice::EventChoice;
use super::context::around;
use super::erased::is_erased_for;
use super::members::face;
use super::present::{self, EventFormat};
use super::reader::Reader;
use super::term::SearchTerm;
use super::token::Token;
use super::visibility::Viewer;
use super::{access, ignored};
use crate::RoomCore;
use crate::load::Event;
use crate::member_profile::MemberProfile;
use crate::{Rooms, find};

/// Results per page when the client sets no limit.
const RESULTS_DEFAULT: usize = 10;

/// A search request.
#[derive(Debug)]
pub struct Search {
    /// The search term.
    pub term: SearchTerm,
    /// The event filter, with the page size.
    pub filter: RoomEventFilter,
    /// Sort the results of the page by rank instead of newest first.
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
    /// The words to highlight.
    pub words: Vec<String>,
    /// The number of matches on all pages. When there is more to count than one request may, at least so many; further
    /// pages count on.
    pub count: usize,
    /// The token of the next page. An empty page may have one.
    pub next: Option<String>,
}

impl Rooms {
    /// Returns a page of results in the rooms that the reader is or was in.
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
        let from = search.from.as_deref().map(parse).transpose()?;
        let before = from.map_or(EventSn(i64::MAX), |from| from.before);
        let (this, reader, search) = (self.core.clone(), who.clone(), Arc::new(search));
        let query = search.clone();
        let page =
            self.core.store.read_slow("rooms_search", move |tx| results(&this, tx, &reader, &query, (before, scanned)));
        let (mut results, next) = page.await?;
        // Counting is always ahead of the pages, so what a later page shows is in the count already.
        let (so_far, uncounted) = from.map_or((results.hits.len(), next), |from| (from.count, from.uncounted));
        let (more, uncounted) = self.count_on(who, &search, uncounted, (scanned, counted)).await?;
        results.count = so_far + more;
        // The token carries the count, so that later pages need not count again.
        results.next = next.map(|before| SearchToken { before, count: results.count, uncounted }.to_string());
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
        let mut count = 0;
        for _ in 0..counted / scanned {
            let Some(before) = next else { break };
            let (core, who, search) = (self.core.clone(), who.clone(), search.clone());
            let piece = move |tx: &mut ReadTx<'_>| {
                let mut places = places(&core, tx.tx(), &who, &search.filter)?;
                let (found, next) = scan(&core, tx.tx(), &mut places, &search, (before, usize::MAX, scanned))?;
                Ok((found.len(), next))
            };
            let (found, after) = self.core.store.read_slow("rooms_search_count", piece).await?;
            (count, next) = (count + found, after);
        }
        Ok((count, next))
    }
}

/// The start of a page, and the count of matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct SearchToken {
    /// The page has matches before this event.
    before: EventSn,
    /// The number of matches so far.
    count: usize,
    /// Matches before this event are not counted yet; none when all are.
    uncounted: Option<EventSn>,
}

impl std::fmt::Display for SearchToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "n{}.{}", self.before.0, self.count)?;
        self.uncounted.map_or(Ok(()), |uncounted| write!(f, ".{}", uncounted.0))
    }
}

fn parse(token: &str) -> Result<SearchToken> {
    let read = || {
        let mut numbers = token.strip_prefix('n')?.split('.');
        let (before, count) = (numbers.next()?.parse().ok()?, numbers.next()?.parse().ok()?);
        let uncounted = match numbers.next() {
            Some(uncounted) => Some(EventSn(uncounted.parse().ok()?)),
            None => None,
        };
        numbers.next().is_none().then_some(SearchToken { before: EventSn(before), count, uncounted })
    };
    read().ok_or_else(|| Error::invalid("`next_batch` is not from an earlier answer; leave it out."))
}

/// A match with its rank.
type Match = (usize, Arc<Event>);

/// The searched rooms, each with the reader's view.
type Places<'a> = HashMap<RoomSn, (OwnedRoomId, Viewer<'a>)>;

fn results(
    core: &Arc<RoomCore>,
    tx: &mut ReadTx<'_>,
    who: &Requester,
    search: &Search,
    (before, scanned): (EventSn, usize),
) -> Result<(Results, Option<EventSn>)> {
    let tx = tx.tx();
    let mut places = places(core, tx, who, &search.filter)?;
    let limit = search.filter.limit.map_or(RESULTS_DEFAULT, |limit| {
        usize::try_from(u64::from(limit)).unwrap_or(RESULTS_DEFAULT).clamp(1, limits::PAGE_EVENTS_MAX)
    });
    let (mut found, next) = scan(core, tx, &mut places, search, (before, limit, scanned))?;
    if search.by_rank {
        // The sort is stable, so among equal ranks the newest stay first.
        found.sort_by_key(|(rank, _)| std::cmp::Reverse(*rank));
    }
    let mut results = Results {
        hits: Vec::with_capacity(found.len()),
        state: BTreeMap::new(),
        words: search.term.words().to_vec(),
        count: 0,
        next: None,
    };
    for (rank, event) in found {
        let Some((room_id, viewer)) = places.get_mut(&event.room) else { continue };
        if search.state && !results.state.contains_key(room_id) {
            let access = access::open(core, tx, room_id, Reader::from(who))?;
            let state = access.state(tx)?;
            results.state.insert(room_id.clone(), present::state(viewer, tx, Some(room_id), state.into_values())?);
        }
        results.hits.push(hit(viewer, tx, room_id, search, rank, &event)?);
    }
    Ok((results, next))
}

fn places<'a>(core: &'a RoomCore, tx: &mut dyn Tx, who: &'a Requester, filter: &RoomEventFilter) -> Result<Places<'a>> {
    let (choice, ignored) = (EventChoice::from(filter), ignored::by(tx, who.user)?);
    let mut places = HashMap::new();
    for row in memberships::of_user(tx, who.user)? {
        let Some(room) = rooms::by_sn(tx, row.room)? else { continue };
        let room_id = find::id(&room)?;
        if !choice.wants_room(&room_id) {
            continue;
        }
        let viewer = Viewer::of_member(core, tx, room.sn, Reader::from(who), Some(row))?;
        if viewer.is_joined() || viewer.departure().is_some() {
            places.insert(room.sn, (room_id, viewer.ignoring(ignored.clone())));
        }
    }
    Ok(places)
}

/// Scans up to `left` events backwards from `before` for up to `limit` matches; returns where to go on, if there may be
/// more.
fn scan(
    core: &RoomCore,
    tx: &mut dyn Tx,
    places: &mut Places<'_>,
    search: &Search,
    (mut before, limit, mut left): (EventSn, usize, usize),
) -> Result<(Vec<Match>, Option<EventSn>)> {
    let choice = EventChoice::from(&search.filter);
    let mut found = Vec::new();
    while left > 0 {
        let step = left.min(1_000);
        let mut candidates = Vec::new();
        let mut seen = 0;
        events::newest_first(tx, before, step, &mut |stored| {
            (seen, before) = (seen + 1, stored.sn()?);
            if places.contains_key(&stored.room()?) {
                let row = stored.read()?;
                if search.term.may_match(&row.json) {
                    candidates.push(row);
                }
            }
            Ok(true)
        })?;
        for row in candidates {
            let event = core.events.keep(row)?;
            let Some(rank) = search.term.rank(&event.pdu).filter(|_| choice.wants(&event.pdu)) else { continue };
            let Some((_, viewer)) = places.get_mut(&event.room) else { continue };
            if !viewer.may_see(tx, &event)? || is_erased_for(viewer, tx, &event)? {
                continue;
            }
            let sn = event.sn;
            found.push((rank, event));
            if found.len() == limit {
                return Ok((found, Some(sn)));
            }
        }
        if seen < step {
            return Ok((found, None));
        }
        left -= seen;
    }
    Ok((found, Some(before)))
}

fn hit(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    room_id: &OwnedRoomId,
    search: &Search,
    rank: usize,
    event: &Arc<Event>,
) -> Result<Hit> {
    let sizes = (search.context.0.min(SEARCH_CONTEXT_MAX), search.context.1.min(SEARCH_CONTEXT_MAX));
    let newest = viewer.departure().map_or(i64::MAX, |left| left.ord);
    let around = around(viewer, tx, event, sizes, newest, None)?;
    let form = EventFormat::timeline(Some(room_id));
    let mut profiles = BTreeMap::new();
    if search.profiles {
        for shown in around.before.iter().chain(&around.after).chain([event]) {
            let sender = &shown.pdu.sender;
            if !profiles.contains_key(sender) {
                profiles.extend(profile(viewer, tx, sender)?.map(|face| (sender.clone(), face)));
            }
        }
    }
    Ok(Hit {
        rank,
        room_id: room_id.clone(),
        sender: event.pdu.sender.clone(),
        event_id: event.pdu.event_id.clone(),
        event: present::event(viewer, tx, &form, event)?,
        before: present::events(viewer, tx, &form, &around.before)?,
        after: present::events(viewer, tx, &form, &around.after)?,
        around: (around.start, around.end),
        profiles,
    })
}

/// Returns a user's profile in a room.
fn profile(viewer: &Viewer<'_>, tx: &mut dyn Tx, user: &UserId) -> Result<Option<MemberProfile>> {
    let Some(sn) = state::current_named(tx, viewer.room(), "m.room.member", user.as_str())? else { return Ok(None) };
    Ok(Some(face(viewer.core().events.get(tx, sn)?.pdu.content.get())))
}
