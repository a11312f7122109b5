//! One read: all that is new to a connection, from one database snapshot.

use std::cell::Cell;
use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use hearth_base::limits::rooms::STATE_AT_ONCE_BYTES_MAX;
use hearth_base::limits::users::{SLIDING_NEW_ROOMS_MAX, SLIDING_ROOMS_MAX};
use hearth_base::{Millis, Position, Result};
use hearth_core::Requester;
use hearth_rooms::load::Event;
use hearth_rooms::read::ByteBudget;
use hearth_rooms::read::ignored::{self, HiddenInvites};
use hearth_rooms::read::reader::Reader;
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::account_data::{self, AccountDataRow};
use hearth_store::tables::to_device;
use ruma::api::client::filter::RoomEventFilter;

use super::answer::SlidingAnswer;
use super::connection::{self, Connection};
use super::lists::{self, Shown, ShownRoom};
use super::query::{SlidingQuery, unknown_pos};
use super::required::Comparisons;
use super::state::StateKeys;
use super::{extensions, filters, room};
use crate::push::counts::CountBudget;
use crate::sync::Sync;
use crate::sync::timeline::TimelineBytes;

/// The parameters of one read, shared by all its parts.
pub(super) struct SlidingScope<'a> {
    pub(super) sync: &'a Sync,
    pub(super) reader: Reader<'a>,
    pub(super) requester: &'a Requester,
    pub(super) query: &'a SlidingQuery,
    /// Where the connection's last response ended; none for a new connection.
    pub(super) from: Option<Position>,
    /// The position up to which this read goes.
    pub(super) upto: Position,
    /// What the connection has been sent up to `from`.
    pub(super) sent: &'a Connection,
    pub(super) ignored: Arc<HashSet<UserSn>>,
    pub(super) hidden_invites: HiddenInvites,
    /// The ids of direct rooms.
    pub(super) dms: HashSet<String>,
    /// What may still be spent on counting unread events.
    pub(super) budget: CountBudget,
    /// The bytes that the rooms' timelines may still take.
    pub(super) timeline_bytes: TimelineBytes,
    /// The bytes of the rooms' state that are serialised at once.
    pub(super) state_bytes: Cell<ByteBudget>,
    /// A filter that allows everything.
    pub(super) every_event: RoomEventFilter,
    /// Of required state: most rooms have the same.
    pub(super) comparisons: Comparisons,
    pub(super) state_keys: StateKeys,
}

impl SlidingScope<'_> {
    /// The position up to which a room has been sent; none if it has not been.
    pub(super) fn sent_upto(&self, room: RoomSn) -> Option<Position> {
        self.sent.rooms.get(&room).map(|sent| sent.upto.or(self.from).unwrap_or(Position::ZERO))
    }

    /// Whether a room certainly has no changes after a position, without a query.
    pub(super) fn is_quiet(&self, room: RoomSn, after: Position) -> bool {
        let notifier = &self.sync.core.notifier;
        // Below its floor the notifier does not know when a room last changed.
        after >= notifier.floor() && notifier.newest_in(room) <= after
    }
}

/// The result of one read of the database.
pub(super) struct SlidingRead {
    /// The response, without its `pos`.
    pub(super) answer: SlidingAnswer,
    /// Whether the response contains a change.
    pub(super) is_news: bool,
    /// The position up to which this read is complete.
    pub(super) upto: Position,
    /// What the connection then has been sent, if that differs from what it had been.
    pub(super) next: Option<Connection>,
    /// When the connection was last used, as far as it is known.
    pub(super) used_ms: Millis,
    /// To-device messages up to here have been received and are still in the database.
    pub(super) received: Option<Position>,
    /// Rooms with more unread events than one read may count.
    pub(super) behind: Vec<RoomSn>,
    /// Rooms whose unread counts should be saved.
    pub(super) unsaved: Vec<RoomSn>,
}

/// Reads once. None when there is too much for a fast reader (`is_slow` is false).
pub(super) fn read(
    sync: &Sync,
    tx: &mut ReadTx<'_>,
    requester: &Requester,
    query: &SlidingQuery,
    is_slow: bool,
) -> Result<Option<SlidingRead>> {
    let (upto, tx) = (tx.position(), tx.tx());
    let (sent, used_ms) = match query.pos {
        // As after restoring a backup, when the number of the generation might even be another one's.
        Some(pos) if pos.position > upto => return Err(unknown_pos()),
        Some(pos) => connection::load(tx, requester, &query.conn_id, pos)?,
        None => (Connection::default(), 0),
    };
    let ignored = ignored::by(tx, requester.user)?;
    let scope = SlidingScope {
        sync,
        reader: requester.into(),
        requester,
        query,
        from: query.pos.map(|pos| pos.position),
        upto,
        sent: &sent,
        hidden_invites: HiddenInvites::of(requester.user, ignored.clone()),
        ignored,
        dms: filters::dms(tx, requester.user)?,
        budget: CountBudget::new(),
        timeline_bytes: TimelineBytes::new(),
        state_bytes: Cell::new(ByteBudget::within(STATE_AT_ONCE_BYTES_MAX)),
        every_event: RoomEventFilter::default(),
        comparisons: Comparisons::default(),
        state_keys: StateKeys::default(),
    };
    let mut data = account_data_news(&scope, tx)?;
    let candidates = lists::candidates(&scope, tx)?;
    let shown = lists::shown(&scope, tx, &candidates, &data)?;
    let new_rooms = shown.rooms.iter().filter(|room| !sent.rooms.contains_key(&room.row.room)).count();
    if !is_slow && new_rooms > SLIDING_NEW_ROOMS_MAX {
        return Ok(None);
    }
    let mut next = sent.clone();
    if let Some(from) = scope.from {
        mark_unsent(&scope, from, &lists::moved_since(&candidates, from), &data, &mut next);
    }
    let mut answer = SlidingAnswer { txn_id: query.txn_id.clone(), ..SlidingAnswer::default() };
    let is_news = collect(&scope, tx, &shown, &mut data, (&mut answer, &mut next))?;
    answer.lists = shown.counts;
    let received = match query.extensions.to_device {
        Some((Some(since), _)) if to_device::any_upto(tx, requester.device, since.min(upto))? => Some(since.min(upto)),
        _ => None,
    };
    let (behind, unsaved) = scope.budget.into_rooms();
    let next = (query.pos.is_none() || next != sent).then_some(next);
    Ok(Some(SlidingRead { answer, is_news, upto, next, used_ms, received, behind, unsaved }))
}

/// Collects rooms and extensions. Notes in `next` what the connection then has been sent; returns whether there is news.
fn collect(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    Shown { rooms: shown, all, .. }: &Shown,
    data: &mut HashMap<RoomSn, Vec<AccountDataRow>>,
    (answer, next): (&mut SlidingAnswer, &mut Connection),
) -> Result<bool> {
    let mut anew: HashMap<RoomSn, Vec<Arc<Event>>> = HashMap::new();
    let is_quiet =
        |room: &ShownRoom| scope.sent_upto(room.row.room).is_some_and(|upto| scope.is_quiet(room.row.room, upto));
    let mut with_timeline = shown.iter().filter(|room| !is_quiet(room)).count();
    for room in shown {
        scope.timeline_bytes.share_by(with_timeline);
        with_timeline -= usize::from(!is_quiet(room) && with_timeline > 0);
        let outcome = room::read(scope, tx, room)?;
        if let Some(found) = outcome.answer {
            if found.initial || found.expanded_timeline {
                anew.insert(room.row.room, outcome.timeline);
            }
            answer.rooms.insert(room.id().clone(), found);
        }
        next.rooms.insert(room.row.room, outcome.sent);
    }
    let rooms = extensions::Rooms { shown, anew: &anew, answers: &answer.rooms };
    let (found, has_news) = extensions::read(scope, tx, &rooms, data, next)?;
    answer.extensions = found;
    forget_most(all, next);
    Ok(has_news || !answer.rooms.is_empty())
}

/// Returns changed account data by room.
fn account_data_news(scope: &SlidingScope<'_>, tx: &mut dyn Tx) -> Result<HashMap<RoomSn, Vec<AccountDataRow>>> {
    let mut by_room: HashMap<RoomSn, Vec<AccountDataRow>> = HashMap::new();
    let Some(from) = scope.from else { return Ok(by_room) };
    for row in account_data::changed(tx, scope.reader.user, from, scope.upto)? {
        by_room.entry(row.room).or_default().push(row);
    }
    Ok(by_room)
}

/// Notes for rooms that have changed up to where the client has them. Notes too many rather than too few: the client then gets
/// nothing, or less than nothing new, when it sees the room again.
fn mark_unsent(
    scope: &SlidingScope<'_>,
    from: Position,
    moved: &HashSet<RoomSn>,
    data: &HashMap<RoomSn, Vec<AccountDataRow>>,
    next: &mut Connection,
) {
    for (room, sent) in next.rooms.iter_mut().filter(|(_, sent)| sent.upto.is_none()) {
        if moved.contains(room) || data.contains_key(room) || !scope.is_quiet(*room, from) {
            // For those that the response shows, this is overwritten: none of them is settled.
            sent.upto = Some(from);
        }
    }
}

/// Bounds what a connection remembers: rooms that it does not show are new to it when it shows them again.
fn forget_most(shown: &[RoomSn], next: &mut Connection) {
    if next.rooms.len() > SLIDING_ROOMS_MAX {
        let shown: HashSet<&RoomSn> = shown.iter().collect();
        next.rooms.retain(|room, _| shown.contains(room));
    }
}
