//! Cache of the memberships of local users: each sync goes through all rooms of its user, and few of them have changed.

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::limits::rooms::MEMBERSHIPS_CACHED_BYTES_MAX;
use hearth_base::{Position, Result};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::{self, MembershipRow};
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::RoomCore;

/// The rooms in which a user has a membership and that they have not forgotten.
pub type UserRooms = Arc<[MembershipRow]>;

/// What a user's memberships were.
#[derive(Debug, Clone)]
struct Known {
    /// The rows are those of all positions from the user's last change up to at least this one.
    upto: Position,
    rows: UserRooms,
}

#[derive(Debug, Clone)]
struct Bytes;

impl Weighter<UserSn, Known> for Bytes {
    fn weight(&self, _: &UserSn, known: &Known) -> u64 {
        (size_of::<Known>() + size_of_val(&*known.rows)) as u64
    }
}

/// The cache. A reader with an older snapshot may put old rows into it: the position with them tells that they are old.
#[derive(Debug)]
pub struct UserMemberships {
    known: Cache<UserSn, Known, Bytes>,
    /// When a user's memberships last changed, or the user forgot a room, since the start.
    changed: Mutex<HashMap<UserSn, Position>>,
    /// The position of the start.
    floor: Position,
}

impl UserMemberships {
    /// An empty cache that learns of all changes after `floor`.
    pub(crate) fn new(floor: Position) -> Self {
        // An estimate that leads to few shards: each must hold the memberships of a user in thousands of rooms.
        let users = usize::try_from(MEMBERSHIPS_CACHED_BYTES_MAX / (64 * 1024)).unwrap_or(1);
        let known = Cache::with_weighter(users, MEMBERSHIPS_CACHED_BYTES_MAX, Bytes);
        Self { known, changed: Mutex::default(), floor }
    }

    /// Notes that a local user's memberships change with this transaction. Every write of such a row calls it.
    pub fn change(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn, at: Position) {
        let core = core.clone();
        tx.after_commit(move || {
            let mut changed = core.memberships.changed.lock();
            let newest = changed.entry(user).or_insert(at);
            *newest = at.max(*newest);
        });
    }

    /// When a user's memberships last changed; the start if they have not since.
    fn changed(&self, user: UserSn) -> Position {
        self.changed.lock().get(&user).copied().unwrap_or(self.floor)
    }

    /// Returns the rooms in which a user has a membership and that they have not forgotten. `upto` is a position of the
    /// snapshot: its own, or an earlier one.
    pub fn of_user(&self, tx: &mut dyn Tx, user: UserSn, upto: Position) -> Result<UserRooms> {
        let changed = self.changed(user);
        // Rows of a newer snapshot are as good, unless they have changed in between.
        if let Some(known) = self.known.get(&user).filter(|known| changed <= known.upto.min(upto)) {
            return Ok(known.rows);
        }
        let rows: UserRooms = memberships::of_user(tx, user)?.into();
        self.known.insert(user, Known { upto, rows: rows.clone() });
        Ok(rows)
    }

    /// As [`UserMemberships::of_user`], and also the rooms that the user left since `after` and forgot: some of their
    /// clients have not synced the leave yet.
    pub fn of_user_since(
        &self,
        tx: &mut dyn Tx,
        user: UserSn,
        (after, upto): (Position, Position),
    ) -> Result<UserRooms> {
        if self.changed(user) <= after {
            return self.of_user(tx, user, upto);
        }
        Ok(memberships::of_user_since(tx, user, after)?.into())
    }
}
