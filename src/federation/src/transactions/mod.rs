//! Incoming transactions (server-server API, "Transactions"): events are handled at once where possible, and inserted
//! into the durable inbox when something must be fetched first; workers process the inbox room by room. `pdu`
//! implements the checks.

mod batch;
mod inbox;
mod known_rooms;
mod transaction;

use hearth_core::turns::KeyedLocks;
use hearth_store::ids::RoomSn;
use quick_cache::sync::Cache;

use self::inbox::Workers;
use self::known_rooms::KnownRooms;
use self::transaction::RecentTransactions;
pub use self::transaction::TransactionOutcome;

/// In-memory state of the receiving side.
#[derive(Debug)]
pub struct Inbound {
    /// One lock for each room where events are fetched or resolved, so that no two tasks do the same work. Cheap
    /// events do not take it: the write lock orders them.
    pub turns: KeyedLocks<RoomSn>,
    /// Cached responses to recent transactions.
    recent: RecentTransactions,
    rooms: KnownRooms,
    workers: Workers,
}

impl Default for Inbound {
    fn default() -> Self {
        Self {
            turns: KeyedLocks::default(),
            recent: Cache::new(hearth_base::limits::TRANSACTIONS_REMEMBERED_MAX),
            rooms: KnownRooms::default(),
            workers: Workers::default(),
        }
    }
}
