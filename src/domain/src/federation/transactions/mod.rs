//! What other servers send (server-server API, "Transactions"): taken in at once as far as that goes, put into the durable inbox
//! where something has to be fetched first, and worked off there room by room. How an event is judged is the matter of `pdu`.

mod batch;
mod inbox;
mod known_rooms;
mod transaction;

use hearth_store::ids::RoomSn;
use quick_cache::sync::Cache;

use self::inbox::Workers;
use self::known_rooms::KnownRooms;
use self::transaction::RecentTransactions;
pub use self::transaction::TransactionOutcome;
use crate::turns::KeyedLocks;

/// What receiving keeps in memory.
#[derive(Debug)]
pub struct Inbound {
    /// Who brings events into a room the slow way, so that nobody fetches or resolves the same twice. Quick ones need no turn:
    /// the writer puts them in order.
    pub(in crate::federation) turns: KeyedLocks<RoomSn>,
    /// Answers to the newest transactions.
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
