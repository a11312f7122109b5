//! Remote history: fetched when a local user paginates into a gap, jumps to a date, or requests a single event.
//!
//! A gap (`rooms/gaps.rs`) is filled from its upper end, a batch at a time. [`fill`] backfills from the servers in the
//! room ([`piece`]), [`states`] finds the state before each event, because history visibility depends on it, [`fetch`]
//! gets the auth events and other events needed for the checks, and [`place`] inserts the events into the timeline.
//! [`jump`] places single events in the middle of a gap, which splits it.
//!
//! A client gets a response within [`limits::HISTORY_WAIT_MS_MAX`], with the events stored by then. The work
//! continues, and the next page has its result. Backfilled events pass the auth checks like all others; they change
//! neither the room's state nor its forward extremities, and wake no long polls.

mod fetch;
mod fill;
mod jump;
mod piece;
mod place;
mod plan;
mod states;
mod wait;

pub use wait::wait_until;

use hearth_base::limits::federation::{HISTORY_ASK_WAIT, HISTORY_GIVERS_MAX, HISTORY_NOWHERE_MAX};
use hearth_base::{Error, Millis, Result, limits};
use hearth_core::detached;
use hearth_core::turns::KeyedLocks;
use hearth_rooms::event::version;
use hearth_rooms::{find, servers};
use hearth_store::ids::RoomSn;
use quick_cache::sync::Cache;
use ruma::{OwnedEventId, OwnedServerName, RoomId};

use super::Federation;
use super::pdu::RoomInfo;

/// How long a failed fetch is cached, in milliseconds.
const NOWHERE_MS: Millis = 5_000;

/// Running history fetches per room, and the servers that returned history last.
pub(super) struct Histories {
    turns: KeyedLocks<RoomSn>,
    givers: Cache<RoomSn, OwnedServerName>,
    /// Events that no server returned, with the time of the next permitted request.
    nowhere: Cache<OwnedEventId, Millis>,
}

impl std::fmt::Debug for Histories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Histories({} givers)", self.givers.len())
    }
}

impl Default for Histories {
    fn default() -> Self {
        Self {
            turns: KeyedLocks::default(),
            givers: Cache::new(HISTORY_GIVERS_MAX),
            nowhere: Cache::new(HISTORY_NOWHERE_MAX),
        }
    }
}

/// A room whose history is requested.
#[derive(Debug, Clone)]
struct Target {
    place: RoomInfo,
    /// Servers to ask, the most promising first.
    servers: Vec<OwnedServerName>,
}

impl Federation {
    /// Loads the room and the servers in it.
    async fn target(&self, room_id: &RoomId) -> Result<Target> {
        let (core, id) = (self.core.clone(), room_id.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = find::resolve(tx.tx(), &id)?;
            let rules = version::stored_rules(&room.version)?;
            // A server that is not in the room gets no history from others.
            let is_in_it = !core.locals.get(tx.tx(), room.sn)?.is_empty();
            let servers = if is_in_it { servers::of(&core, tx.tx(), room.sn)?.to_vec() } else { Vec::new() };
            Ok(Target { place: RoomInfo { room: room.sn, room_id: id, rules }, servers })
        };
        let mut target = self.core.store.read("history_room", read).await?;
        if let Some(giver) = self.histories.givers.get(&target.place.room)
            && let Some(at) = target.servers.iter().position(|server| *server == giver)
        {
            target.servers.swap(0, at);
        }
        target.servers.truncate(limits::HISTORY_SERVERS_MAX);
        Ok(target)
    }
}

/// Runs work in the background, and waits for it up to the limit for clients. `None` after that; the work continues.
async fn within<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
    until: tokio::time::Instant,
) -> Result<Option<T>> {
    match tokio::time::timeout_at(until, detached::go_on(work)).await {
        Ok(done) => done.map_err(|error| Error::fault("fetching history", error))?.map(Some),
        Err(_) => Ok(None),
    }
}
