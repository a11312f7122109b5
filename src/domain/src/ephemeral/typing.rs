//! Who is typing where. In memory only: after a restart nobody types.
//!
//! A change takes a position through the writer, so that a sync can order it among everything else, without a write.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Position, Result, limits};
use hearth_store::ids::{RoomSn, UserSn};
use parking_lot::Mutex;
use ruma::{OwnedUserId, RoomId};
use tokio::sync::Notify;
use tokio::time::Instant;

use crate::core::Core;
use crate::requester::Requester;
use crate::rooms::find;

#[derive(Debug, Default)]
struct Room {
    typing: BTreeMap<UserSn, (OwnedUserId, Instant)>,
    changed: Position,
}

/// Who is typing in which room.
#[derive(Debug)]
pub struct Typing {
    core: Arc<Core>,
    rooms: Mutex<HashMap<RoomSn, Room>>,
    /// Wakes the task that lets typing end by itself.
    sooner: Notify,
}

impl Typing {
    /// Nobody types yet.
    #[must_use]
    pub fn new(core: Arc<Core>) -> Arc<Self> {
        Arc::new(Self { core, rooms: Mutex::default(), sooner: Notify::new() })
    }

    /// Notes that a user types for the next `lasting`, or no longer.
    ///
    /// Refuses users who are not in the room.
    pub async fn set(
        self: &Arc<Self>,
        requester: &Requester,
        room_id: &RoomId,
        lasting: Option<Duration>,
    ) -> Result<()> {
        let lasting = lasting.map(|time| time.min(Duration::from_millis(limits::TYPING_MS_MAX)));
        let until = lasting.map(|time| Instant::now() + time);
        let (this, requester, room_id) = (self.clone(), requester.clone(), room_id.to_owned());
        self.core
            .store
            .write("typing_set", move |tx| {
                let room = find::joined(tx.tx(), &room_id, requester.user)?;
                if !this.changes(room.sn, requester.user, until) {
                    return Ok(());
                }
                let at = tx.position();
                let members = this.core.locals.get(tx.tx(), room.sn)?;
                tx.after_commit(move || {
                    this.apply(room.sn, &requester, until, at);
                    this.core.notifier.wake_room(room.sn, &members, at);
                });
                Ok(())
            })
            .await
    }

    /// Whether anybody would notice; a repeated "still typing" only moves its end.
    fn changes(&self, room: RoomSn, user: UserSn, until: Option<Instant>) -> bool {
        let mut rooms = self.rooms.lock();
        let known = rooms.get_mut(&room).and_then(|room| room.typing.get_mut(&user));
        match (known, until) {
            (Some(known), Some(until)) => {
                known.1 = until;
                false
            }
            (known, until) => known.is_some() != until.is_some(),
        }
    }

    fn apply(&self, room: RoomSn, requester: &Requester, until: Option<Instant>, at: Position) {
        {
            let mut rooms = self.rooms.lock();
            let room = rooms.entry(room).or_default();
            match until {
                Some(until) => _ = room.typing.insert(requester.user, (requester.user_id.clone(), until)),
                None => _ = room.typing.remove(&requester.user),
            }
            room.changed = at;
        }
        if until.is_some() {
            self.sooner.notify_one();
        }
    }

    /// Who types in a room, if that changed after `after` and up to `upto`; on a first look (`after` none) only if anybody does.
    #[must_use]
    pub fn news(&self, room: RoomSn, after: Option<Position>, upto: Position) -> Option<Vec<OwnedUserId>> {
        let rooms = self.rooms.lock();
        let room = rooms.get(&room)?;
        let is_news = after.map_or(!room.typing.is_empty(), |after| room.changed > after && room.changed <= upto);
        is_news.then(|| room.typing.values().map(|(user, _)| user.clone()).collect())
    }

    /// Lets typing end when its time is over. Sleeps while nobody types. Runs until it is dropped.
    pub async fn run(self: Arc<Self>) {
        loop {
            let next = self.next_end();
            tokio::select! {
                () = self.sooner.notified() => {}
                () = sleep_until(next) => {
                    if let Err(error) = self.end_overdue().await {
                        tracing::warn!(%error, "typing could not be ended");
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        }
    }

    fn next_end(&self) -> Option<Instant> {
        let rooms = self.rooms.lock();
        rooms.values().flat_map(|room| room.typing.values().map(|(_, until)| *until)).min()
    }

    async fn end_overdue(self: &Arc<Self>) -> Result<()> {
        let now = Instant::now();
        let overdue: Vec<RoomSn> = {
            let rooms = self.rooms.lock();
            let over = rooms.iter().filter(|(_, room)| room.typing.values().any(|(_, until)| *until <= now));
            over.map(|(sn, _)| *sn).collect()
        };
        if overdue.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        let end = move |tx: &mut hearth_store::WriteTx<'_>| {
            for room in overdue {
                let (this, at, members) = (this.clone(), tx.position(), this.core.locals.get(tx.tx(), room)?);
                tx.after_commit(move || {
                    if let Some(room) = this.rooms.lock().get_mut(&room) {
                        room.typing.retain(|_, (_, until)| *until > now);
                        room.changed = at;
                    }
                    this.core.notifier.wake_room(room, &members, at);
                });
            }
            Ok(())
        };
        self.core.store.write("typing_end", end).await
    }
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
