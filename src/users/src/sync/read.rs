//! One read: all changes for a user, from one database snapshot.

use std::cell::Cell;
use std::collections::HashMap;

use hearth_base::limits::rooms::STATE_AT_ONCE_BYTES_MAX;
use hearth_base::{Position, Result, limits};
use hearth_core::Requester;
use hearth_rooms::find;
use hearth_rooms::read::ByteBudget;
use hearth_rooms::read::choice::wants_room;
use hearth_rooms::read::ignored::{self, HiddenInvites};
use hearth_rooms::read::reader::Reader;
use hearth_rooms::read::token::Token;
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::account_data::{self, AccountDataRow, WHOLE_ACCOUNT};
use hearth_store::tables::memberships::{Membership, MembershipRow};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::to_device;
use ruma::OwnedRoomId;
use ruma::api::client::filter::{EventFormat as FilterFormat, LazyLoadOptions};
use ruma::api::client::sync::sync_events::v3::{Response, Rooms};

use super::timeline::TimelineBytes;
use super::{Sync, SyncQuery, SyncRead, gone, joined, personal, presence};
use crate::push::counts::CountBudget;

/// The parameters of one read, shared by all its parts.
pub(super) struct SyncScope<'a> {
    pub(super) sync: &'a Sync,
    pub(super) reader: Reader<'a>,
    pub(super) query: &'a SyncQuery,
    /// The client's position; none for an initial sync.
    pub(super) since: Option<Position>,
    /// The position up to which this read goes.
    pub(super) upto: Position,
    pub(super) ignored: std::sync::Arc<std::collections::HashSet<hearth_store::ids::UserSn>>,
    pub(super) hidden_invites: HiddenInvites,
    /// What may still be spent on counting unread events.
    pub(super) budget: CountBudget,
    /// The bytes that the rooms' timelines may still take.
    pub(super) timeline_bytes: TimelineBytes,
    /// The bytes of the rooms' state that are serialised at once.
    pub(super) state_bytes: Cell<ByteBudget>,
}

impl SyncScope<'_> {
    pub(super) fn lazy(&self) -> bool {
        !matches!(self.query.filter.room.state.lazy_load_options, LazyLoadOptions::Disabled)
    }

    /// Returns whether the filter asks for the federation event format.
    pub(super) fn wants_federation_format(&self) -> bool {
        self.query.filter.event_format == FilterFormat::Federation
    }

    /// Returns whether a change at `at` is new to the client.
    pub(super) fn is_new(&self, at: Position) -> bool {
        self.since.is_none_or(|since| at > since)
    }
}

/// Reads once.
pub(super) fn look(sync: &Sync, tx: &mut ReadTx<'_>, requester: &Requester, query: &SyncQuery) -> Result<SyncRead> {
    let mut upto = tx.position();
    let tx = tx.tx();
    let after = query.since.unwrap_or(Position::ZERO);
    let limit = limits::TO_DEVICE_PER_SYNC_MAX;
    let mut messages = to_device::batch(tx, requester.device, after, upto, limit)?;
    // More messages may follow. End the whole read at a position before them, because the next sync starts there.
    if messages.len() == limit {
        upto = personal::cut(&mut messages).max(after);
    }
    let ignored = ignored::by(tx, requester.user)?;
    let hidden_invites = HiddenInvites::of(requester.user, ignored.clone());
    let (reader, since, budget) = (requester.into(), query.since, CountBudget::new());
    let timeline_bytes = TimelineBytes::new();
    let state_bytes = Cell::new(ByteBudget::within(STATE_AT_ONCE_BYTES_MAX));
    let scope =
        SyncScope { sync, reader, query, since, upto, ignored, hidden_invites, budget, timeline_bytes, state_bytes };
    let mut response = Response::new(Token::Sync(upto).to_string());
    let mut data = account_data_news(&scope, tx)?;
    personal::account_data(&scope, data.remove(&WHOLE_ACCOUNT).unwrap_or_default(), &mut response)?;
    response.rooms = rooms_news(&scope, tx, &mut data)?;
    personal::to_device(messages, &mut response)?;
    presence::presence(&scope, tx, &mut response)?;
    personal::device_lists(&scope, tx, &mut response)?;
    let is_news = !response.rooms.is_empty()
        || !response.presence.is_empty()
        || !response.account_data.is_empty()
        || !response.to_device.is_empty()
        || !response.device_lists.is_empty();
    // After `is_news`: every response has key counts, so they are no change.
    personal::key_counts(requester.device, tx, &mut response)?;
    let has_received = query.since.map_or(Ok(false), |since| to_device::any_upto(tx, requester.device, since))?;
    let (behind, unsaved) = scope.budget.into_rooms();
    Ok(SyncRead { response, is_news, upto, has_received, behind, unsaved })
}

/// Returns changed account data by room.
fn account_data_news(scope: &SyncScope<'_>, tx: &mut dyn Tx) -> Result<HashMap<RoomSn, Vec<AccountDataRow>>> {
    let rows = match scope.since {
        None => account_data::all(tx, scope.reader.user)?,
        Some(since) => account_data::changed(tx, scope.reader.user, since, scope.upto)?,
    };
    let mut by_room: HashMap<RoomSn, Vec<AccountDataRow>> = HashMap::new();
    for row in rows {
        by_room.entry(row.room).or_default().push(row);
    }
    Ok(by_room)
}

fn rooms_news(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    data: &mut HashMap<RoomSn, Vec<AccountDataRow>>,
) -> Result<Rooms> {
    let mut news = Rooms::new();
    let known = &scope.sync.core.memberships;
    let rows = match scope.since {
        None => known.of_user(tx, scope.reader.user, scope.upto)?,
        Some(since) => known.of_user_since(tx, scope.reader.user, (since, scope.upto))?,
    };
    let changed =
        |row: &MembershipRow| row.since <= scope.upto && (data.contains_key(&row.room) || !is_quiet(scope, row));
    let rows: Vec<&MembershipRow> = rows.iter().filter(|row| changed(row)).collect();
    let mut with_timeline = rows.iter().filter(|row| has_timeline(scope, row)).count();
    for row in rows {
        scope.timeline_bytes.share_by(with_timeline);
        with_timeline -= usize::from(has_timeline(scope, row));
        let data = data.remove(&row.room).unwrap_or_default();
        let Some(room) = rooms::by_sn(tx, row.room)? else { continue };
        let id = find::id(&room)?;
        let filter = &scope.query.filter.room;
        if wants_room(filter.rooms.as_deref(), &filter.not_rooms, &id) {
            room_news(scope, tx, (row, &room, id), data, &mut news)?;
        }
    }
    Ok(news)
}

/// Returns whether a room is expected to take a part of the bytes of all timelines. An initial sync shows few of the rooms
/// that the user has left; these take from the parts of the others.
fn has_timeline(scope: &SyncScope<'_>, row: &MembershipRow) -> bool {
    let shows_left = scope.since.is_some() || scope.query.filter.room.include_leave;
    row.membership == Membership::Join || (shows_left && matches!(row.membership, Membership::Leave | Membership::Ban))
}

/// Returns whether a room certainly has no changes, without a query.
fn is_quiet(scope: &SyncScope<'_>, row: &MembershipRow) -> bool {
    let Some(since) = scope.since else { return false };
    let notifier = &scope.sync.core.notifier;
    match row.membership {
        _ if row.position > since => false,
        Membership::Join => {
            // Below its floor the notifier does not know when a room last changed.
            !scope.query.full_state && since >= notifier.floor() && notifier.newest_in(row.room) <= since
        }
        // A user who is not joined receives only changes of their own membership.
        _ => true,
    }
}

fn room_news(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    (row, room, id): (&MembershipRow, &Room, OwnedRoomId),
    data: Vec<AccountDataRow>,
    news: &mut Rooms,
) -> Result<()> {
    match row.membership {
        Membership::Join => {
            if let Some(joined) = joined::room(scope, tx, (row, room), data)? {
                news.join.insert(id, joined);
            }
        }
        Membership::Invite
            if scope.is_new(row.position) && !scope.hidden_invites.hides(&scope.sync.core, tx, row)? =>
        {
            news.invite.insert(id, gone::invited(tx, row)?);
        }
        Membership::Knock if scope.is_new(row.position) => {
            news.knock.insert(id, gone::knocked(tx, row)?);
        }
        Membership::Leave | Membership::Ban if scope.is_new(row.position) && scope.shows_left(tx, row)? => {
            news.leave.insert(id, gone::left(scope, tx, (row, room))?);
        }
        _ => {}
    }
    Ok(())
}

impl SyncScope<'_> {
    /// On an incremental sync, left rooms are changes. On an initial sync, as in Synapse, all clients see rooms from
    /// which the user was removed, and only clients that ask for it see rooms that the user left.
    fn shows_left(&self, tx: &mut dyn Tx, row: &MembershipRow) -> Result<bool> {
        if self.since.is_some() || self.query.filter.room.include_leave || row.membership == Membership::Ban {
            return Ok(true);
        }
        Ok(self.sync.core.events.get(tx, row.event)?.sender != self.reader.user)
    }
}
