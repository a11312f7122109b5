//! Wakes long polls with a position, never with data: a woken task reads the database.
//!
//! It also remembers, since the start of the process, the last change for each user and room, so that a sync without
//! changes needs no database read. Changes before the start are unknown here: [`Notifier::floor`] is the position from
//! which on it is complete.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::Position;
use hearth_store::ids::{RoomSn, UserSn};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// The notifier of a server.
#[derive(Debug)]
pub struct Notifier {
    floor: Position,
    closed: AtomicBool,
    due: Mutex<Vec<(UserSn, Position)>>,
    users: Mutex<HashMap<UserSn, Topic>>,
    rooms: Mutex<HashMap<RoomSn, Position>>,
    account_statuses: Mutex<BTreeSet<UserSn>>,
    membership_status: Notify,
    membership: Notify,
    /// The newest change of any user or room, for those who follow all of them.
    newest: watch::Sender<Position>,
    pushers: Notify,
}

/// The changes for one user.
#[derive(Debug)]
struct Topic {
    news: watch::Sender<Position>,
    /// One more reference for each long poll.
    awaited: Arc<()>,
}

/// A subscription to changes for one user: of a long poll, or of a task of the server.
#[derive(Debug)]
pub struct Subscription(
    watch::Receiver<Position>,
    #[expect(dead_code, reason = "counts while it lives")] Option<Arc<()>>,
);

impl Topic {
    fn new(floor: Position) -> Self {
        Self { news: watch::Sender::new(floor), awaited: Arc::default() }
    }
}

impl Notifier {
    /// A notifier that is complete after `floor`.
    #[must_use]
    pub fn new(floor: Position) -> Self {
        Self {
            floor,
            closed: AtomicBool::new(false),
            due: Mutex::default(),
            users: Mutex::default(),
            rooms: Mutex::default(),
            account_statuses: Mutex::default(),
            membership_status: Notify::new(),
            membership: Notify::new(),
            newest: watch::Sender::new(floor),
            pushers: Notify::new(),
        }
    }

    /// Changes at or before this position are unknown here and must be read from the database.
    #[must_use]
    pub fn floor(&self) -> Position {
        self.floor
    }

    /// Notes a change for these users at `at`. Called as an effect of the commit; the users are woken when the
    /// position is published.
    pub fn wake(&self, users: &[UserSn], at: Position) {
        self.due.lock().extend(users.iter().map(|user| (*user, at)));
    }

    /// Wakes the users of [`Self::wake`]. Called after their position is published: earlier, they would find nothing
    /// and sleep again.
    pub fn published(&self) {
        let due = std::mem::take(&mut *self.due.lock());
        if due.is_empty() {
            return;
        }
        let newest = due.iter().map(|(_, at)| *at).max().unwrap_or_default();
        self.newest.send_if_modified(|known| {
            let newer = newest > *known;
            *known = newest.max(*known);
            newer
        });
        let mut topics = self.users.lock();
        for (user, at) in due {
            let topic = topics.entry(user).or_insert_with(|| Topic::new(self.floor));
            // An older position wakes no one, and does not replace a newer one.
            topic.news.send_if_modified(|newest| {
                let newer = at > *newest;
                *newest = at.max(*newest);
                newer
            });
        }
    }

    /// Notes a change in a room at `at`, and wakes these users.
    pub fn wake_room(&self, room: RoomSn, users: &[UserSn], at: Position) {
        {
            let mut rooms = self.rooms.lock();
            let newest = rooms.entry(room).or_insert(at);
            *newest = at.max(*newest);
        }
        self.wake(users, at);
    }

    /// The position of the last change for a user; the floor if there was none since the start.
    #[cfg(test)]
    pub fn newest_for(&self, user: UserSn) -> Position {
        self.users.lock().get(&user).map_or(self.floor, |topic| *topic.news.borrow())
    }

    /// The position of the last change in a room; the floor if there was none since the start.
    #[must_use]
    pub fn newest_in(&self, room: RoomSn) -> Position {
        self.rooms.lock().get(&room).copied().unwrap_or(self.floor)
    }

    /// The rooms that have changed after a position, as far as that is known: see [`Notifier::floor`].
    #[must_use]
    pub fn rooms_changed_after(&self, after: Position) -> Vec<RoomSn> {
        self.rooms.lock().iter().filter(|(_, at)| **at > after).map(|(room, _)| *room).collect()
    }

    /// Subscribes to the position of the newest change that woke a user, whichever user it was.
    #[must_use]
    pub fn follow_all(&self) -> watch::Receiver<Position> {
        self.newest.subscribe()
    }

    /// Notes a membership change, and wakes the waiter of [`Self::membership_news`].
    pub fn membership_changed(&self) {
        self.membership.notify_one();
    }

    /// Waits for a membership change in any room. Single waiter: presence, which must reach users who now share a
    /// room.
    pub async fn membership_news(&self) {
        self.membership.notified().await;
    }

    /// Notes that a pusher was set, and wakes the waiter of [`Self::pushers_news`].
    pub fn pushers_changed(&self) {
        self.pushers.notify_one();
    }

    /// Waits for a pusher to be set. Single waiter: the delivery to pushers.
    pub async fn pushers_news(&self) {
        self.pushers.notified().await;
    }

    /// Notes that an account was locked, deactivated or reactivated, and wakes the waiter of
    /// [`Self::account_status_changes`].
    pub fn account_status_changed(&self, user: UserSn) {
        self.account_statuses.lock().insert(user);
        self.membership_status.notify_one();
    }

    /// Waits for a change of an account's status. Single waiter: the TURN relay, which identifies users by their
    /// credentials.
    pub async fn account_status_changes(&self) {
        self.membership_status.notified().await;
    }

    /// The users whose account status has changed since the last call.
    #[must_use]
    pub fn take_account_status_changes(&self) -> BTreeSet<UserSn> {
        std::mem::take(&mut *self.account_statuses.lock())
    }

    /// Wakes all waiters permanently at shutdown, so that long polls respond with what there is.
    pub fn close(&self) {
        // Before the senders are dropped: a concurrent `subscribe` either sees the flag or loses its sender below.
        self.closed.store(true, Ordering::Release);
        // A subscription without a sender does not block.
        self.users.lock().clear();
    }

    /// Whether the server is shutting down. A long poll that wakes without a change checks this before it sleeps
    /// again.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether a client of the user is waiting for changes.
    #[must_use]
    pub fn is_awaited(&self, user: UserSn) -> bool {
        self.users.lock().get(&user).is_some_and(|topic| Arc::strong_count(&topic.awaited) > 1)
    }

    /// Subscribes to a user's changes. Subscribe first, then read the database, then wait: this order misses no
    /// change.
    #[must_use]
    pub fn subscribe(&self, user: UserSn) -> Subscription {
        self.subscription(user, |topic| Some(topic.awaited.clone()))
    }

    /// Subscribes a task of the server to a user's changes: as [`Self::subscribe`], but no client waits.
    #[must_use]
    pub fn follow(&self, user: UserSn) -> Subscription {
        self.subscription(user, |_| None)
    }

    fn subscription(&self, user: UserSn, client: impl FnOnce(&Topic) -> Option<Arc<()>>) -> Subscription {
        let mut topics = self.users.lock();
        // Checked under the lock: a subscription made before the close was woken by it.
        if self.is_closed() {
            return Subscription(watch::Sender::new(self.floor).subscribe(), None);
        }
        let topic = topics.entry(user).or_insert_with(|| Topic::new(self.floor));
        Subscription(topic.news.subscribe(), client(topic))
    }
}

impl Subscription {
    /// Waits for a change after `after`; returns at once if there already is one.
    pub async fn news_after(&mut self, after: Position) {
        // An error means that the sender is gone: the server stops, and no change will come.
        let _ = self.0.wait_for(|newest| *newest > after).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_wake_before_sleeping_is_not_missed() {
        let notifier = Notifier::new(Position(5));
        let mut waiter = notifier.subscribe(UserSn(1));
        notifier.wake(&[UserSn(1)], Position(7));
        notifier.published();
        waiter.news_after(Position(6)).await;
        assert_eq!(notifier.newest_for(UserSn(1)), Position(7));
        assert_eq!(notifier.newest_for(UserSn(2)), Position(5));
    }

    #[test]
    fn a_task_that_follows_is_no_client_that_waits() {
        let notifier = Notifier::new(Position(0));
        let follower = notifier.follow(UserSn(1));
        assert!(!notifier.is_awaited(UserSn(1)));
        let poll = notifier.subscribe(UserSn(1));
        assert!(notifier.is_awaited(UserSn(1)));
        drop(poll);
        assert!(!notifier.is_awaited(UserSn(1)));
        drop(follower);
    }

    #[tokio::test]
    async fn who_comes_after_the_end_does_not_sleep() {
        let notifier = Notifier::new(Position(5));
        let mut before = notifier.subscribe(UserSn(1));
        notifier.close();
        let mut after = notifier.subscribe(UserSn(1));
        before.news_after(Position(9)).await;
        after.news_after(Position(9)).await;
        assert!(notifier.is_closed());
    }

    #[tokio::test]
    async fn a_standing_that_changed_before_sleeping_is_not_missed() {
        let notifier = Notifier::new(Position(0));
        notifier.account_status_changed(UserSn(4));
        notifier.account_status_changed(UserSn(4));
        notifier.account_status_changes().await;
        assert_eq!(notifier.take_account_status_changes(), BTreeSet::from([UserSn(4)]));
        assert!(notifier.take_account_status_changes().is_empty());
    }

    #[tokio::test]
    async fn an_older_wake_does_not_turn_time_back() {
        let notifier = Notifier::new(Position(0));
        notifier.wake_room(RoomSn(1), &[UserSn(1)], Position(9));
        notifier.wake_room(RoomSn(1), &[UserSn(1)], Position(8));
        notifier.published();
        assert_eq!((notifier.newest_in(RoomSn(1)), notifier.newest_for(UserSn(1))), (Position(9), Position(9)));
    }
}
