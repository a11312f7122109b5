//! One look: everything that is new for a user, from one snapshot of the database.

use std::collections::HashMap;

use hearth_base::{Position, Result, limits};
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::account_data::{self, AccountDataRow, WHOLE_ACCOUNT};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::to_device;
use ruma::OwnedRoomId;
use ruma::api::client::filter::{EventFormat as FilterFormat, LazyLoadOptions};
use ruma::api::client::sync::sync_events::v3::{Response, Rooms};

use super::{Sync, SyncQuery, SyncRead, gone, joined, personal, presence};
use crate::push::counts::CountBudget;
use crate::requester::Requester;
use crate::rooms::find;
use crate::rooms::read::choice::wants_room;
use crate::rooms::read::reader::Reader;
use crate::rooms::read::token::Token;

/// What one look is about; handed to everything that looks.
pub(super) struct SyncScope<'a> {
    pub(super) sync: &'a Sync,
    pub(super) reader: Reader<'a>,
    pub(super) requester: &'a Requester,
    pub(super) query: &'a SyncQuery,
    /// Where the client stands; none when it gets everything.
    pub(super) since: Option<Position>,
    /// What this look may see.
    pub(super) upto: Position,
    pub(super) ignored: std::sync::Arc<std::collections::HashSet<hearth_store::ids::UserSn>>,
    /// How many unread events may still be counted.
    pub(super) budget: CountBudget,
}

impl SyncScope<'_> {
    pub(super) fn lazy(&self) -> bool {
        !matches!(self.query.filter.room.state.lazy_load_options, LazyLoadOptions::Disabled)
    }

    /// Whether events are to look as they do between servers.
    pub(super) fn wants_federation_format(&self) -> bool {
        self.query.filter.event_format == FilterFormat::Federation
    }

    /// Whether something that changed at `at` is new.
    pub(super) fn is_new(&self, at: Position) -> bool {
        self.since.is_none_or(|since| at > since)
    }
}

/// Looks once.
pub(super) fn look(sync: &Sync, tx: &mut ReadTx<'_>, requester: &Requester, query: &SyncQuery) -> Result<SyncRead> {
    let mut upto = tx.position();
    let tx = tx.tx();
    let after = query.since.unwrap_or(Position::ZERO);
    let limit = limits::TO_DEVICE_PER_SYNC_MAX;
    let mut messages = to_device::batch(tx, requester.device, after, upto, limit)?;
    if messages.len() == limit {
        upto = personal::cut(&mut messages).max(after);
    }
    let ignored = crate::rooms::read::ignored::by(tx, requester.user)?;
    let (reader, since, budget) =
        (requester.into(), query.since, CountBudget::new(limits::COUNTED_PER_READ_EVENTS_MAX));
    let scope = SyncScope { sync, reader, requester, query, since, upto, ignored, budget };
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
    personal::key_counts(&scope, tx, &mut response)?;
    let has_received = query.since.map_or(Ok(false), |since| to_device::any_upto(tx, requester.device, since))?;
    let (behind, unsaved) = scope.budget.into_rooms();
    Ok(SyncRead { response, is_news, upto, has_received, behind, unsaved })
}

/// New account data, by room.
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
    let rows = match scope.since {
        None => memberships::of_user(tx, scope.reader.user)?,
        Some(since) => memberships::of_user_since(tx, scope.reader.user, since)?,
    };
    for row in rows {
        let data = data.remove(&row.room).unwrap_or_default();
        if row.since > scope.upto || (data.is_empty() && is_quiet(scope, &row)) {
            continue;
        }
        let Some(room) = rooms::by_sn(tx, row.room)? else { continue };
        let id = find::id(&room)?;
        let filter = &scope.query.filter.room;
        if wants_room(filter.rooms.as_deref(), &filter.not_rooms, &id) {
            room_news(scope, tx, (&row, &room, id), data, &mut news)?;
        }
    }
    Ok(news)
}

/// Whether it is known without a look that a room has nothing new.
fn is_quiet(scope: &SyncScope<'_>, row: &MembershipRow) -> bool {
    let Some(since) = scope.since else { return false };
    let notifier = &scope.sync.core.notifier;
    match row.membership {
        _ if row.position > since => false,
        Membership::Join => {
            !scope.query.full_state && since >= notifier.floor() && notifier.newest_in(row.room) <= since
        }
        // Nothing of a room reaches those who are not in it but the change of their own membership.
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
        Membership::Invite if scope.is_new(row.position) && !scope.ignored_inviter(tx, row)? => {
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
    /// Rooms that were left are news on an incremental sync. On a first one, as in Synapse, those that the user was put out
    /// of are shown to all clients, and those that they left only to clients that ask for them.
    fn shows_left(&self, tx: &mut dyn Tx, row: &MembershipRow) -> Result<bool> {
        if self.since.is_some() || self.query.filter.room.include_leave || row.membership == Membership::Ban {
            return Ok(true);
        }
        Ok(self.sync.core.events.get(tx, row.event)?.sender != self.reader.user)
    }

    /// Invites from ignored users are not shown.
    fn ignored_inviter(&self, tx: &mut dyn Tx, row: &MembershipRow) -> Result<bool> {
        Ok(!self.ignored.is_empty() && self.ignored.contains(&self.sync.core.events.get(tx, row.event)?.sender))
    }
}
