//! A result as the client gets it: the event, its context, and the profiles of the senders.

use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::rooms::SEARCH_CONTEXT_MAX;
use hearth_store::engine::Tx;
use hearth_store::tables::state_keys;
use ruma::OwnedRoomId;

use super::{Hit, Search};
use crate::load::Event;
use crate::member_profile::MemberProfile;
use crate::read::byte_budget::ByteBudget;
use crate::read::context::{AroundQuery, around};
use crate::read::members::face;
use crate::read::present::{self, EventFormat};
use crate::read::visibility::Viewer;
use crate::state::snapshot;

/// Returns a match with its context, and whether all of it fitted into `budget`.
pub(super) fn hit(
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
