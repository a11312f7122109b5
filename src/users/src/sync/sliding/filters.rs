//! Filters of lists.

use std::collections::{BTreeMap, HashMap, HashSet};

use hearth_base::Result;
use hearth_rooms::find;
use hearth_rooms::read::visibility::Viewer;
use hearth_rooms::state::snapshot;
use hearth_store::engine::Tx;
use hearth_store::tables::account_data::{self, WHOLE_ACCOUNT};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::{state, state_keys};
use ruma::OwnedRoomId;
use serde::Deserialize;
use serde::de::IgnoredAny;

use super::facts::{self, RoomKind};
use super::lists::Candidate;
use super::query::ListFilters;
use super::read::SlidingScope;

/// Reads what filters need once for all lists.
#[derive(Debug, Default)]
pub(super) struct Filters {
    children: HashMap<OwnedRoomId, HashSet<String>>,
    kinds: HashMap<OwnedRoomId, RoomKind>,
}

impl Filters {
    /// Whether a room passes.
    pub(super) fn passes(
        &mut self,
        scope: &SlidingScope<'_>,
        tx: &mut dyn Tx,
        filters: &ListFilters,
        room: &Candidate,
    ) -> Result<bool> {
        let is_invite = room.row.membership == Membership::Invite;
        if filters.is_invite.is_some_and(|wanted| wanted != is_invite) {
            return Ok(false);
        }
        if filters.is_dm.is_some_and(|wanted| wanted != scope.dms.contains(room.facts.id.as_str())) {
            return Ok(false);
        }
        if filters.is_encrypted.is_some() || filters.room_types.is_some() || !filters.not_room_types.is_empty() {
            let kind = self.kind(scope, tx, room)?;
            let is_type = |types: &Vec<Option<String>>| types.contains(&kind.room_type);
            if filters.is_encrypted.is_some_and(|wanted| wanted != kind.is_encrypted)
                || filters.room_types.as_ref().is_some_and(|types| !is_type(types))
                || is_type(&filters.not_room_types)
            {
                return Ok(false);
            }
        }
        if let Some(spaces) = &filters.spaces
            && !self.is_in(scope, tx, spaces, room)?
        {
            return Ok(false);
        }
        if filters.tags.is_some() || !filters.not_tags.is_empty() {
            let tags = tags(scope, tx, room)?;
            let has_any = |wanted: &Vec<String>| wanted.iter().any(|tag| tags.contains(tag));
            return Ok(!has_any(&filters.not_tags) && filters.tags.as_ref().is_none_or(has_any));
        }
        Ok(true)
    }

    /// Type and encryption, as far as the user may know them.
    fn kind(&mut self, scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: &Candidate) -> Result<RoomKind> {
        if room.row.membership == Membership::Join {
            return Ok(room.facts.kind.clone());
        }
        if let Some(known) = self.kinds.get(&room.facts.id) {
            return Ok(known.clone());
        }
        let kind = match room.row.membership {
            Membership::Invite | Membership::Knock => {
                let stripped = memberships::stripped(tx, room.row.room, room.row.user)?;
                stripped.map(|json| facts::stripped_kind(&json)).unwrap_or_default()
            }
            _ => kind_at_departure(scope, tx, room)?,
        };
        self.kinds.insert(room.facts.id.clone(), kind.clone());
        Ok(kind)
    }

    /// Whether a room is a child of one of these spaces, as far as the user has joined them.
    fn is_in(
        &mut self,
        scope: &SlidingScope<'_>,
        tx: &mut dyn Tx,
        spaces: &[OwnedRoomId],
        room: &Candidate,
    ) -> Result<bool> {
        for space in spaces {
            if !self.children.contains_key(space) {
                let children = children(scope, tx, space)?;
                self.children.insert(space.clone(), children);
            }
            if self.children.get(space).is_some_and(|children| children.contains(room.facts.id.as_str())) {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// Type and encryption when the user left: what came later is hidden from them.
fn kind_at_departure(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: &Candidate) -> Result<RoomKind> {
    let core = &*scope.sync.core;
    let viewer = Viewer::of_member(core, tx, room.row.room, scope.reader, Some(room.row))?;
    let Some(departure) = viewer.departure() else { return Ok(RoomKind::default()) };
    let at = core.events.get(tx, departure.event)?.snapshot;
    let mut find = |kind: &str| -> Result<Option<_>> {
        let Some(key) = state_keys::find(tx, kind, "")? else { return Ok(None) };
        snapshot::get(tx, at, key)?.map(|sn| core.events.get(tx, sn)).transpose()
    };
    let create = find("m.room.create")?;
    let room_type = create.and_then(|create| create.pdu.content_str("type"));
    Ok(RoomKind { room_type, is_encrypted: find("m.room.encryption")?.is_some() })
}

fn children(scope: &SlidingScope<'_>, tx: &mut dyn Tx, space: &OwnedRoomId) -> Result<HashSet<String>> {
    let mut children = HashSet::new();
    let Some(room) = find::known(tx, space)? else { return Ok(children) };
    let member = memberships::get(tx, room.sn, scope.reader.user)?;
    if member.is_none_or(|row| row.membership != Membership::Join) {
        return Ok(children);
    }
    #[derive(Deserialize)]
    struct Child {
        // A child is removed by leaving out `via` (client-server API, "m.space.child").
        #[serde(rename = "via")]
        _via: Vec<IgnoredAny>,
    }
    for event in state::current_of_type(tx, room.sn, "m.space.child")? {
        let event = scope.sync.core.events.get(tx, event)?;
        if event.pdu.content_as::<Child>().is_ok() {
            children.extend(event.pdu.state_key.clone());
        }
    }
    Ok(children)
}

fn tags(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: &Candidate) -> Result<HashSet<String>> {
    #[derive(Deserialize)]
    struct Tags {
        #[serde(default)]
        tags: BTreeMap<String, IgnoredAny>,
    }
    let content = account_data::get(tx, scope.reader.user, room.row.room, "m.tag")?;
    let tags = content.and_then(|content| serde_json::from_str::<Tags>(&content).ok());
    Ok(tags.map(|tags| tags.tags.into_keys().collect()).unwrap_or_default())
}

/// Returns the rooms in `m.direct`; none of them when it is malformed.
pub(super) fn dms(tx: &mut dyn Tx, user: hearth_store::ids::UserSn) -> Result<HashSet<String>> {
    let content = account_data::get(tx, user, WHOLE_ACCOUNT, "m.direct")?;
    let by_user: BTreeMap<String, serde_json::Value> =
        content.and_then(|content| serde_json::from_str(&content).ok()).unwrap_or_default();
    let rooms = by_user.into_values().filter_map(|rooms| serde_json::from_value::<Vec<String>>(rooms).ok());
    Ok(rooms.flatten().collect())
}
