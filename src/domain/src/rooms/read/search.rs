//! `POST /search`: messages, room names and topics with certain words in them, in the rooms of the reader.
//!
//! There is no index of words: a search looks at the newest events of the server one by one, a bounded number of them, and
//! then answers with what it has found and a token to look further back. Encrypted messages are never found: what they say
//! is not known here.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
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
use crate::Requester;
use crate::core::Core;
use crate::rooms::load::Event;
use crate::rooms::{Rooms, find, member_profile::MemberProfile};

/// Results of one page for a client that does not say.
const RESULTS_DEFAULT: usize = 10;
/// Events around a result.
const CONTEXT_MAX: usize = 50;

/// A search.
#[derive(Debug)]
pub struct Search {
    /// What for.
    pub term: SearchTerm,
    /// Where, and for how many results.
    pub filter: RoomEventFilter,
    /// Best matches of the page first, instead of newest.
    pub by_rank: bool,
    /// How many events around each result, before and after it.
    pub context: (usize, usize),
    /// With the faces of those who wrote the results and what is around them.
    pub profiles: bool,
    /// With the state of the rooms of the results.
    pub state: bool,
    /// The token of the page before.
    pub from: Option<String>,
}

/// A result.
#[derive(Debug)]
pub struct Hit {
    /// How often the words occur.
    pub rank: usize,
    /// Its room.
    pub room_id: OwnedRoomId,
    /// Who sent it.
    pub sender: OwnedUserId,
    /// Its id.
    pub event_id: OwnedEventId,
    /// The event.
    pub event: Raw<AnyTimelineEvent>,
    /// What came before, newest first.
    pub before: Vec<Raw<AnyTimelineEvent>>,
    /// What came after.
    pub after: Vec<Raw<AnyTimelineEvent>>,
    /// The tokens for going on from there.
    pub around: (Token, Token),
    /// The faces asked for.
    pub profiles: BTreeMap<OwnedUserId, MemberProfile>,
}

/// A page of results.
#[derive(Debug)]
pub struct Results {
    /// The results.
    pub hits: Vec<Hit>,
    /// The state of their rooms, if asked for.
    pub state: BTreeMap<OwnedRoomId, Vec<Raw<AnyStateEvent>>>,
    /// The words to highlight.
    pub words: Vec<String>,
    /// How many matches there are in all, on this page and on others.
    pub count: usize,
    /// The token of the next page; a page may be empty and still go on.
    pub next: Option<String>,
}

impl Rooms {
    /// A page of what a search finds in the rooms that the reader is in, or was in.
    pub async fn search(&self, who: &Requester, search: Search) -> Result<Results> {
        let from = search.from.as_deref().map(parse).transpose()?;
        let (before, known) = from.unzip();
        let before = before.unwrap_or(EventSn(i64::MAX));
        let (this, reader, search) = (self.core.clone(), who.clone(), Arc::new(search));
        let query = search.clone();
        let page = self.core.store.read_slow("rooms_search", move |tx| results(&this, tx, &reader, &query, before));
        let (mut results, next) = page.await?;
        results.count = match (known, next) {
            (Some(count), _) => count,
            (None, None) => results.hits.len(),
            (None, Some(next)) => results.hits.len() + self.count_on(who, &search, next).await?,
        };
        // Later pages need not count again.
        results.next = next.map(|next| format!("n{}.{}", next.0, results.count));
        Ok(results)
    }

    /// Counts the matches from `before` back, in pieces, so that no snapshot is held for long. After
    /// [`limits::SEARCH_COUNTED_EVENTS_MAX`] events the count is as approximate as the specification lets it be.
    async fn count_on(&self, who: &Requester, search: &Arc<Search>, before: EventSn) -> Result<usize> {
        let (mut count, mut next) = (0, Some(before));
        for _ in 0..limits::SEARCH_COUNTED_EVENTS_MAX / limits::SEARCH_SCANNED_EVENTS_MAX {
            let Some(before) = next else { break };
            let (core, who, search) = (self.core.clone(), who.clone(), search.clone());
            let piece = move |tx: &mut ReadTx<'_>| {
                let mut places = places(&core, tx.tx(), &who, &search.filter)?;
                let (found, next) = scan(&core, tx.tx(), &mut places, &search, (before, usize::MAX))?;
                Ok((found.len(), next))
            };
            let (found, after) = self.core.store.read_slow("rooms_search_count", piece).await?;
            (count, next) = (count + found, after);
        }
        Ok(count)
    }
}

/// Where a page begins, and how many matches there are in all.
fn parse(token: &str) -> Result<(EventSn, usize)> {
    let numbers = token.strip_prefix('n').and_then(|numbers| numbers.split_once('.'));
    let numbers = numbers.and_then(|(before, count)| Some((EventSn(before.parse().ok()?), count.parse().ok()?)));
    numbers.ok_or_else(|| Error::invalid("`next_batch` is not from an earlier answer; leave it out."))
}

/// A match with its rank.
type Match = (usize, Arc<Event>);

/// The rooms that are searched, each with its reader's view.
type Places<'a> = HashMap<RoomSn, (OwnedRoomId, Viewer<'a>)>;

fn results(
    core: &Arc<Core>,
    tx: &mut ReadTx<'_>,
    who: &Requester,
    search: &Search,
    before: EventSn,
) -> Result<(Results, Option<EventSn>)> {
    let tx = tx.tx();
    let mut places = places(core, tx, who, &search.filter)?;
    let limit = search.filter.limit.map_or(RESULTS_DEFAULT, |limit| {
        usize::try_from(u64::from(limit)).unwrap_or(RESULTS_DEFAULT).clamp(1, limits::PAGE_EVENTS_MAX)
    });
    let (mut found, next) = scan(core, tx, &mut places, search, (before, limit))?;
    if search.by_rank {
        // Stable: among equals the newest stay first.
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

fn places<'a>(core: &'a Core, tx: &mut dyn Tx, who: &'a Requester, filter: &RoomEventFilter) -> Result<Places<'a>> {
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

/// Looks for matches from `before` back; says where to go on, if there may be more.
fn scan(
    core: &Core,
    tx: &mut dyn Tx,
    places: &mut Places<'_>,
    search: &Search,
    (mut before, limit): (EventSn, usize),
) -> Result<(Vec<Match>, Option<EventSn>)> {
    let choice = EventChoice::from(&search.filter);
    let (mut found, mut left) = (Vec::new(), limits::SEARCH_SCANNED_EVENTS_MAX);
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
    let sizes = (search.context.0.min(CONTEXT_MAX), search.context.1.min(CONTEXT_MAX));
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

/// How a user looks in a room.
fn profile(viewer: &Viewer<'_>, tx: &mut dyn Tx, user: &UserId) -> Result<Option<MemberProfile>> {
    let Some(sn) = state::current_named(tx, viewer.room(), "m.room.member", user.as_str())? else { return Ok(None) };
    Ok(Some(face(viewer.core().events.get(tx, sn)?.pdu.content.get())))
}
