//! What interests an application service (application-service API, "Registration"): events of its users and of the
//! rooms that they are in, and events in rooms of its namespaces.
//!
//! The rooms of its users are those at one position, and they move on with the stream, so that what is delivered late
//! is what would have been delivered in time: a user who has left since, or who joined since, makes no difference.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::limits::domain::APPSERVICE_KNOWN_USERS_MAX;
use hearth_base::{Position, Result};
use hearth_core::appservices::Registration;
use hearth_rooms::load::Event;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::appservices::{self, MoveRow};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::{aliases, device_lists, rooms, users};
use ruma::{RoomAliasId, RoomId, UserId};

/// The users of an application service and the rooms that they are in, at one position of the stream.
#[derive(Debug)]
pub(super) struct Interest {
    service: Arc<Registration>,
    at: Position,
    rooms: HashMap<RoomSn, HashSet<UserSn>>,
    /// Users that were looked up, and whether they are the service's.
    known: HashMap<UserSn, bool>,
}

impl Interest {
    /// The interest at a position: the memberships of today without the changes since.
    pub(super) fn load(tx: &mut dyn Tx, service: &Arc<Registration>, at: Position) -> Result<Self> {
        let mut this = Self { service: Arc::clone(service), at, rooms: HashMap::new(), known: HashMap::new() };
        let mut own = Vec::new();
        appservices::local_users(tx, &mut |user, id| {
            if UserId::parse(id).is_ok_and(|id| service.owns_user(&id)) {
                own.push(user);
            }
        })?;
        for user in own {
            this.known.insert(user, true);
            for room in memberships::joined_rooms(tx, user)? {
                this.rooms.entry(room).or_default().insert(user);
            }
        }
        // Where the changes are deleted already, the memberships of today have to do.
        if at >= device_lists::moves_floor(tx)? {
            for step in appservices::moves(tx, at, Position(i64::MAX.unsigned_abs()))?.into_iter().rev() {
                this.step(tx, step.room, step.member, step.before)?;
            }
        }
        Ok(this)
    }

    /// Follows the membership changes up to a position. `moves` are those after the current position, in order; the
    /// rest stays in it.
    pub(super) fn advance(
        &mut self,
        tx: &mut dyn Tx,
        moves: &mut std::iter::Peekable<std::vec::IntoIter<MoveRow>>,
        upto: Position,
    ) -> Result<()> {
        while let Some(step) = moves.next_if(|step| step.at <= upto) {
            self.step(tx, step.room, step.member, step.now)?;
        }
        self.at = upto;
        Ok(())
    }

    /// Goes back to an earlier position.
    pub(super) fn rewind(&mut self, tx: &mut dyn Tx, to: Position) -> Result<()> {
        for step in appservices::moves(tx, to, self.at)?.into_iter().rev() {
            self.step(tx, step.room, step.member, step.before)?;
        }
        self.at = to;
        Ok(())
    }

    /// The position.
    pub(super) fn at(&self) -> Position {
        self.at
    }

    fn step(&mut self, tx: &mut dyn Tx, room: RoomSn, member: UserSn, now: Membership) -> Result<()> {
        if !self.owns(tx, member)? {
            return Ok(());
        }
        if now == Membership::Join {
            self.rooms.entry(room).or_default().insert(member);
        } else if let Some(members) = self.rooms.get_mut(&room) {
            members.remove(&member);
            if members.is_empty() {
                self.rooms.remove(&room);
            }
        }
        Ok(())
    }

    /// Whether a user is in the namespaces of the service.
    pub(super) fn owns(&mut self, tx: &mut dyn Tx, user: UserSn) -> Result<bool> {
        if let Some(known) = self.known.get(&user) {
            return Ok(*known);
        }
        let id = users::name(tx, user)?;
        let owns = id.and_then(|id| UserId::parse(id).ok()).is_some_and(|id| self.service.owns_user(&id));
        if self.known.len() >= APPSERVICE_KNOWN_USERS_MAX {
            self.known.clear();
        }
        self.known.insert(user, owns);
        Ok(owns)
    }

    /// The rooms that the service's users are in.
    pub(super) fn rooms(&self) -> impl Iterator<Item = RoomSn> {
        self.rooms.keys().copied()
    }

    /// The service's users who are in a room.
    pub(super) fn members(&self, room: RoomSn) -> impl Iterator<Item = UserSn> {
        self.rooms.get(&room).into_iter().flatten().copied()
    }

    /// Whether an event interests the service.
    pub(super) fn wants(&mut self, tx: &mut dyn Tx, event: &Event, room_id: &RoomId) -> Result<bool> {
        // Cheapest first: most events are in rooms of its users, or in rooms that have nothing to do with it.
        if self.rooms.contains_key(&event.room) || self.owns(tx, event.sender)? {
            return Ok(true);
        }
        if let Some(key) = event.pdu.state_key.as_deref()
            && event.state_key.is_some_and(hearth_store::ids::KeySn::is_member)
            && UserId::parse(key).is_ok_and(|user| self.service.owns_user(&user))
        {
            return Ok(true);
        }
        self.wants_place(tx, event.room, room_id)
    }

    /// Whether everything in a room interests the service.
    pub(super) fn wants_room(&self, tx: &mut dyn Tx, room: RoomSn) -> Result<bool> {
        if self.rooms.contains_key(&room) {
            return Ok(true);
        }
        if self.service.rooms.is_empty() && self.service.aliases.is_empty() {
            return Ok(false);
        }
        let Some(row) = rooms::by_sn(tx, room)? else { return Ok(false) };
        let Ok(room_id) = RoomId::parse(row.id.as_str()) else { return Ok(false) };
        self.wants_place(tx, room, &room_id)
    }

    fn wants_place(&self, tx: &mut dyn Tx, room: RoomSn, room_id: &RoomId) -> Result<bool> {
        if self.service.rooms.contain(room_id.as_str()) {
            return Ok(true);
        }
        if self.service.aliases.is_empty() {
            return Ok(false);
        }
        let names = aliases::of_room(tx, room)?;
        Ok(names
            .into_iter()
            .filter_map(|name| RoomAliasId::parse(name).ok())
            .any(|name| self.service.owns_alias(&name)))
    }

    /// Whether presence and devices of a user interest the service: of its users, and of users who share a room with
    /// them.
    pub(super) fn wants_user(&mut self, tx: &mut dyn Tx, user: UserSn) -> Result<bool> {
        if self.owns(tx, user)? {
            return Ok(true);
        }
        for room in memberships::joined_rooms(tx, user)? {
            if self.wants_room(tx, room)? {
                return Ok(true);
            }
        }
        Ok(false)
    }
}
