//! The rooms of a user in their order, in memory. It belongs to the user and not to a connection: all of their devices see the
//! same rooms. A request goes through it, and reads only those rooms again in which something has happened.

use std::sync::Arc;

use hearth_base::Result;
use hearth_base::limits::users::SLIDING_ORDERS_CACHED_BYTES_MAX;
use hearth_rooms::user_memberships::UserRooms;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::{Membership, MembershipRow};
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use super::facts::{self, RoomFacts};
use super::read::SlidingScope;

/// A room of the user.
#[derive(Debug, Clone)]
pub(super) struct OrderedRoom {
    /// When something last happened in it.
    pub(super) activity: i64,
    pub(super) row: MembershipRow,
    pub(super) facts: Arc<RoomFacts>,
}

/// The rooms of a user, the most recently active first.
#[derive(Debug)]
pub(super) struct RoomOrder {
    /// Of which rooms this is the order.
    memberships: UserRooms,
    rooms: Vec<OrderedRoom>,
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<UserSn, Arc<RoomOrder>> for Bytes {
    fn weight(&self, _: &UserSn, order: &Arc<RoomOrder>) -> u64 {
        (size_of::<RoomOrder>() + size_of_val(&*order.rooms)) as u64
    }
}

/// The orders of users.
#[derive(Debug)]
pub(super) struct OrderCache(Cache<UserSn, Arc<RoomOrder>, Bytes>);

impl Default for OrderCache {
    fn default() -> Self {
        // An estimate that leads to few shards: each must hold the order of a user in thousands of rooms.
        let users = usize::try_from(SLIDING_ORDERS_CACHED_BYTES_MAX / (64 * 1024)).unwrap_or(1);
        Self(Cache::with_weighter(users, SLIDING_ORDERS_CACHED_BYTES_MAX, Bytes))
    }
}

impl RoomOrder {
    /// The rooms, without those that do not exist any more.
    pub(super) fn rooms(&self) -> &[OrderedRoom] {
        &self.rooms
    }

    fn new(memberships: UserRooms, mut rooms: Vec<OrderedRoom>) -> Self {
        rooms.sort_by_key(|room| std::cmp::Reverse((room.activity, room.row.room)));
        Self { memberships, rooms }
    }
}

impl OrderedRoom {
    /// Reads what orders and filters a room; none if it does not exist any more.
    pub(super) fn read(scope: &SlidingScope<'_>, tx: &mut dyn Tx, row: MembershipRow) -> Result<Option<Self>> {
        let Some(facts) = facts::of(scope, tx, row.room)? else { return Ok(None) };
        let activity = match row.membership {
            Membership::Join => facts.newest.max(row.since.as_i64()),
            _ => row.position.as_i64(),
        };
        Ok(Some(Self { activity, row, facts }))
    }
}

/// Returns the rooms that the user has left and forgotten since the connection's last response.
pub(super) fn forgotten(scope: &SlidingScope<'_>, tx: &mut dyn Tx) -> Result<Vec<OrderedRoom>> {
    let Some(from) = scope.from else { return Ok(Vec::new()) };
    let rows = scope.sync.core.memberships.of_user_since(tx, scope.reader.user, (from, scope.upto))?;
    let mut rooms = Vec::new();
    for row in rows.iter().filter(|row| row.forgotten) {
        rooms.extend(OrderedRoom::read(scope, tx, *row)?);
    }
    Ok(rooms)
}

/// Returns the rooms of the user that they have not forgotten.
pub(super) fn of_user(scope: &SlidingScope<'_>, tx: &mut dyn Tx) -> Result<Arc<RoomOrder>> {
    let (core, cache) = (&*scope.sync.core, &scope.sync.facts.orders.0);
    let memberships = core.memberships.of_user(tx, scope.reader.user, scope.upto)?;
    let known = cache.get(&scope.reader.user).filter(|known| Arc::ptr_eq(&known.memberships, &memberships));
    let rooms = match known {
        Some(known) => {
            let has_changed = |room: &OrderedRoom| {
                room.row.membership == Membership::Join && !facts::is_current(scope, &room.facts, room.row.room)
            };
            if !known.rooms.iter().any(has_changed) {
                return Ok(known);
            }
            let mut rooms = Vec::with_capacity(known.rooms.len());
            for room in &known.rooms {
                match has_changed(room) {
                    true => rooms.extend(OrderedRoom::read(scope, tx, room.row)?),
                    false => rooms.push(room.clone()),
                }
            }
            rooms
        }
        None => {
            let mut rooms = Vec::with_capacity(memberships.len());
            for row in memberships.iter() {
                rooms.extend(OrderedRoom::read(scope, tx, *row)?);
            }
            rooms
        }
    };
    let order = Arc::new(RoomOrder::new(memberships, rooms));
    cache.insert(scope.reader.user, order.clone());
    Ok(order)
}
