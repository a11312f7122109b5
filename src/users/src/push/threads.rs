//! What push rules know of subscriptions to threads (MSC4306).

use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::Result;
use hearth_rooms::load::Event;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn, UserSn};
use hearth_store::tables::thread_subscriptions::{self as table, Subscription};
use ruma::push::PushConditionRoomCtx;

use super::rules::Rules;

/// What rules are told in addition to an event.
#[derive(Debug, Clone)]
pub(super) struct RuleContext {
    /// The room at the time of the event.
    pub(super) room: Arc<PushConditionRoomCtx>,
    /// Whether the user is subscribed to the event's thread. None for an event outside of threads, and for users of whom no
    /// client uses subscriptions.
    pub(super) subscribed: Option<bool>,
}

/// The subscriptions of a user in a room. Looked up for events in threads only, and once for each thread.
#[derive(Debug)]
pub(super) struct ThreadLookup {
    user: UserSn,
    room: RoomSn,
    known: HashMap<EventSn, bool>,
    /// Whether a rule asks, and the user has ever subscribed to a thread.
    ///
    /// A user who has not gets the notifications of threads as of other messages: with the rule for threads without a
    /// subscription they would get none, although none of their clients can subscribe.
    is_used: bool,
}

/// [`ThreadLookup::version`] of users who do not use subscriptions.
const UNUSED: i64 = 0;
/// [`ThreadLookup::version`] of users who use them in other rooms only. No position is negative.
const ELSEWHERE: i64 = -1;

impl ThreadLookup {
    pub(super) fn new(tx: &mut dyn Tx, rules: &Rules, user: UserSn, room: RoomSn) -> Result<Self> {
        let is_used = rules.matcher().reads_subscriptions() && table::any(tx, user)?;
        Ok(Self { user, room, known: HashMap::new(), is_used })
    }

    /// Returns a number that changes with the user's subscriptions in the room.
    pub(super) fn version(&self, tx: &mut dyn Tx) -> Result<i64> {
        if !self.is_used {
            return Ok(UNUSED);
        }
        Ok(table::newest_in(tx, self.user, self.room)?.map_or(ELSEWHERE, |position| position.as_i64()))
    }

    /// Adds to the room's context what the rules may ask about the thread of an event.
    pub(super) fn at(
        &mut self,
        tx: &mut dyn Tx,
        event: &Event,
        room: Arc<PushConditionRoomCtx>,
    ) -> Result<RuleContext> {
        let Some(root) = event.thread.filter(|_| self.is_used) else {
            return Ok(RuleContext { room, subscribed: None });
        };
        let subscribed = match self.known.get(&root) {
            Some(known) => *known,
            None => {
                let row = table::get(tx, self.user, self.room, root)?;
                let subscribed = row.is_some_and(|row| row.kind != Subscription::Unsubscribed);
                self.known.insert(root, subscribed);
                subscribed
            }
        };
        Ok(RuleContext { room, subscribed: Some(subscribed) })
    }
}
