//! What orders and filters rooms, in memory: a user in a thousand rooms asks for all of them with each request, and only few
//! have changed.

use std::sync::Arc;

use hearth_base::limits::users::{SLIDING_BUMP_EVENTS_MAX, SLIDING_FACTS_CACHED_MAX};
use hearth_base::{Position, Result};
use hearth_rooms::load::Event;
use hearth_rooms::read::visibility::Viewer;
use hearth_rooms::{RoomCore, find};
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::events::{self, Direction};
use hearth_store::tables::{rooms, state};
use quick_cache::sync::Cache;
use ruma::OwnedRoomId;
use serde::Deserialize;

use super::order::OrderCache;
use super::read::SlidingScope;

/// Events that count as activity (MSC4186, `bump_stamp`), with the names from before their proposals were accepted.
const BUMP_TYPES: &[&str] = &[
    "m.room.create",
    "m.room.message",
    "m.room.encrypted",
    "m.sticker",
    "m.call.invite",
    "m.poll.start",
    "org.matrix.msc3381.poll.start",
    "m.beacon_info",
    "org.matrix.msc3672.beacon_info",
];

/// Events to read at once while looking for one that bumps.
const STEP_EVENTS: usize = 32;

/// Type and encryption of a room, for filters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RoomKind {
    pub(super) room_type: Option<String>,
    pub(super) is_encrypted: bool,
}

/// What is known of a room.
#[derive(Debug, Clone)]
pub(super) struct RoomFacts {
    pub(super) id: OwnedRoomId,
    /// Complete up to here.
    upto: Position,
    /// The place of the newest event, 0 without any.
    pub(super) newest: i64,
    /// The place of the newest event that bumps; 0 without any.
    pub(super) bump: i64,
    /// By the current state, which only members may know.
    pub(super) kind: RoomKind,
}

/// The facts of rooms, and what is made of them.
#[derive(Debug)]
pub(in crate::sync) struct FactsCache {
    pub(super) orders: OrderCache,
    rooms: Cache<RoomSn, Arc<RoomFacts>>,
    /// By the event that ended a membership: whether others ended it, and the user has been in the room.
    removals: Cache<EventSn, bool>,
}

impl Default for FactsCache {
    fn default() -> Self {
        let (rooms, removals) = (Cache::new(SLIDING_FACTS_CACHED_MAX), Cache::new(SLIDING_FACTS_CACHED_MAX));
        Self { orders: OrderCache::default(), rooms, removals }
    }
}

/// Returns the facts of a room; none if it does not exist any more.
pub(super) fn of(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: RoomSn) -> Result<Option<Arc<RoomFacts>>> {
    let (core, cache) = (&*scope.sync.core, &scope.sync.facts.rooms);
    let known = cache.get(&room);
    if let Some(known) = known.as_ref().filter(|known| is_current(scope, known, room)) {
        return Ok(Some(known.clone()));
    }
    let Some(row) = rooms::by_sn(tx, room)? else { return Ok(None) };
    let newest = events::newest_ord(tx, room, scope.upto.as_i64())?.unwrap_or(0).max(0);
    let (after, before) = known.as_ref().map_or((0, 0), |known| (known.newest, known.bump));
    let bump = bump_after(core, tx, room, (after, newest))?.unwrap_or(before);
    let kind = current_kind(core, tx, room)?;
    let facts = Arc::new(RoomFacts { id: find::id(&row)?, upto: scope.upto, newest, bump, kind });
    if known.is_none_or(|known| known.upto < facts.upto) {
        cache.insert(room, facts.clone());
    }
    Ok(Some(facts))
}

/// Whether nothing has happened in a room since its facts were read. That was in this run of the server, so the notifier knows
/// all changes since.
pub(super) fn is_current(scope: &SlidingScope<'_>, facts: &RoomFacts, room: RoomSn) -> bool {
    scope.sync.core.notifier.newest_in(room) <= facts.upto
}

/// The place of the newest event in `(after, upto]` that bumps.
fn bump_after(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn, (after, upto): (i64, i64)) -> Result<Option<i64>> {
    let (mut upto, mut passed_over) = (upto, 0);
    while upto > after && passed_over < SLIDING_BUMP_EVENTS_MAX {
        let mut page: Vec<Arc<Event>> = Vec::new();
        events::timeline(tx, room, (after, upto), Direction::Backward, STEP_EVENTS, &mut |row| {
            page.push(core.events.keep_stored(&row)?);
            Ok(true)
        })?;
        let bumps = |event: &&Arc<Event>| BUMP_TYPES.contains(&&*event.pdu.kind.to_string());
        if let Some(found) = page.iter().find(bumps) {
            return Ok(found.ord);
        }
        let Some(oldest) = page.last().and_then(|event| event.ord).filter(|_| page.len() == STEP_EVENTS) else { break };
        passed_over += page.len();
        upto = oldest - 1;
    }
    Ok(None)
}

fn current_kind(core: &RoomCore, tx: &mut dyn Tx, room: RoomSn) -> Result<RoomKind> {
    let room_type = match state::current_named(tx, room, "m.room.create", "")? {
        Some(create) => core.events.get(tx, create)?.pdu.content_str("type"),
        None => None,
    };
    Ok(RoomKind { room_type, is_encrypted: state::current_named(tx, room, "m.room.encryption", "")?.is_some() })
}

/// Type and encryption by stripped state, as far as it has them.
pub(super) fn stripped_kind(json: &[u8]) -> RoomKind {
    #[derive(Deserialize)]
    struct Stripped {
        #[serde(rename = "type")]
        kind: String,
        #[serde(default)]
        content: Content,
    }
    #[derive(Default, Deserialize)]
    struct Content {
        #[serde(rename = "type")]
        room_type: Option<serde_json::Value>,
    }
    let events: Vec<serde_json::Value> = serde_json::from_slice(json).unwrap_or_default();
    let mut kind = RoomKind::default();
    for event in events.into_iter().filter_map(|event| serde_json::from_value::<Stripped>(event).ok()) {
        match event.kind.as_str() {
            "m.room.create" => {
                kind.room_type = event.content.room_type.as_ref().and_then(|name| name.as_str()).map(str::to_owned);
            }
            "m.room.encryption" => kind.is_encrypted = true,
            _ => {}
        }
    }
    kind
}

/// Whether another user ended a membership by this event, and the user had been in the room. A user knows which rooms they
/// left; which rooms they were removed from, they may not have seen.
pub(super) fn is_removal(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    row: &hearth_store::tables::memberships::MembershipRow,
) -> Result<bool> {
    let cache = &scope.sync.facts.removals;
    if let Some(known) = cache.get(&row.event) {
        return Ok(known);
    }
    let core = &*scope.sync.core;
    let is_removal = core.events.get(tx, row.event)?.sender != row.user
        && Viewer::of_member(core, tx, row.room, scope.reader, Some(*row))?.departure().is_some();
    cache.insert(row.event, is_removal);
    Ok(is_removal)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stripped_state_may_be_anything() {
        let json = r#"[7, {"type": "m.room.create", "content": {"type": "m.space"}}, {"type": "m.room.encryption"}]"#;
        let kind = RoomKind { room_type: Some("m.space".to_owned()), is_encrypted: true };
        assert_eq!(stripped_kind(json.as_bytes()), kind);
        for odd in ["", "{}", r#"[{"type": "m.room.create", "content": {"type": 5}}]"#, r#"[{"type": 5}]"#] {
            assert_eq!(stripped_kind(odd.as_bytes()), RoomKind::default(), "{odd}");
        }
    }
}
