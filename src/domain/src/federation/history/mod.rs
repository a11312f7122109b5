//! History that other servers have and this one does not: fetched when somebody here pages back to a gap, jumps to a day, or
//! asks for a single event.
//!
//! A gap (`rooms/gaps.rs`) is filled from above, a piece at a time: [`fill`] asks the servers in the room for what comes before
//! what is known ([`piece`]), [`states`] finds the state before each event, for who may read it depends on that, [`fetch`] gets
//! what else is needed for it and to judge the events, and [`place`] puts them into the timeline. [`jump`] places single
//! events in the middle of a gap, which makes two gaps of it.
//!
//! Whoever waits gets an answer within [`limits::HISTORY_WAIT_MS_MAX`], with what is here by then; the work itself goes on, and
//! the next page has its fruits. What is stored was judged by the rules of the room like everything else; it changes neither the
//! room's state nor its head, and wakes nobody.

mod fetch;
mod fill;
mod jump;
mod piece;
mod place;
mod plan;
mod states;
mod wait;

pub(crate) use wait::wait_until;

use std::time::Duration;

use hearth_base::{Error, Millis, Result, limits};
use hearth_store::ids::RoomSn;
use quick_cache::sync::Cache;
use ruma::{OwnedEventId, OwnedServerName, RoomId};

use super::Federation;
use super::pdu::RoomInfo;
use crate::detached;
use crate::rooms::event::version;
use crate::rooms::{find, servers};
use crate::turns::KeyedLocks;

/// How long a server may take for one answer, when several are asked one after another.
const ASK_WAIT: Duration = Duration::from_secs(15);
/// Rooms of which it is remembered who gave history last.
const GIVERS_MAX: usize = 500;

/// Single events of which it is remembered that nobody had them.
const NOWHERE_MAX: usize = 5_000;
/// For how long.
const NOWHERE_MS: Millis = 5_000;

/// Who is fetching history for which room, and who was able to help.
pub(super) struct Histories {
    turns: KeyedLocks<RoomSn>,
    givers: Cache<RoomSn, OwnedServerName>,
    /// Events that nobody had, and until when nobody is asked again.
    nowhere: Cache<OwnedEventId, Millis>,
}

impl std::fmt::Debug for Histories {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Histories({} givers)", self.givers.len())
    }
}

impl Default for Histories {
    fn default() -> Self {
        Self { turns: KeyedLocks::default(), givers: Cache::new(GIVERS_MAX), nowhere: Cache::new(NOWHERE_MAX) }
    }
}

/// A room whose history is wanted.
#[derive(Debug, Clone)]
struct Target {
    place: RoomInfo,
    /// Whom to ask, the likeliest to help first.
    servers: Vec<OwnedServerName>,
}

impl Federation {
    /// A room as it is now, with those who may be asked about it.
    async fn target(&self, room_id: &RoomId) -> Result<Target> {
        let (core, id) = (self.core.clone(), room_id.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = find::resolve(tx.tx(), &id)?;
            let rules = version::stored_rules(&room.version)?;
            // Nobody tells a server that is not in the room.
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

/// Lets work go on in the background, and waits for it as long as a client may be kept waiting. None when it takes longer.
async fn within<T: Send + 'static>(
    work: impl Future<Output = Result<T>> + Send + 'static,
    until: tokio::time::Instant,
) -> Result<Option<T>> {
    match tokio::time::timeout_at(until, detached::go_on(work)).await {
        Ok(done) => done.map_err(|error| Error::fault("fetching history", error))?.map(Some),
        Err(_) => Ok(None),
    }
}
