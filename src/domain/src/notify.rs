//! Wakes sleepers with a position, never with data: whoever wakes reads the database.
//!
//! Also remembers, since the start of the process, when something last happened for a user or in a room, so that a
//! question with the answer "nothing new" costs no database read. What happened before the start is not known here:
//! [`Notifier::floor`] says from where on it is.

use std::collections::{BTreeSet, HashMap};
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::Position;
use hearth_store::ids::{RoomSn, UserSn};
use parking_lot::Mutex;
use tokio::sync::{Notify, watch};

/// The one notifier of a server.
#[derive(Debug)]
pub struct Notifier {
    floor: Position,
    closed: AtomicBool,
    due: Mutex<Vec<(UserSn, Position)>>,
    users: Mutex<HashMap<UserSn, watch::Sender<Position>>>,
    rooms: Mutex<HashMap<RoomSn, Position>>,
    account_statuses: Mutex<BTreeSet<UserSn>>,
    membership_status: Notify,
    membership: Notify,
}

/// A sleeper's subscription to one user's news.
#[derive(Debug)]
pub struct Subscription(watch::Receiver<Position>);

impl Notifier {
    /// A notifier that knows of everything after `floor`.
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
        }
    }

    /// News at or before this position are unknown here and must be looked up.
    #[must_use]
    pub fn floor(&self) -> Position {
        self.floor
    }

    /// Notes that there is something for these users at `at`. Called as an effect of the commit that makes it readable;
    /// they are woken when its position is published.
    pub fn wake(&self, users: &[UserSn], at: Position) {
        self.due.lock().extend(users.iter().map(|user| (*user, at)));
    }

    /// Wakes whom [`Self::wake`] noted. Called when the position they are woken for has been published: before, they would
    /// find nothing and go back to sleep.
    pub fn published(&self) {
        let due = std::mem::take(&mut *self.due.lock());
        if due.is_empty() {
            return;
        }
        let mut topics = self.users.lock();
        for (user, at) in due {
            let topic = topics.entry(user).or_insert_with(|| watch::Sender::new(self.floor));
            topic.send_if_modified(|newest| {
                let newer = at > *newest;
                *newest = at.max(*newest);
                newer
            });
        }
    }

    /// Notes that something happened in a room at `at`, which wakes these users.
    pub fn wake_room(&self, room: RoomSn, users: &[UserSn], at: Position) {
        {
            let mut rooms = self.rooms.lock();
            let newest = rooms.entry(room).or_insert(at);
            *newest = at.max(*newest);
        }
        self.wake(users, at);
    }

    /// When there last was something for a user; the floor if there was nothing since the start.
    #[cfg(test)]
    pub(crate) fn newest_for(&self, user: UserSn) -> Position {
        self.users.lock().get(&user).map_or(self.floor, |topic| *topic.borrow())
    }

    /// When something last happened in a room; the floor if nothing did since the start.
    #[must_use]
    pub fn newest_in(&self, room: RoomSn) -> Position {
        self.rooms.lock().get(&room).copied().unwrap_or(self.floor)
    }

    /// Notes that memberships have changed, and wakes who waits in [`Self::membership_news`].
    pub fn membership_changed(&self) {
        self.membership.notify_one();
    }

    /// Sleeps until a membership has changed somewhere. For one sleeper: presence, which new neighbours are told of.
    pub async fn membership_news(&self) {
        self.membership.notified().await;
    }

    /// Notes that an account was locked, closed, or opened again, and wakes who waits in [`Self::standing_news`].
    pub fn account_status_changed(&self, user: UserSn) {
        self.account_statuses.lock().insert(user);
        self.membership_status.notify_one();
    }

    /// Sleeps until an account's standing has changed. For one sleeper: the relay, which knows people by their credentials.
    pub async fn account_status_changes(&self) {
        self.membership_status.notified().await;
    }

    /// Whose standing has changed since this was last asked.
    #[must_use]
    pub fn take_account_status_changes(&self) -> BTreeSet<UserSn> {
        std::mem::take(&mut *self.account_statuses.lock())
    }

    /// Wakes everyone for good: the server stops, and whoever waits should answer with what there is.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
        // A subscription whose sender is gone does not sleep.
        self.users.lock().clear();
    }

    /// Whether the server stops, so that there is nothing left to wait for. A long poll that wakes and finds no news looks
    /// here before it goes back to sleep.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Whether anybody sleeps until there is something for this user: a client of theirs is connected.
    #[must_use]
    pub fn is_awaited(&self, user: UserSn) -> bool {
        self.users.lock().get(&user).is_some_and(|topic| topic.receiver_count() > 0)
    }

    /// Subscribes to a user's news. Subscribe first, read the database then, sleep last: nothing is missed.
    #[must_use]
    pub fn subscribe(&self, user: UserSn) -> Subscription {
        let mut topics = self.users.lock();
        // Looked at under the lock: whoever came before the end was woken by it.
        if self.is_closed() {
            return Subscription(watch::Sender::new(self.floor).subscribe());
        }
        let topic = topics.entry(user).or_insert_with(|| watch::Sender::new(self.floor));
        Subscription(topic.subscribe())
    }
}

impl Subscription {
    /// Sleeps until there is something after `after`; returns at once if there already is.
    pub async fn news_after(&mut self, after: Position) {
        // An error means that the notifier is gone: the server stops, and there is nothing to wait for.
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
