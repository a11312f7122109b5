//! Event visibility for users (client-server API, "Room history visibility").
//!
//! A [`Viewer`] is the view of one user on one room. For a member of a room whose history has always been open it
//! allows everything without a query; otherwise it caches the state by snapshot, as many events share one.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::rooms::VISIBILITY_DEPARTURES_MAX;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, KeySn, RoomSn, SnapshotSn, UserSn};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::{events, state, state_keys};
use ruma::events::TimelineEventType;
use serde::Deserialize;

use super::history::History;
use super::reader::Reader;
use crate::RoomCore;
use crate::event::Pdu;
use crate::load::Event;
use crate::state::snapshot;

/// Events that no user sees.
const HIDDEN: i64 = events::REJECTED | events::SOFT_FAILED | events::OUTLIER;

/// The view of one user on one room.
pub struct Viewer<'a> {
    core: &'a RoomCore,
    reader: Reader<'a>,
    room: RoomSn,
    membership: Option<MembershipRow>,
    /// The user's last event as a member, including their own leave event: its place, and its serial number.
    departed: Option<Departure>,
    /// For a member: the place from which on the history has always been open.
    sees_from: i64,
    /// The user has forgotten the room: what they once might see as a member no longer counts.
    forgot: bool,
    keys: Option<Keys>,
    visibilities: HashMap<Option<SnapshotSn>, HistoryVisibility>,
    ignored: Option<Arc<HashSet<UserSn>>>,
}

/// How a user last left a room.
#[derive(Debug, Clone, Copy)]
pub struct Departure {
    /// The event that ended their membership.
    pub event: EventSn,
    /// Its place in the timeline; later events are hidden from the user.
    pub ord: i64,
}

/// The visibility-relevant part of the state before an event.
#[derive(Debug, Clone, Copy)]
struct HistoryVisibility {
    history: History,
    membership: Option<Membership>,
}

/// Serial numbers of the two relevant state keys; none when no room on this server has ever had such state.
#[derive(Debug, Clone, Copy)]
struct Keys {
    history: Option<KeySn>,
    member: Option<KeySn>,
}

impl<'a> Viewer<'a> {
    /// Opens the view of `reader` on a room. Costs two small queries for a member. A user who has forgotten the room
    /// sees what one who never was in it sees (client-server API, "Leaving rooms").
    pub fn new(core: &'a RoomCore, tx: &mut dyn Tx, room: RoomSn, reader: Reader<'a>) -> Result<Self> {
        let membership = memberships::get(tx, room, reader.user)?;
        let forgot = membership.is_some_and(|row| row.forgotten);
        Ok(Self { forgot, ..Self::of_member(core, tx, room, reader, membership.filter(|_| !forgot))? })
    }

    /// The view of a user with a membership that the caller has loaded, and whether it is forgotten or not.
    pub fn of_member(
        core: &'a RoomCore,
        tx: &mut dyn Tx,
        room: RoomSn,
        reader: Reader<'a>,
        membership: Option<MembershipRow>,
    ) -> Result<Self> {
        let mut viewer = Self {
            core,
            reader,
            room,
            membership,
            departed: None,
            sees_from: i64::MAX,
            forgot: false,
            keys: None,
            visibilities: HashMap::new(),
            ignored: None,
        };
        match membership {
            Some(row) if row.membership == Membership::Join => {
                let current = state::current_named(tx, room, "m.room.history_visibility", "")?;
                viewer.sees_from = core.open_histories.open_from(core, tx, current)?;
            }
            Some(row) => viewer.departed = departure(core, tx, &row)?,
            None => {}
        }
        Ok(viewer)
    }

    /// Hides messages of these senders. Keeps their state events, because the room's state includes them.
    #[must_use]
    pub fn ignoring(mut self, senders: Arc<HashSet<UserSn>>) -> Self {
        self.ignored = Some(senders).filter(|senders| !senders.is_empty());
        self
    }

    /// The reader.
    #[must_use]
    pub fn reader(&self) -> Reader<'a> {
        self.reader
    }

    /// The core on which the view reads.
    #[must_use]
    pub fn core(&self) -> &'a RoomCore {
        self.core
    }

    /// The room.
    #[must_use]
    pub fn room(&self) -> RoomSn {
        self.room
    }

    /// The user's current membership.
    #[must_use]
    pub fn membership(&self) -> Option<Membership> {
        self.membership.map(|row| row.membership)
    }

    /// Returns whether the user is joined now.
    #[must_use]
    pub fn is_joined(&self) -> bool {
        self.membership() == Some(Membership::Join)
    }

    /// Returns how a user who is not joined last left the room; none for members and for users who never were in it.
    #[must_use]
    pub fn departure(&self) -> Option<Departure> {
        self.departed
    }

    /// Returns whether the view hides only events that no user sees: the caller may then skip the check per event.
    #[must_use]
    pub fn sees_all(&self) -> bool {
        self.sees_from == i64::MIN && self.ignored.is_none()
    }

    /// Returns whether the user ignores a sender.
    #[must_use]
    pub fn ignores(&self, sender: UserSn) -> bool {
        self.ignored.as_ref().is_some_and(|ignored| ignored.contains(&sender))
    }

    /// Returns whether the user may see an event of this room.
    pub fn may_see(&mut self, tx: &mut dyn Tx, event: &Event) -> Result<bool> {
        if event.room != self.room || event.flags & HIDDEN != 0 {
            return Ok(false);
        }
        if event.state_key.is_none() && self.ignores(event.sender) {
            return Ok(false);
        }
        if event.ord.is_some_and(|ord| ord >= self.sees_from) {
            return Ok(true);
        }
        let before = self.visibility(tx, event.snapshot)?;
        let shared = self.is_joined() || self.departed.is_some_and(|left| event.ord.is_some_and(|ord| ord <= left.ord));
        let mut history = before.history;
        if event.pdu.is_state(&TimelineEventType::RoomHistoryVisibility, "") {
            // A change of the rule is visible to those whom the old or the new rule allows.
            history = history.max(History::of(&event.pdu));
        }
        if self.forgot {
            return Ok(history.allows(None, false));
        }
        let mut then = before.membership;
        if let Some(after) = self.own_membership(event) {
            // The user's own membership changes are visible if they may see either side. A leave or ban after a
            // membership is always visible: otherwise clients would show a refused invite or knock forever.
            let ends = matches!(then, Some(Membership::Invite | Membership::Join | Membership::Knock));
            if matches!(after, Membership::Ban) || (matches!(after, Membership::Leave) && ends) {
                return Ok(true);
            }
            if rank(Some(after)) > rank(then) {
                then = Some(after);
            }
        }
        Ok(history.allows(then, shared))
    }

    /// Returns whether the user may see the redaction of an event that they see. Members see all of them, also those of
    /// users whom they ignore: clients show a redacted event by it.
    pub fn may_see_redaction(&mut self, tx: &mut dyn Tx, redaction: &Event) -> Result<bool> {
        if self.is_joined() { Ok(true) } else { self.may_see(tx, redaction) }
    }

    /// As [`Viewer::may_see`], for an event of which only the serial number and the place are known. Loads it unless the
    /// place decides. The caller has left out senders whom the user ignores.
    pub fn may_see_at(&mut self, tx: &mut dyn Tx, event: EventSn, ord: Option<i64>) -> Result<bool> {
        if ord.is_some_and(|ord| ord >= self.sees_from) {
            return Ok(true);
        }
        let event = self.core.events.get(tx, event)?;
        self.may_see(tx, &event)
    }

    /// Returns the user's membership after an event, including a change by the event itself; `leave` when they had
    /// none. This is `membership` in an event's `unsigned` data.
    pub fn membership_at(&mut self, tx: &mut dyn Tx, event: &Event) -> Result<Membership> {
        if let Some(after) = self.own_membership(event) {
            return Ok(after);
        }
        if let Some(row) = self.membership
            && event.ord.is_some_and(|ord| ord >= row.since.as_i64())
        {
            return Ok(row.membership);
        }
        Ok(self.visibility(tx, event.snapshot)?.membership.unwrap_or(Membership::Leave))
    }

    /// Returns the user's new membership, if the event is their own member event.
    fn own_membership(&self, event: &Event) -> Option<Membership> {
        if event.pdu.kind != TimelineEventType::RoomMember
            || event.pdu.state_key.as_deref() != Some(self.reader.user_id.as_str())
        {
            return None;
        }
        membership_of(&event.pdu)
    }

    fn visibility(&mut self, tx: &mut dyn Tx, at: Option<SnapshotSn>) -> Result<HistoryVisibility> {
        if let Some(known) = self.visibilities.get(&at) {
            return Ok(*known);
        }
        let mut visibility = HistoryVisibility { history: History::Shared, membership: None };
        // The create event has no state before it, and no snapshot.
        if at.is_some() {
            let keys = self.keys(tx)?;
            let wanted: Vec<KeySn> = keys.history.into_iter().chain(keys.member).collect();
            for (key, found) in wanted.iter().zip(snapshot::get_many(tx, at, &wanted)?) {
                let Some(found) = found else { continue };
                let event = self.core.events.get(tx, found)?;
                if Some(*key) == keys.history {
                    visibility.history = History::of(&event.pdu);
                } else {
                    visibility.membership = membership_of(&event.pdu);
                }
            }
        }
        self.visibilities.insert(at, visibility);
        Ok(visibility)
    }

    fn keys(&mut self, tx: &mut dyn Tx) -> Result<Keys> {
        if let Some(keys) = self.keys {
            return Ok(keys);
        }
        let keys = Keys {
            history: state_keys::find(tx, "m.room.history_visibility", "")?,
            member: state_keys::find(tx, "m.room.member", self.reader.user_id.as_str())?,
        };
        self.keys = Some(keys);
        Ok(keys)
    }
}

impl std::fmt::Debug for Viewer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Viewer").field("reader", &self.reader).field("room", &self.room).finish_non_exhaustive()
    }
}

/// Orders memberships by how much they allow the user to see.
fn rank(membership: Option<Membership>) -> u8 {
    match membership {
        Some(Membership::Join) => 3,
        Some(Membership::Invite) => 2,
        Some(Membership::Knock) => 1,
        _ => 0,
    }
}

/// Returns the membership in a member event.
#[must_use]
pub fn membership_of(pdu: &Pdu) -> Option<Membership> {
    #[derive(Deserialize)]
    struct Content<'a> {
        #[serde(borrow)]
        membership: std::borrow::Cow<'a, str>,
    }
    let content: Content<'_> = serde_json::from_str(pdu.content.get()).ok()?;
    Membership::from_name(&content.membership)
}

/// Returns the event with which a former member last left; none when they never were in the room.
fn departure(core: &RoomCore, tx: &mut dyn Tx, row: &MembershipRow) -> Result<Option<Departure>> {
    let mut next = row.event;
    for _ in 0..VISIBILITY_DEPARTURES_MAX {
        let event = core.events.get(tx, next)?;
        let Some(key) = event.state_key else { return Ok(None) };
        if event.snapshot.is_none() {
            // An out-of-band membership (an invite from a remote room, or its refusal) has no state. An earlier stay
            // may have left some.
            match state::current_one(tx, row.room, key)?.filter(|left| *left != event.sn) {
                Some(left) => next = left,
                None => return Ok(None),
            }
            continue;
        }
        let Some(before) = snapshot::get(tx, event.snapshot, key)? else { return Ok(None) };
        if membership_of(&core.events.get(tx, before)?.pdu) == Some(Membership::Join) {
            return Ok(event.ord.map(|ord| Departure { event: event.sn, ord }));
        }
        next = before;
    }
    Ok(None)
}
