//! Subscriptions to threads (MSC4306), and their changes for the user's other clients (MSC4308).

use hearth_base::boxed;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::limits::users::{THREAD_SUBSCRIPTIONS_PAGE_MAX, THREAD_SUBSCRIPTIONS_PER_USER_MAX};
use hearth_base::{Error, Position, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_rooms::load::Event;
use hearth_rooms::read::access;
use hearth_rooms::read::context::visible;
use hearth_rooms::read::{Access, Reader};
use hearth_rooms::{RoomCore, find};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::thread_subscriptions::{self as table, Subscription, SubscriptionRow};
use hearth_store::tables::{events, rooms};
use hearth_store::{ReadTx, WriteTx};
use ruma::api::client::threads::get_thread_subscriptions_changes::unstable::{
    ThreadSubscription, ThreadUnsubscription,
};
use ruma::{EventId, OwnedEventId, OwnedRoomId, RoomId, UInt};

/// The thread subscription use cases.
#[derive(Debug)]
pub struct ThreadSubscriptions {
    core: Arc<RoomCore>,
}

/// A page of changes, the newest ones of a range.
#[derive(Debug, Default)]
pub struct SubscriptionChanges {
    /// Threads to which the user is subscribed.
    pub subscribed: BTreeMap<OwnedRoomId, BTreeMap<OwnedEventId, ThreadSubscription>>,
    /// Threads from which the user has unsubscribed.
    pub unsubscribed: BTreeMap<OwnedRoomId, BTreeMap<OwnedEventId, ThreadUnsubscription>>,
    /// Older changes of the range are all before this position; none if there are none.
    pub end: Option<Position>,
}

impl ThreadSubscriptions {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }

    /// Returns whether the user is subscribed automatically. `M_NOT_FOUND` if they are not subscribed, or may not see the
    /// thread's root.
    #[boxed]
    pub async fn get(&self, who: &Requester, room: OwnedRoomId, root: OwnedEventId) -> Result<bool> {
        let (core, who) = (self.core.clone(), who.clone());
        let read = move |tx: &mut ReadTx<'_>| {
            let tx = tx.tx();
            let (_, root) = open(&core, tx, &who, &room, &root)?;
            Ok(table::get(tx, who.user, root.room, root.sn)?.map(|row| row.kind))
        };
        match self.core.store.read("thread_subscription_get", read).await? {
            Some(Subscription::Automatic) => Ok(true),
            Some(Subscription::Manual) => Ok(false),
            Some(Subscription::Unsubscribed) | None => Err(Error::not_found("You are not subscribed to this thread.")),
        }
    }

    /// Subscribes the user to a thread, automatically if an event of the thread is the `cause`. A subscription by the user
    /// stays one.
    ///
    /// Refuses with `M_NOT_FOUND` events that the user may not see, with [`Reason::NotInThread`] a cause outside of the
    /// thread, with [`Reason::ConflictingUnsubscription`] a cause from before the user unsubscribed, with
    /// `M_USER_LIMIT_EXCEEDED` more than [`THREAD_SUBSCRIPTIONS_PER_USER_MAX`].
    #[boxed]
    pub async fn subscribe(
        &self,
        who: &Requester,
        room: OwnedRoomId,
        root: OwnedEventId,
        cause: Option<OwnedEventId>,
    ) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let (mut access, root) = open(&core, tx.tx(), &who, &room, &root)?;
            let before = table::get(tx.tx(), who.user, root.room, root.sn)?;
            let kind = match &cause {
                None => Subscription::Manual,
                Some(cause) => {
                    let cause = visible(&mut access.viewer, tx.tx(), cause)?;
                    check_cause(&root, &cause, before)?;
                    Subscription::Automatic
                }
            };
            match before.map(|row| row.kind) {
                // Nothing changes, or less than what the user has chosen.
                Some(known) if known == kind || known == Subscription::Manual => return Ok(()),
                None => check_limit(tx.tx(), who.user)?,
                Some(_) => {}
            }
            store(&core, tx, who.user, (&root, kind))
        };
        self.core.store.write("thread_subscription_set", write).await
    }

    /// Ends the user's subscription to a thread; does nothing without one. `M_NOT_FOUND` if the user may not see the
    /// thread's root.
    #[boxed]
    pub async fn unsubscribe(&self, who: &Requester, room: OwnedRoomId, root: OwnedEventId) -> Result<()> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let (_, root) = open(&core, tx.tx(), &who, &room, &root)?;
            match table::get(tx.tx(), who.user, root.room, root.sn)?.map(|row| row.kind) {
                Some(Subscription::Manual | Subscription::Automatic) => {
                    store(&core, tx, who.user, (&root, Subscription::Unsubscribed))
                }
                Some(Subscription::Unsubscribed) | None => Ok(()),
            }
        };
        self.core.store.write("thread_subscription_delete", write).await
    }

    /// Returns changes after the position `to` and before `from`, newest first, at most `limit`.
    #[boxed]
    pub async fn changes(
        &self,
        who: &Requester,
        to: Option<Position>,
        from: Option<Position>,
        limit: u64,
    ) -> Result<SubscriptionChanges> {
        let user = who.user;
        let read = move |tx: &mut ReadTx<'_>| {
            let end = Position::from_i64(tx.position().as_i64().saturating_add(1));
            let range = (to.unwrap_or(Position::ZERO), from.unwrap_or(end).min(end));
            changes(tx.tx(), user, range, limit)
        };
        self.core.store.read("thread_subscriptions_list", read).await
    }
}

/// Returns the root of a thread that the user may see.
fn open<'a>(
    core: &'a RoomCore,
    tx: &mut dyn Tx,
    who: &'a Requester,
    room: &RoomId,
    root: &OwnedEventId,
) -> Result<(Access<'a>, Arc<Event>)> {
    let mut access = access::open(core, tx, room, Reader::from(who)).map_err(|error| match error.reason() {
        // As for an unknown thread: the error does not reveal which rooms exist.
        Some(Reason::Forbidden) => Error::not_found(format!("There is no event {root} in this room that you may see.")),
        _ => error,
    })?;
    let root = visible(&mut access.viewer, tx, root)?;
    Ok((access, root))
}

/// Refuses a cause outside of the thread, or from before the user unsubscribed.
fn check_cause(root: &Event, cause: &Event, before: Option<SubscriptionRow>) -> Result<()> {
    if cause.thread != Some(root.sn) {
        let message = "`automatic` names an event that is not in this thread; name one that is.";
        return Err(refuse(Reason::NotInThread, message));
    }
    let unsubscribed = before.filter(|row| row.kind == Subscription::Unsubscribed);
    // Places in the timeline and positions are numbers of one counter. An event that arrived late has the place where it
    // belongs, so history that is fetched later subscribes no user again.
    if unsubscribed.is_some_and(|row| cause.ord.is_none_or(|ord| ord < row.position.as_i64())) {
        let message = "You have unsubscribed from this thread since that event; subscribe without `automatic` instead.";
        return Err(refuse(Reason::ConflictingUnsubscription, message));
    }
    Ok(())
}

fn check_limit(tx: &mut dyn Tx, user: UserSn) -> Result<()> {
    if table::count(tx, user)? < THREAD_SUBSCRIPTIONS_PER_USER_MAX {
        return Ok(());
    }
    let message = format!(
        "You have subscribed to {THREAD_SUBSCRIPTIONS_PER_USER_MAX} threads, which is the most; forget a room that you have left."
    );
    Err(refuse(Reason::UserLimitExceeded, message))
}

fn store(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, user: UserSn, (root, kind): (&Event, Subscription)) -> Result<()> {
    let position = tx.position();
    table::set(tx.tx(), user, &SubscriptionRow { room: root.room, root: root.sn, kind, position })?;
    // The counts of the room may change with it.
    let (core, room) = (core.clone(), root.room);
    tx.after_commit(move || core.notifier.wake_room(room, &[user], position));
    Ok(())
}

/// Returns a user's changes between two positions, without these: the newest ones, at most `limit`.
pub(crate) fn changes(
    tx: &mut dyn Tx,
    user: UserSn,
    range: (Position, Position),
    limit: u64,
) -> Result<SubscriptionChanges> {
    let limit = limit.clamp(1, THREAD_SUBSCRIPTIONS_PAGE_MAX);
    // One more tells whether the page is the last one.
    let mut rows = table::newest_first(tx, user, range, limit + 1)?;
    let has_more = rows.len() as u64 > limit;
    rows.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
    let end = rows.last().filter(|_| has_more).map(|row| row.position);
    let mut page = SubscriptionChanges { end, ..SubscriptionChanges::default() };
    for row in rows {
        let Some(room) = rooms::by_sn(tx, row.room)? else { continue };
        // The ids alone: the events may be large.
        let Some(root) = events::id(tx, row.root)? else { continue };
        let root = EventId::parse(root).map_err(|error| Error::fault("reading a stored event id", error))?;
        let room = find::id(&room)?;
        let bump_stamp = UInt::new_saturating(row.position.as_i64().unsigned_abs());
        if row.kind == Subscription::Unsubscribed {
            page.unsubscribed.entry(room).or_default().insert(root, ThreadUnsubscription::new(bump_stamp));
        } else {
            let is_automatic = row.kind == Subscription::Automatic;
            page.subscribed.entry(room).or_default().insert(root, ThreadSubscription::new(is_automatic, bump_stamp));
        }
    }
    Ok(page)
}

#[cfg(test)]
mod tests {
    use hearth_base::Seams;
    use hearth_rooms::{LocalRooms, Message, Rooms, testing};
    use hearth_store::ids::{EventSn, RoomSn};
    use serde_json::json;

    use super::*;

    #[tokio::test]
    async fn subscriptions_have_an_end_and_go_with_the_account() {
        let folder = tempfile::tempdir().expect("a folder");
        let core = testing::core(&folder, Seams::system(), |_| {});
        let alice = testing::user(&core, "@alice:home.example").await;
        let rooms = LocalRooms::of(&Arc::new(Rooms::new(core.clone())));
        let (room, ()) = rooms.create(&alice, testing::create_room(&json!({})), |_, _| Ok(())).await.expect("a room");
        let send = async |body: &str| {
            let content = json!({ "body": body, "msgtype": "m.text" }).to_string();
            let (kind, txn) = ("m.room.message".to_owned(), body.to_owned());
            let message = Message { room_id: room.clone(), kind, content, txn, timestamp_ms: None };
            rooms.send(&alice, message).await.expect("sent")
        };
        let (first, second, third) = (send("first").await, send("second").await, send("third").await);
        let threads = ThreadSubscriptions::new(core.clone());
        threads.subscribe(&alice, room.clone(), first.clone(), None).await.expect("the first");
        let user = alice.user;
        let fill = move |tx: &mut WriteTx<'_>| {
            for number in 2..THREAD_SUBSCRIPTIONS_PER_USER_MAX {
                let (root, position) = (EventSn(-number.cast_signed()), tx.position());
                let row = SubscriptionRow { room: RoomSn(-1), root, kind: Subscription::Manual, position };
                table::set(tx.tx(), user, &row)?;
            }
            Ok(())
        };
        core.store.write("test_fill", fill).await.expect("all but one");
        threads.subscribe(&alice, room.clone(), second, None).await.expect("the last one");
        let refused = threads.subscribe(&alice, room.clone(), third, None).await.expect_err("one too many");
        assert_eq!(refused.reason(), Some(Reason::UserLimitExceeded));
        threads.unsubscribe(&alice, room.clone(), first.clone()).await.expect("known ones can be changed");
        threads.subscribe(&alice, room.clone(), first, None).await.expect("and again");
        core.store.write("test_erase", move |tx| super::super::forget_user(tx, user)).await.expect("erased");
        let left = core.store.read("test_count", move |tx| table::count(tx.tx(), user)).await.expect("a count");
        assert_eq!(left, 0);
    }
}
