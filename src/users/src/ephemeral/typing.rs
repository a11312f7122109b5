//! Typing notifications of local and remote users. In memory only: a restart clears them.
//!
//! A user who leaves a room stops typing in it. No event reaches this module then, so reads check the membership. A
//! change takes a position from the writer, so that a sync can order it among all other changes, but writes nothing,
//! except once for each room and run of the server: after a restart clients are told that typing has ended, and without
//! that row they would be told so for every room.

use hearth_base::boxed;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Position, Result, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::outgoing::EphemeralEdu;
use hearth_rooms::{find, servers};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::{rooms, typing_rooms};
use parking_lot::Mutex;
use ruma::{OwnedUserId, RoomId, UserId};
use tokio::sync::Notify;
use tokio::time::Instant;

/// How often to repeat the typing EDU of a user who goes on typing: other servers, like this one, let it expire.
const TELL_AGAIN_AFTER: Duration = Duration::from_secs(40);

#[derive(Debug)]
struct TypingUser {
    user_id: OwnedUserId,
    until: Instant,
    /// Position at which they began.
    since: Position,
    /// When other servers were last notified.
    told: Instant,
}

#[derive(Debug, Default)]
struct Room {
    typing: BTreeMap<UserSn, TypingUser>,
    changed: Position,
}

/// The effect of a typing request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum TypingChange {
    /// The user starts or stops.
    New,
    /// The user goes on, and the EDU is due for a repeat.
    Again,
    /// The user goes on, and there is nothing to send.
    None,
}

/// The typing users of all rooms.
#[derive(Debug)]
pub struct Typing {
    core: Arc<RoomCore>,
    /// Position at the start: what clients were sent before it is unknown.
    started: Position,
    /// Rooms that have their row of this run.
    recorded: Mutex<HashSet<RoomSn>>,
    rooms: Mutex<HashMap<RoomSn, Room>>,
    /// Wakes the expiry task when an earlier expiry is added.
    sooner: Notify,
}

impl Typing {
    /// Starts empty.
    #[must_use]
    pub fn new(core: Arc<RoomCore>) -> Arc<Self> {
        let started = core.store.position();
        Arc::new(Self { core, started, recorded: Mutex::default(), rooms: Mutex::default(), sooner: Notify::new() })
    }

    /// Sets a user as typing for `lasting`, or as not typing.
    ///
    /// Refuses users who have not joined the room.
    #[boxed]
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
                let news = this.note(tx, room.sn, (requester.user, &requester.user_id), until)?;
                if news == TypingChange::None {
                    return Ok(());
                }
                let servers = servers::of(&this.core, tx.tx(), room.sn)?;
                let (room, user, typing) = (room_id, requester.user_id, until.is_some());
                tx.after_commit(move || {
                    this.core.outgoing.ephemeral(servers, EphemeralEdu::Typing { room, user, typing });
                });
                Ok(())
            })
            .await
    }

    /// Sets a remote user as typing. The caller has checked that they have joined the room.
    pub fn heard(
        self: &Arc<Self>,
        tx: &mut WriteTx<'_>,
        room: RoomSn,
        user: (UserSn, &UserId),
        lasting: Option<Duration>,
    ) -> Result<()> {
        self.note(tx, room, user, lasting.map(|time| Instant::now() + time)).map(drop)
    }

    fn note(
        self: &Arc<Self>,
        tx: &mut WriteTx<'_>,
        room: RoomSn,
        (user, user_id): (UserSn, &UserId),
        until: Option<Instant>,
    ) -> Result<TypingChange> {
        let member = memberships::get(tx.tx(), room, user)?;
        let novelty = self.novelty(room, user, until, member.map_or(Position::ZERO, |row| row.since));
        if novelty == TypingChange::New {
            if until.is_some() {
                self.record(tx, room)?;
            }
            let (this, at, user_id) = (self.clone(), tx.position(), user_id.to_owned());
            let members = self.core.locals.get(tx.tx(), room)?;
            tx.after_commit(move || {
                this.apply(room, (user, user_id), until, at);
                this.core.notifier.wake_room(room, &members, at);
            });
        }
        Ok(novelty)
    }

    /// Records that there is typing in a room, once in each run. Rooms without typing in this run and the one before are
    /// forgotten.
    fn record(self: &Arc<Self>, tx: &mut WriteTx<'_>, room: RoomSn) -> Result<()> {
        if self.recorded.lock().contains(&room) {
            return Ok(());
        }
        let (at, last) = (tx.position(), typing_rooms::at(tx.tx(), typing_rooms::LAST_RUN)?);
        if last != Some(self.started) {
            let before = last.unwrap_or(self.started);
            typing_rooms::set(tx.tx(), typing_rooms::RUN_BEFORE, before)?;
            typing_rooms::set(tx.tx(), typing_rooms::LAST_RUN, self.started)?;
            typing_rooms::prune(tx.tx(), before)?;
        }
        typing_rooms::set(tx.tx(), room, at)?;
        let this = self.clone();
        tx.after_commit(move || _ = this.recorded.lock().insert(room));
        Ok(())
    }

    /// Whether a client whose last sync was at `after`, before the server started, may show a user as typing in a room.
    fn may_show(&self, tx: &mut dyn Tx, room: RoomSn, after: Position) -> Result<bool> {
        let known_since = match typing_rooms::at(tx, typing_rooms::LAST_RUN)? {
            Some(last) if last == self.started => typing_rooms::at(tx, typing_rooms::RUN_BEFORE)?,
            last => last,
        };
        // Before that nothing is known: rather tell a client too much.
        if known_since.is_none_or(|known_since| after < known_since) {
            return Ok(true);
        }
        Ok(typing_rooms::at(tx, room)?.is_some_and(|at| at <= after))
    }

    /// Classifies a typing request: a repeated "still typing" only moves the expiry. Typing from before the user joined
    /// the room at `came` has ended.
    fn novelty(&self, room: RoomSn, user: UserSn, until: Option<Instant>, came: Position) -> TypingChange {
        let mut rooms = self.rooms.lock();
        let known = rooms.get_mut(&room).and_then(|room| room.typing.get_mut(&user));
        match (known, until) {
            (Some(known), Some(until)) if known.since >= came => {
                known.until = until;
                if known.told.elapsed() < TELL_AGAIN_AFTER {
                    return TypingChange::None;
                }
                known.told = Instant::now();
                TypingChange::Again
            }
            (None, None) => TypingChange::None,
            _ => TypingChange::New,
        }
    }

    fn apply(&self, room: RoomSn, (user, user_id): (UserSn, OwnedUserId), until: Option<Instant>, at: Position) {
        {
            let mut rooms = self.rooms.lock();
            let room = rooms.entry(room).or_default();
            match until {
                Some(until) => {
                    _ = room.typing.insert(user, TypingUser { user_id, until, since: at, told: Instant::now() })
                }
                None => _ = room.typing.remove(&user),
            }
            room.changed = at;
        }
        if until.is_some() {
            self.sooner.notify_one();
        }
    }

    /// The typing users of a room, if they changed after `after` and up to `upto`; on a first sync (`after` is `None`)
    /// only if there are any.
    ///
    /// Excludes users who left the room. A client whose last sync was before the server started gets the list where it may
    /// still show an old one.
    pub fn news(
        &self,
        tx: &mut dyn Tx,
        room: RoomSn,
        after: Option<Position>,
        upto: Position,
    ) -> Result<Option<Vec<OwnedUserId>>> {
        let (typing, changed) = self.in_room(room);
        let is_between = |at: Position| after.is_some_and(|after| at > after && at <= upto);
        let mut is_news = is_between(changed);
        if let Some(after) = after.filter(|after| *after < self.started) {
            is_news = is_news || self.may_show(tx, room, after)?;
        }
        let mut users = Vec::with_capacity(typing.len());
        for (user, user_id, since) in typing {
            let member = memberships::get(tx, room, user)?;
            if member.is_some_and(|row| row.membership == Membership::Join && row.since <= since) {
                users.push(user_id);
            } else {
                is_news |= member.is_some_and(|row| is_between(row.since));
            }
        }
        is_news |= after.is_none() && !users.is_empty();
        Ok(is_news.then_some(users))
    }

    /// The typing users of a room with their start positions, and the position of the last change.
    fn in_room(&self, room: RoomSn) -> (Vec<(UserSn, OwnedUserId, Position)>, Position) {
        let rooms = self.rooms.lock();
        let Some(room) = rooms.get(&room) else { return (Vec::new(), Position::ZERO) };
        let typing = room.typing.iter().map(|(user, typing)| (*user, typing.user_id.clone(), typing.since));
        (typing.collect(), room.changed)
    }

    /// Expires typing users. Sleeps while there are none. Runs until it is dropped.
    #[boxed]
    pub async fn run(self: Arc<Self>) {
        loop {
            let next = self.next_end();
            tokio::select! {
                () = self.sooner.notified() => {}
                () = sleep_until(next) => {
                    if let Err(error) = self.end_overdue().await {
                        tracing::warn!(%error, "Failed to end typing.");
                        // Do not retry a failing write in a tight loop.
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
            }
        }
    }

    fn next_end(&self) -> Option<Instant> {
        let rooms = self.rooms.lock();
        rooms.values().flat_map(|room| room.typing.values().map(|typist| typist.until)).min()
    }

    async fn end_overdue(self: &Arc<Self>) -> Result<()> {
        let now = Instant::now();
        let overdue = self.overdue(now);
        if overdue.is_empty() {
            return Ok(());
        }
        let this = self.clone();
        let end = move |tx: &mut WriteTx<'_>| {
            for (room, typists) in overdue {
                let (at, members) = (tx.position(), this.core.locals.get(tx.tx(), room)?);
                this.tell_of_end(tx, room, typists)?;
                let this = this.clone();
                tx.after_commit(move || {
                    if let Some(room) = this.rooms.lock().get_mut(&room) {
                        // Compare again: a user may have gone on typing meanwhile.
                        room.typing.retain(|_, typist| typist.until > now);
                        room.changed = at;
                    }
                    this.core.notifier.wake_room(room, &members, at);
                });
            }
            Ok(())
        };
        self.core.store.write("typing_end", end).await
    }

    /// Expired users, by room.
    fn overdue(&self, now: Instant) -> Vec<(RoomSn, Vec<OwnedUserId>)> {
        let rooms = self.rooms.lock();
        let over = rooms.iter().map(|(sn, room)| {
            let typists = room.typing.values().filter(|typist| typist.until <= now);
            (*sn, typists.map(|typist| typist.user_id.clone()).collect::<Vec<_>>())
        });
        over.filter(|(_, typists)| !typists.is_empty()).collect()
    }

    /// Notifies other servers that local users among these stopped typing.
    fn tell_of_end(self: &Arc<Self>, tx: &mut WriteTx<'_>, room: RoomSn, typists: Vec<OwnedUserId>) -> Result<()> {
        let typists: Vec<_> = typists.into_iter().filter(|user| self.core.is_local(user)).collect();
        let Some(row) = rooms::by_sn(tx.tx(), room)?.filter(|_| !typists.is_empty()) else { return Ok(()) };
        let (this, room, servers) = (self.clone(), find::id(&row)?, servers::of(&self.core, tx.tx(), room)?);
        tx.after_commit(move || {
            for user in typists {
                let end = EphemeralEdu::Typing { room: room.clone(), user, typing: false };
                this.core.outgoing.ephemeral(servers.clone(), end);
            }
        });
        Ok(())
    }
}

async fn sleep_until(end: Option<Instant>) {
    match end {
        Some(end) => tokio::time::sleep_until(end).await,
        None => std::future::pending().await,
    }
}
