//! Finds the matches of a search: what the index names, and what is not in it yet, each compared with the term.

use std::collections::HashMap;
use std::ops::ControlFlow;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::SEARCH_REPLACED_ROOMS_MAX;
use hearth_base::limits::rooms::SCAN_STEP_BYTES_MAX;
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::search_words::{self, WordQuery};
use hearth_store::tables::{events, memberships, rooms};
use ruma::OwnedRoomId;
use ruma::api::client::filter::RoomEventFilter;

use super::Search;
use crate::load::Event;
use crate::read::choice::EventChoice;
use crate::read::erased::is_erased_for;
use crate::read::reader::Reader;
use crate::read::term::SearchTerm;
use crate::read::visibility::Viewer;
use crate::read::{bundle, ignored};
use crate::relate::relation;
use crate::search::words::RULES;
use crate::upgrade::follow;
use crate::{RoomCore, find};

/// The searched rooms, each with the reader's view.
pub(super) type Places<'a> = HashMap<RoomSn, (OwnedRoomId, Viewer<'a>)>;

/// A match.
pub(super) struct Match {
    pub(super) rank: usize,
    /// The event that has the text: the message, or its newest edit.
    pub(super) matched: Arc<Event>,
    /// The result.
    pub(super) event: Arc<Event>,
}

/// What a scan does with a match; breaks with the place where the next page begins.
pub(super) type Visit<'v> =
    &'v mut dyn FnMut(&mut dyn Tx, &OwnedRoomId, &mut Viewer<'_>, Match) -> Result<ControlFlow<EventSn>>;

/// Returns the searched rooms: those of the filter in which the reader is or was. A search in a room goes on in the rooms
/// that it has replaced.
pub(super) fn places<'a>(
    core: &'a RoomCore,
    tx: &mut dyn Tx,
    who: &'a Requester,
    filter: &RoomEventFilter,
) -> Result<Places<'a>> {
    let mut filter = filter.clone();
    if let Some(rooms) = &mut filter.rooms {
        rooms.extend(replaced(core, tx, rooms)?);
    }
    let (choice, ignored) = (EventChoice::from(&filter), ignored::by(tx, who.user)?);
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

/// Returns the known rooms that these have replaced, and those that they in turn have replaced.
fn replaced(core: &RoomCore, tx: &mut dyn Tx, wanted: &[OwnedRoomId]) -> Result<Vec<OwnedRoomId>> {
    let (mut found, mut left) = (Vec::new(), SEARCH_REPLACED_ROOMS_MAX);
    for room_id in wanted {
        let mut room = rooms::by_id(tx, room_id.as_str())?;
        while let Some(newer) = room.take()
            && left > 0
        {
            left -= 1;
            room = follow::replaced_by(core, tx, &newer)?;
            found.extend(room.as_ref().map(find::id).transpose()?);
        }
    }
    Ok(found)
}

/// Looks at up to `left` events before `before` and visits the matches, newest first; returns where to go on, if there may
/// be more.
pub(super) fn scan(
    core: &RoomCore,
    tx: &mut dyn Tx,
    places: &mut Places<'_>,
    search: &Search,
    (mut before, mut left): (EventSn, usize),
    visit: Visit<'_>,
) -> Result<Option<EventSn>> {
    let Some(queries) = search.term.queries(&mut places.keys().copied()) else { return Ok(None) };
    let progress = search_words::progress(tx)?;
    let indexed = if progress.rules == RULES { progress.upto } else { EventSn(0) };
    while left > 0 {
        let step = left.min(1_000);
        let is_indexed = before.0 <= indexed.0.saturating_add(1);
        let (candidates, seen, next) = match is_indexed {
            true => named(core, tx, &queries, before, step)?,
            false => unindexed(core, tx, places, &search.term, (before, indexed), step)?,
        };
        for event in candidates {
            if let Some((room_id, viewer)) = places.get_mut(&event.room)
                && let Some(found) = examine(viewer, tx, search, event)?
                && let ControlFlow::Break(next) = visit(tx, room_id, viewer, found)?
            {
                return Ok(Some(next));
            }
        }
        let Some(next) = next else { return Ok(None) };
        before = next;
        left = left.saturating_sub(seen);
    }
    Ok(Some(before))
}

/// Candidates, how many events were looked at for them, and where to go on, if there may be more.
type Candidates = (Vec<Arc<Event>>, usize, Option<EventSn>);

/// Returns the next events that the index names.
fn named(
    core: &RoomCore,
    tx: &mut dyn Tx,
    queries: &[Vec<WordQuery>],
    before: EventSn,
    step: usize,
) -> Result<Candidates> {
    let named = search_words::matching(tx, queries, before, step as u64)?;
    let (mut found, mut seen, mut bytes) = (Vec::new(), 0, 0);
    for sn in &named {
        if let Some(event) = core.events.get_if_stored(tx, *sn)? {
            bytes += event.bytes();
            found.push(event);
        }
        seen += 1;
        if bytes >= SCAN_STEP_BYTES_MAX {
            return Ok((found, seen, Some(*sn)));
        }
    }
    let next = named.last().filter(|_| named.len() == step).copied();
    Ok((found, seen, next))
}

/// Returns the next events that may match among those that are not in the index: down to `indexed`.
fn unindexed(
    core: &RoomCore,
    tx: &mut dyn Tx,
    places: &Places<'_>,
    term: &SearchTerm,
    (before, indexed): (EventSn, EventSn),
    step: usize,
) -> Result<Candidates> {
    let (mut rows, mut seen, mut bytes, mut next) = (Vec::new(), 0, 0, before);
    let mut is_at_index = false;
    events::newest_first(tx, before, step, &mut |stored| {
        is_at_index = stored.sn()? <= indexed;
        if is_at_index {
            return Ok(false);
        }
        (seen, next) = (seen + 1, stored.sn()?);
        if places.contains_key(&stored.room()?) {
            let row = stored.read()?;
            if term.may_match(&row.json) {
                bytes += row.json.len();
                rows.push(row);
            }
        }
        Ok(bytes < SCAN_STEP_BYTES_MAX)
    })?;
    let is_end = is_at_index || (seen < step && bytes < SCAN_STEP_BYTES_MAX);
    let next = if is_end { EventSn(indexed.0.saturating_add(1)) } else { next };
    let found = rows.into_iter().map(|row| core.events.keep(row)).collect::<Result<_>>()?;
    Ok((found, seen, Some(next)))
}

/// Compares a candidate with the term, the filter, and what the reader may see.
pub(super) fn examine(
    viewer: &mut Viewer<'_>,
    tx: &mut dyn Tx,
    search: &Search,
    matched: Arc<Event>,
) -> Result<Option<Match>> {
    let is_wanted = matched.ord.is_some() && EventChoice::from(&search.filter).wants(&matched.pdu);
    let Some(rank) = search.term.rank(&matched.pdu).filter(|_| is_wanted) else { return Ok(None) };
    if !is_shown(viewer, tx, &matched)? {
        return Ok(None);
    }
    let edited = match relation(&matched.pdu).filter(|relation| relation.rel_type == "m.replace") {
        Some(relation) => viewer.core().events.find(tx, &relation.event_id)?,
        None => None,
    };
    let edited = edited.filter(|edited| edited.room == matched.room && edited.sender == matched.sender);
    let event = match edited {
        // Its edits go with it.
        Some(edited) if edited.is_redacted() => return Ok(None),
        Some(edited) if is_shown(viewer, tx, &edited)? => edited,
        _ => matched.clone(),
    };
    // A text that was replaced is no longer what the reader sees.
    let is_replaced = match bundle::edit_of(viewer, tx, &event)? {
        Some(edit) => edit.sn != matched.sn,
        None => event.sn != matched.sn,
    };
    Ok((!is_replaced).then_some(Match { rank, matched, event }))
}

fn is_shown(viewer: &mut Viewer<'_>, tx: &mut dyn Tx, event: &Event) -> Result<bool> {
    Ok(viewer.may_see(tx, event)? && !is_erased_for(viewer, tx, event)?)
}
