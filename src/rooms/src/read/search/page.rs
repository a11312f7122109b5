//! A page of results: newest first, or by rank.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::ops::ControlFlow;
use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_core::Requester;
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use ruma::OwnedRoomId;
use ruma::events::AnyStateEvent;
use ruma::serde::Raw;

use super::hit::hit;
use super::scan::{Match, Places, examine, places, scan};
use super::token::{Block, Start};
use super::{Hit, Results, Search};
use crate::RoomCore;
use crate::read::byte_budget::ByteBudget;
use crate::read::reader::Reader;
use crate::read::visibility::Viewer;
use crate::read::{access, present};

/// Results per page when the client sets no limit.
const RESULTS_DEFAULT: usize = 10;

/// A page, and where to go on.
pub(super) struct SearchPage {
    /// The results, still without their count.
    pub(super) results: Results,
    /// Where the next page begins.
    pub(super) next: Option<Start>,
    /// The matches that were seen; matches before `uncounted` are not among them.
    pub(super) count: usize,
    pub(super) uncounted: Option<EventSn>,
}

/// A page that is being filled.
struct FilledPage<'a> {
    core: &'a Arc<RoomCore>,
    who: &'a Requester,
    search: &'a Search,
    limit: usize,
    budget: ByteBudget,
    hits: Vec<Hit>,
    state: BTreeMap<OwnedRoomId, Vec<Raw<AnyStateEvent>>>,
    spellings: BTreeSet<String>,
}

/// Returns a page. Looks at up to `scanned` events.
pub(super) fn results(
    core: &Arc<RoomCore>,
    tx: &mut ReadTx<'_>,
    who: &Requester,
    search: &Search,
    (start, scanned): (Start, usize),
) -> Result<SearchPage> {
    let tx = tx.tx();
    let mut places = places(core, tx, who, &search.filter)?;
    let limit = search.filter.limit.map_or(RESULTS_DEFAULT, |limit| {
        usize::try_from(u64::from(limit)).unwrap_or(RESULTS_DEFAULT).clamp(1, limits::PAGE_EVENTS_MAX)
    });
    let (budget, hits, state, spellings) = (ByteBudget::page(), Vec::new(), BTreeMap::new(), BTreeSet::new());
    let mut page = FilledPage { core, who, search, limit, budget, hits, state, spellings };
    let (next, count, uncounted) = match start {
        Start::Recent(before) => {
            let next = page.fill_with_recent(tx, &mut places, (before, scanned))?;
            (next.map(Start::Recent), page.hits.len(), next)
        }
        Start::Ranked(block) => page.fill_by_rank(tx, &mut places, (block, scanned))?,
    };
    let mut words = search.term.words();
    page.spellings.retain(|spelling| !words.contains(spelling));
    words.extend(page.spellings);
    let results = Results { hits: page.hits, state: page.state, words, count: 0, next: None };
    Ok(SearchPage { results, next, count, uncounted })
}

impl FilledPage<'_> {
    /// Returns before which event the next page begins.
    fn fill_with_recent(
        &mut self,
        tx: &mut dyn Tx,
        places: &mut Places<'_>,
        range: (EventSn, usize),
    ) -> Result<Option<EventSn>> {
        scan(self.core, tx, places, self.search, range, &mut |tx, room_id, viewer, found| {
            if !self.add(tx, room_id, viewer, &found)? {
                return Ok(ControlFlow::Break(EventSn(found.matched.sn.0.saturating_add(1))));
            }
            Ok(if self.is_full() { ControlFlow::Break(found.matched.sn) } else { ControlFlow::Continue(()) })
        })
    }

    /// Ranks the whole block for each page: the ranks are not stored, and a block is bounded. Returns where the next page
    /// begins, the matches in the block, and before which event the next block has more.
    fn fill_by_rank(
        &mut self,
        tx: &mut dyn Tx,
        places: &mut Places<'_>,
        (block, scanned): (Block, usize),
    ) -> Result<(Option<Start>, usize, Option<EventSn>)> {
        let key = |rank: usize, event: EventSn| (Reverse(rank), Reverse(event));
        let shown = block.shown.map(|(rank, event)| key(rank, event));
        let (mut best, mut count, mut before) = (BTreeSet::new(), 0, block.before);
        let next = scan(self.core, tx, places, self.search, (block.before, scanned), &mut |_, _, _, found| {
            let sn = found.matched.sn;
            if let Some(end) = block.end.filter(|end| sn < *end) {
                return Ok(ControlFlow::Break(end));
            }
            if count == 0 {
                // What is sent later is not in this block, so that the pages after this one do not shift.
                before = EventSn(sn.0.saturating_add(1));
            }
            count += 1;
            let key = key(found.rank, sn);
            if shown.is_none_or(|shown| key > shown) {
                best.insert(key);
            }
            // One more than fit, to know whether there are more.
            if best.len() > self.limit + 1 {
                best.pop_last();
            }
            Ok(ControlFlow::Continue(()))
        })?;
        let end = block.end.or(next);
        let last = self.add_all(tx, places, best.iter().map(|(_, Reverse(event))| *event))?;
        let is_whole = last.is_none_or(|last| best.last() == Some(&key(last.0, last.1)));
        let next = match is_whole {
            true => end.map(|before| Block { before, end: None, shown: None }),
            false => Some(Block { before, end, shown: last }),
        };
        Ok((next.map(Start::Ranked), count, end))
    }

    /// Adds matches until the page is full; returns the rank and the event of the last one.
    fn add_all(
        &mut self,
        tx: &mut dyn Tx,
        places: &mut Places<'_>,
        events: impl Iterator<Item = EventSn>,
    ) -> Result<Option<(usize, EventSn)>> {
        let mut last = None;
        for sn in events {
            let event = self.core.events.get(tx, sn)?;
            let Some((room_id, viewer)) = places.get_mut(&event.room) else { continue };
            let Some(found) = examine(viewer, tx, self.search, event)? else { continue };
            if self.is_full() || !self.add(tx, room_id, viewer, &found)? {
                break;
            }
            last = Some((found.rank, sn));
        }
        Ok(last)
    }

    /// Adds a match with its context, unless they do not fit into what is left of the page; then returns false, and the next
    /// page begins with it. The first one is always added, with as much of its context as fits.
    fn add(
        &mut self,
        tx: &mut dyn Tx,
        room_id: &OwnedRoomId,
        viewer: &mut Viewer<'_>,
        Match { rank, matched, event }: &Match,
    ) -> Result<bool> {
        let mut left = self.budget;
        let (hit, is_whole) = hit(viewer, tx, room_id, self.search, (*rank, event), &mut left)?;
        let state = match self.search.state && !self.state.contains_key(room_id) {
            true => Some(self.room_state(tx, room_id, viewer)?),
            false => None,
        };
        let state_bytes = state.iter().flatten().map(|event| event.json().get().len()).sum();
        let fits = is_whole && state_bytes <= left.left();
        if !fits && !self.hits.is_empty() {
            return Ok(false);
        }
        left.spend(state_bytes);
        self.budget = left;
        self.state.extend(state.map(|state| (room_id.clone(), state)));
        self.hits.push(hit);
        let room = limits::SEARCH_HIGHLIGHTS_MAX.saturating_sub(self.spellings.len());
        self.spellings.extend(self.search.term.spellings(&matched.pdu).into_iter().take(room));
        Ok(true)
    }

    fn is_full(&self) -> bool {
        self.hits.len() >= self.limit
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
