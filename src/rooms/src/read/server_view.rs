//! Event visibility for other servers (server-server API, "Retrieving events"; client-server API, "Room history
//! visibility"): a server may see what one of its users may see.
//!
//! A [`ServerView`] is the view of one server on one room in which it takes part. The server gets other events
//! redacted: it needs every event's place in the graph, but not its content.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{KeySn, SnapshotSn};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{events, state, state_keys};
use ruma::canonical_json::{CanonicalJsonObject, redact};
use ruma::events::TimelineEventType;
use ruma::{OwnedServerName, RoomId, ServerName};
use serde_json::value::RawValue;

use super::erased::is_erased;
use super::history::History;
use super::server_access::{self, is_of};
use super::visibility::membership_of;
use crate::RoomCore;
use crate::event::version;
use crate::load::Event;
use crate::state::snapshot;

/// The view of one server on one room.
#[derive(Debug)]
pub struct ServerView<'a> {
    core: &'a RoomCore,
    server: OwnedServerName,
    room: Room,
    /// Whether the history has always been open to current members.
    sees_all: bool,
    keys: Option<Arc<Keys>>,
    visibilities: HashMap<Option<SnapshotSn>, ServerVisibility>,
}

/// The visibility-relevant part of the state before an event.
#[derive(Debug, Clone, Copy)]
struct ServerVisibility {
    history: History,
    /// The strongest membership among the server's users.
    membership: Option<Membership>,
}

/// Serial numbers of the visibility-relevant state keys.
#[derive(Debug)]
struct Keys {
    history: Option<KeySn>,
    /// The member events of all users of the server who ever had a membership.
    members: Vec<KeySn>,
}

impl<'a> ServerView<'a> {
    /// Opens the view of a server that takes part in a room now. `M_FORBIDDEN` for all others: see
    /// [`server_access::participating`].
    pub fn open(core: &'a RoomCore, tx: &mut dyn Tx, room_id: &RoomId, server: &ServerName) -> Result<Self> {
        let room = server_access::participating(core, tx, room_id, server)?;
        Self::of_participant(core, tx, room, server)
    }

    /// As [`ServerView::open`], for a server that is known to be in the room.
    pub fn of_participant(core: &'a RoomCore, tx: &mut dyn Tx, room: Room, server: &ServerName) -> Result<Self> {
        let current = state::current_named(tx, room.sn, "m.room.history_visibility", "")?;
        let sees_all = core.open_histories.is_open(core, tx, current)?;
        Ok(Self { core, server: server.to_owned(), room, sees_all, keys: None, visibilities: HashMap::new() })
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> &Room {
        &self.room
    }

    /// The core on which the view reads.
    #[must_use]
    pub fn core(&self) -> &'a RoomCore {
        self.core
    }

    /// Returns whether an event belongs to this room and may be sent at all: rejected events may not.
    #[must_use]
    pub fn has(&self, event: &Event) -> bool {
        event.room == self.room.sn && event.flags & events::REJECTED == 0
    }

    /// Returns whether the server may see the content of an event in this room.
    pub fn may_see(&mut self, tx: &mut dyn Tx, event: &Event) -> Result<bool> {
        if self.sees_all {
            return Ok(true);
        }
        if event.snapshot.is_none() {
            // The start of the room, or an outlier that only supports other events. Those are state events.
            return Ok(event.state_key.is_some());
        }
        let before = self.visibility(tx, event.snapshot)?;
        let mut history = before.history;
        if event.pdu.is_state(&TimelineEventType::RoomHistoryVisibility, "") {
            // A change of the rule is visible to those whom the old or the new rule allows.
            history = history.max(History::of(&event.pdu));
        }
        // The server is in the room now, so shared history is shared with it.
        Ok(history.allows(before.membership, true) || self.is_of_its_own(event))
    }

    /// Returns the event as the server may see it: as stored, or redacted.
    pub fn pdu(&mut self, tx: &mut dyn Tx, event: &Event) -> Result<Box<RawValue>> {
        let row = events::by_sn(tx, event.sn)?.ok_or_else(|| Error::broken("an event that was found is missing"))?;
        let may_see = self.may_see(tx, event)? && !is_erased(self.core, tx, event)?;
        let json = if may_see { row.json } else { self.without_words(&row.json)? };
        let text = String::from_utf8(json).map_err(|error| Error::fault("reading a stored event", error))?;
        RawValue::from_string(text).map_err(|error| Error::fault("reading a stored event", error))
    }

    fn without_words(&self, json: &[u8]) -> Result<Vec<u8>> {
        let rules = version::stored_rules(&self.room.version)?;
        let object: CanonicalJsonObject =
            serde_json::from_slice(json).map_err(|error| Error::fault("reading a stored event", error))?;
        let object =
            redact(object, &rules.redaction, None).map_err(|error| Error::fault("redacting an event", error))?;
        serde_json::to_vec(&object).map_err(|error| Error::fault("writing a redacted event", error))
    }

    /// Returns whether the event is about one of the server's own users.
    fn is_of_its_own(&self, event: &Event) -> bool {
        event.pdu.kind == TimelineEventType::RoomMember
            && event.pdu.state_key.as_deref().is_some_and(|user| is_of(user, &self.server))
    }

    fn visibility(&mut self, tx: &mut dyn Tx, at: Option<SnapshotSn>) -> Result<ServerVisibility> {
        if let Some(known) = self.visibilities.get(&at) {
            return Ok(*known);
        }
        let mut visibility = ServerVisibility { history: History::Shared, membership: None };
        let keys = self.keys(tx)?;
        if let Some(key) = keys.history
            && let Some(sn) = snapshot::get(tx, at, key)?
        {
            visibility.history = History::of(&self.core.events.get(tx, sn)?.pdu);
        }
        if visibility.history < History::Shared {
            visibility.membership = self.best_membership(tx, at, &keys.members)?;
        }
        self.visibilities.insert(at, visibility);
        Ok(visibility)
    }

    fn best_membership(
        &self,
        tx: &mut dyn Tx,
        at: Option<SnapshotSn>,
        members: &[KeySn],
    ) -> Result<Option<Membership>> {
        let mut best = None;
        for sn in snapshot::get_many(tx, at, members)?.into_iter().flatten() {
            match membership_of(&self.core.events.get(tx, sn)?.pdu) {
                Some(Membership::Join) => return Ok(Some(Membership::Join)),
                Some(Membership::Invite) => best = Some(Membership::Invite),
                _ => {}
            }
        }
        Ok(best)
    }

    fn keys(&mut self, tx: &mut dyn Tx) -> Result<Arc<Keys>> {
        if let Some(keys) = &self.keys {
            return Ok(Arc::clone(keys));
        }
        let mut users = Vec::new();
        memberships::names(tx, self.room.sn, &mut |_, user_id, _| {
            if is_of(user_id, &self.server) {
                users.push(user_id.to_owned());
            }
            Ok(true)
        })?;
        let mut members = Vec::with_capacity(users.len());
        for user in users {
            members.extend(state_keys::find(tx, "m.room.member", &user)?);
        }
        let history = state_keys::find(tx, "m.room.history_visibility", "")?;
        Ok(Arc::clone(self.keys.insert(Arc::new(Keys { history, members }))))
    }
}
