//! Finds the events that may be notifications for a user.

use std::sync::Arc;

use hearth_base::limits::users::PUSH_GATHERED_EVENTS_MAX;
use hearth_base::{Error, Position, Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::load::Event;
use hearth_rooms::read::ignored;
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::tables::events::{self, Direction};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::{accounts, pushers, rooms, users};
use ruma::{OwnedUserId, UserId};

use super::super::context::Contexts;
use super::super::evaluate::size;
use super::super::rules::Rules;
use super::super::threads::{RuleContext, ThreadLookup};
use super::super::walk::HIDDEN;
use super::Delivery;
use super::live::PusherId;

/// An event that notifies if a rule of the user decides so.
#[derive(Debug)]
pub(super) struct Candidate {
    pub(super) event: Arc<Event>,
    pub(super) context: RuleContext,
    /// Its place among the events of all rooms: where it stands in its timeline, or when an invite arrived.
    pub(super) ord: i64,
    /// Whether it invites the user.
    pub(super) is_invite: bool,
}

/// What one read has found.
#[derive(Debug)]
pub(super) struct Gathered {
    pub(super) rules: Rules,
    /// In order.
    pub(super) candidates: Vec<Candidate>,
    /// They are all up to this position.
    pub(super) reached: i64,
    /// The newest position when they were read.
    pub(super) position: Position,
}

/// Bounds one read.
struct Search<'a> {
    core: &'a RoomCore,
    rules: &'a Rules,
    user_id: &'a UserId,
    after: i64,
    reached: i64,
    bytes: usize,
    found: Vec<Candidate>,
}

impl Delivery {
    /// Returns what follows `after`; none when the pusher is gone.
    pub(super) async fn gather(&self, id: &PusherId, after: i64) -> Result<Option<Gathered>> {
        let (core, counter, id) = (self.core.clone(), self.counter.clone(), id.clone());
        let read = move |tx: &mut ReadTx<'_>| {
            let (position, tx) = (tx.position(), tx.tx());
            let Some(row) = pushers::get(tx, id.key())? else { return Ok(None) };
            let Some(user_id) = user_id(tx, &id)? else { return Ok(None) };
            let rules = counter.rules.get(&core, tx, id.user, &user_id)?;
            let reached = position.as_i64();
            // The row may be ahead: the pusher was set again.
            let after = after.max(row.progress.upto);
            let is_locked = accounts::get(tx, id.user)?.is_none_or(|account| account.is(accounts::LOCKED));
            if !row.enabled || is_locked || after >= reached {
                return Ok(Some(Gathered { rules, candidates: Vec::new(), reached, position }));
            }
            let found = Vec::new();
            let mut search = Search { core: &core, rules: &rules, user_id: &user_id, after, reached, bytes: 0, found };
            search.run(tx, &id)?;
            let (candidates, reached) = (search.found, search.reached);
            Ok(Some(Gathered { rules, candidates, reached, position }))
        };
        self.core.store.read_slow("push_gather", read).await
    }
}

/// The id of a pusher's user.
pub(super) fn user_id(tx: &mut dyn Tx, id: &PusherId) -> Result<Option<OwnedUserId>> {
    let name = users::name(tx, id.user)?;
    name.map(|name| UserId::parse(name).map_err(|error| Error::fault("reading a stored user id", error))).transpose()
}

impl Search<'_> {
    fn run(&mut self, tx: &mut dyn Tx, id: &PusherId) -> Result<()> {
        let ignored = ignored::by(tx, id.user)?;
        for member in memberships::of_user(tx, id.user)? {
            match member.membership {
                // A room that has not changed costs no query.
                Membership::Join if self.core.notifier.newest_in(member.room).as_i64() > self.after => {
                    self.timeline(tx, &member)?;
                }
                Membership::Invite if member.since.as_i64() > self.after => self.invite(tx, &member)?,
                _ => {}
            }
        }
        let reached = self.reached;
        self.found.retain(|one| one.ord <= reached && !ignored.contains(&one.event.sender));
        self.found.sort_by_key(|one| one.ord);
        if let Some(last) = self.found.get(PUSH_GATHERED_EVENTS_MAX - 1).map(|last| last.ord) {
            self.reached = last;
            self.found.retain(|one| one.ord <= last);
        }
        Ok(())
    }

    fn timeline(&mut self, tx: &mut dyn Tx, member: &MembershipRow) -> Result<()> {
        let after = self.after.max(member.since.as_i64());
        let (mut events, mut read, mut last) = (Vec::new(), 0, after);
        let (core, bytes) = (self.core, &mut self.bytes);
        let part = (after, self.reached);
        events::timeline(tx, member.room, part, Direction::Forward, PUSH_GATHERED_EVENTS_MAX, &mut |stored| {
            let event = core.events.keep_stored(&stored)?;
            read += 1;
            last = event.ord.unwrap_or(last);
            *bytes += size(&event);
            if event.flags & HIDDEN == 0 && event.sender != member.user {
                events.push(event);
            }
            Ok(*bytes < limits::PUSH_LOAD_BYTES_MAX)
        })?;
        // More may follow in this room, so the others need not be read further than this one.
        if read == PUSH_GATHERED_EVENTS_MAX || *bytes >= limits::PUSH_LOAD_BYTES_MAX {
            self.reached = last.max(self.after + 1).min(self.reached);
        }
        if events.is_empty() {
            return Ok(());
        }
        let Some(room) = rooms::by_sn(tx, member.room)? else { return Ok(()) };
        let mut contexts = Contexts::new(core, room, self.user_id);
        let mut threads = ThreadLookup::new(tx, self.rules, member.user, member.room)?;
        for event in events {
            let (context, ord) = (contexts.at(tx, event.snapshot)?, event.ord.unwrap_or(last));
            let context = threads.at(tx, &event, context)?;
            self.found.push(Candidate { event, context, ord, is_invite: false });
        }
        Ok(())
    }

    fn invite(&mut self, tx: &mut dyn Tx, member: &MembershipRow) -> Result<()> {
        let Some(room) = rooms::by_sn(tx, member.room)? else { return Ok(()) };
        let event = self.core.events.get(tx, member.event)?;
        let room = Contexts::new(self.core, room, self.user_id).at(tx, event.snapshot)?;
        // An invite is in no thread.
        let context = RuleContext { room, subscribed: None };
        self.found.push(Candidate { event, context, ord: member.since.as_i64(), is_invite: true });
        Ok(())
    }
}
