//! `POST /search`: full-text search of messages, room names and topics in the reader's rooms.
//!
//! There is no text index: a search scans a bounded number of the newest events of the server, and returns the
//! matches with a token to go further back. A page also ends where its results with their context would be too large. Encrypted messages never match, because the server cannot read them.

use hearth_base::boxed;
use std::collections::{BTreeMap, HashMap};
use std::ops::ControlFlow;
use std::sync::Arc;

use hearth_base::limits::rooms::{SCAN_STEP_BYTES_MAX, SEARCH_CONTEXT_MAX};
use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::{events, memberships, rooms, state_keys};
use ruma::api::client::filter::RoomEventFilter;
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId};

use super::byte_budget::ByteBudget;
use super::choice::EventChoice;
use super::context::{AroundQuery, around};
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
use crate::state::snapshot;
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
        let from = search.from.as_deref().map(parse).transpose()?;
        let before = from.map_or(EventSn(i64::MAX), |from| from.before);
        let (this, reader, search) = (self.core.clone(), who.clone(), Arc::new(search));
        let query = search.clone();
        let read = move |tx: &mut ReadTx<'_>| results(&this, tx, &reader, &query, (before, scanned));
        let page = self.core.read_much("rooms_search", who.user, read);
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
        let (mut count, user) = (0, who.user);
        for _ in 0..counted / scanned {
            let Some(before) = next else { break };
            let (core, who, search) = (self.core.clone(), who.clone(), search.clone());
            let piece = move |tx: &mut ReadTx<'_>| {
                let mut places = places(&core, tx.tx(), &who, &search.filter)?;
                let mut found = 0;
                let next = scan(&core, tx.tx(), &mut places, &search, (before, scanned), &mut |_, _, _, _, _| {
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

/// The searched rooms, each with the reader's view.
type Places<'a> = HashMap<RoomSn, (OwnedRoomId, Viewer<'a>)>;

/// What a scan does with a match and its rank; breaks with the place where the next page begins.
type Visit<'v> =
    &'v mut dyn FnMut(&mut dyn Tx, &OwnedRoomId, &mut Viewer<'_>, usize, &Arc<Event>) -> Result<ControlFlow<EventSn>>;

/// A page that is being filled.
struct FilledPage<'a> {
    core: &'a Arc<RoomCore>,
    who: &'a Requester,
    search: &'a Search,
    limit: usize,
    budget: ByteBudget,
    hits: Vec<Hit>,
    state: BTreeMap<OwnedRoomId, Vec<Raw<AnyStateEvent>>>,
}

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
    let (budget, hits, state) = (ByteBudget::page(), Vec::new(), BTreeMap::new());
    let mut page = FilledPage { core, who, search, limit, budget, hits, state };
    let next = scan(core, tx, &mut places, search, (before, scanned), &mut |tx, room_id, viewer, rank, event| {
        page.add(tx, room_id, viewer, rank, event)
    })?;
    let FilledPage { mut hits, state, .. } = page;
    if search.by_rank {
        // The sort is stable, so among equal ranks the newest stay first.
        hits.sort_by_key(|hit| std::cmp::Reverse(hit.rank));
    }
    Ok((Results { hits, state, words: search.term.words().to_vec(), count: 0, next: None }, next))
}

impl FilledPage<'_> {
    /// Adds a match with its context, unless they do not fit into what is left of the page; the next page then begins with
    /// it. The first one is always added, with as much of its context as fits.
    fn add(
        &mut self,
        tx: &mut dyn Tx,
        room_id: &OwnedRoomId,
        viewer: &mut Viewer<'_>,
        rank: usize,
        event: &Arc<Event>,
    ) -> Result<ControlFlow<EventSn>> {
        let mut left = self.budget;
        let (hit, is_whole) = hit(viewer, tx, room_id, self.search, (rank, event), &mut left)?;
        let state = match self.search.state && !self.state.contains_key(room_id) {
            true => Some(self.room_state(tx, room_id, viewer)?),
            false => None,
        };
        let state_bytes = state.iter().flatten().map(|event| event.json().get().len()).sum();
        let fits = is_whole && state_bytes <= left.left();
        if !fits && !self.hits.is_empty() {
            return Ok(ControlFlow::Break(EventSn(event.sn.0.saturating_add(1))));
        }
        left.spend(state_bytes);
        self.budget = left;
        self.state.extend(state.map(|state| (room_id.clone(), state)));
        self.hits.push(hit);
        Ok(if self.hits.len() == self.limit { ControlFlow::Break(event.sn) } else { ControlFlow::Continue(()) })
    }

    fn room_state(
        &self,
        tx: &mut dyn Tx,
        room_id: &OwnedRoomId,
        viewer: &mut Viewer<'_>,
    ) -> Result<Vec<Raw<AnyStateEvent>>> {
        let access = access::open(self.core, tx, room_id, Reader::from(self.who))?;
        let state = access.state(tx)?;
        present::state(viewer, tx, Some(room_id), state.into_values())
    }
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

/// Scans up to `left` events backwards from `before` and visits the matches, newest first; returns where to go on, if there may be more.
fn scan(
    core: &RoomCore,
    tx: &mut dyn Tx,
    places: &mut Places<'_>,
    search: &Search,
    (mut before, mut left): (EventSn, usize),
    visit: Visit<'_>,
) -> Result<Option<EventSn>> {
    let choice = EventChoice::from(&search.filter);
    while left > 0 {
        let step = left.min(1_000);
        let (mut candidates, mut seen, mut bytes) = (Vec::new(), 0, 0);
        events::newest_first(tx, before, step, &mut |stored| {
            (seen, before) = (seen + 1, stored.sn()?);
            if places.contains_key(&stored.room()?) {
                let row = stored.read()?;
                if search.term.may_match(&row.json) {
                    bytes += row.json.len();
                    candidates.push(row);
                }
            }
            Ok(bytes < SCAN_STEP_BYTES_MAX)
        })?;
        for row in candidates {
            let event = core.events.keep(row)?;
            let Some(rank) = search.term.rank(&event.pdu).filter(|_| choice.wants(&event.pdu)) else { continue };
            let Some((room_id, viewer)) = places.get_mut(&event.room) else { continue };
            if !viewer.may_see(tx, &event)? || is_erased_for(viewer, tx, &event)? {
                continue;
            }
            if let ControlFlow::Break(next) = visit(tx, room_id, viewer, rank, &event)? {
                return Ok(Some(next));
            }
        }
        if seen < step && bytes < SCAN_STEP_BYTES_MAX {
            return Ok(None);
        }
        left -= seen;
    }
    Ok(Some(before))
}

/// Returns a match with its context, and whether all of it fitted into `budget`.
fn hit(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    room_id: &OwnedRoomId,
    search: &Search,
    (rank, event): (usize, &Arc<Event>),
    budget: &mut ByteBudget,
) -> Result<(Hit, bool)> {
    let form = EventFormat::timeline(Some(room_id));
    let shown = present::event(viewer, tx, &form, event)?;
    let mut is_whole = budget.take(shown.json().get().len());
    let sizes = (search.context.0.min(SEARCH_CONTEXT_MAX), search.context.1.min(SEARCH_CONTEXT_MAX));
    let newest = viewer.departure().map_or(i64::MAX, |left| left.ord);
    let around = around(viewer, tx, &form, event, &AroundQuery { sizes, newest, wants: None }, budget)?;
    is_whole &= !around.before.is_cut && !around.after.is_cut;
    let mut profiles = BTreeMap::new();
    if search.profiles {
        for shown in around.before.events.iter().chain(&around.after.events).chain([event]) {
            let sender = &shown.pdu.sender;
            if !profiles.contains_key(sender)
                && let Some(face) = profile(viewer, tx, shown)?
            {
                let bytes = [&face.displayname, &face.avatar_url].into_iter().flatten().map(String::len).sum();
                is_whole &= budget.take(bytes);
                profiles.insert(sender.clone(), face);
            }
        }
    }
    let hit = Hit {
        rank,
        room_id: room_id.clone(),
        sender: event.pdu.sender.clone(),
        event_id: event.pdu.event_id.clone(),
        event: shown,
        before: around.before.shown,
        after: around.after.shown,
        around: (around.start, around.end),
        profiles,
    };
    Ok((hit, is_whole))
}

/// Returns the profile that the sender of an event had when they sent it (client-server API, "Server Side Search"). Not
/// today's, which a reader who has left must not learn.
fn profile(viewer: &Viewer<'_>, tx: &mut dyn Tx, event: &Event) -> Result<Option<MemberProfile>> {
    let Some(key) = state_keys::find(tx, "m.room.member", event.pdu.sender.as_str())? else { return Ok(None) };
    let Some(sn) = snapshot::get(tx, event.snapshot, key)? else { return Ok(None) };
    Ok(Some(face(viewer.core().events.get(tx, sn)?.pdu.content.get())))
}
