//! Extensions: what a client gets besides rooms.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use hearth_base::{Error, Position, Result, limits};
use hearth_rooms::load::Event;
use hearth_store::engine::Tx;
use hearth_store::ids::{DeviceSn, EventSn, RoomSn};
use hearth_store::tables::account_data::{self, AccountDataRow, WHOLE_ACCOUNT};
use hearth_store::tables::{one_time_keys, to_device};
use ruma::OwnedRoomId;
use ruma::api::client::sync::sync_events::v5::response::ThreadSubscriptions;
use ruma::serde::Raw;
use serde_json::json;
use serde_json::value::RawValue;

use super::answer::{
    AccountDataAnswer, DeviceListsAnswer, E2eeAnswer, EphemeralAnswer, ExtensionsAnswer, RoomAnswer, ToDeviceAnswer,
};
use super::connection::{ACCOUNT_DATA, Connection, PROFILES, RECEIPTS, TYPING};
use super::lists::ShownRoom;
use super::profiles;
use super::query::Coverage;
use super::read::SlidingScope;
use crate::crypto;
use crate::ephemeral::receipts;
use crate::personal::threads;
use crate::push::rules;
use crate::sync::personal;

/// The rooms of a response, as extensions see them.
pub(super) struct Rooms<'a> {
    pub(super) shown: &'a [ShownRoom],
    /// The events that the response has of a room, if it is new to the client or has more events than the client had.
    pub(super) anew: &'a HashMap<RoomSn, Vec<Arc<Event>>>,
    /// What the response has of rooms.
    pub(super) answers: &'a BTreeMap<OwnedRoomId, RoomAnswer>,
}

/// Returns the extensions, and whether they have news. Notes in `next` what the client then has.
pub(super) fn read(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    rooms: &Rooms<'_>,
    data: &mut HashMap<RoomSn, Vec<AccountDataRow>>,
    next: &mut Connection,
) -> Result<(ExtensionsAnswer, bool)> {
    let mut answer = ExtensionsAnswer::default();
    let mut is_news = false;
    if let Some((since, limit)) = scope.query.extensions.to_device {
        let messages = to_device(scope, tx, since, limit)?;
        is_news |= !messages.events.is_empty();
        answer.to_device = Some(messages);
    }
    if scope.query.extensions.e2ee {
        let e2ee = e2ee(scope, tx)?;
        is_news |= e2ee.device_lists.as_ref().is_some_and(|lists| !lists.changed.is_empty() || !lists.left.is_empty());
        answer.e2ee = Some(e2ee);
    }
    if scope.query.extensions.account_data.enabled {
        let found = account_data(scope, tx, rooms, data, next)?;
        is_news |= !found.global.is_empty() || !found.rooms.is_empty();
        answer.account_data = Some(found);
    }
    let (receipts, typing) = (&scope.query.extensions.receipts, &scope.query.extensions.typing);
    let found = ephemeral(scope, tx, rooms, (receipts, RECEIPTS), next, &receipts_of)?;
    is_news |= !found.rooms.is_empty();
    answer.receipts = receipts.enabled.then_some(found);
    let found = ephemeral(scope, tx, rooms, (typing, TYPING), next, &typing_of)?;
    is_news |= !found.rooms.is_empty();
    answer.typing = typing.enabled.then_some(found);
    if let Some(limit) = scope.query.extensions.thread_subscriptions {
        answer.thread_subscriptions = thread_subscriptions(scope, tx, limit, next)?;
        is_news |= !answer.thread_subscriptions.is_empty();
    }
    answer.profiles = profiles::read(scope, tx, rooms, next)?;
    is_news |= !answer.profiles.is_empty();
    Ok((answer, is_news))
}

/// What is noted of a joined room: of the extensions that note anything with this request, those which cover it, and all of
/// them.
pub(super) fn parts(scope: &SlidingScope<'_>, room: &ShownRoom) -> (i64, i64) {
    let wanted = &scope.query.extensions;
    let all = [
        (RECEIPTS, &wanted.receipts, true),
        (TYPING, &wanted.typing, true),
        (PROFILES, &wanted.profiles.coverage, true),
        (ACCOUNT_DATA, &wanted.account_data, wanted.account_data.enabled),
    ];
    let (mut covering, mut noted) = (0, 0);
    for (part, coverage, _) in all.into_iter().filter(|(.., is_noted)| *is_noted) {
        noted |= part;
        covering |= if covers(scope, coverage, room) { part } else { 0 };
    }
    (covering, noted)
}

/// Whether an extension covers a room of the response.
pub(super) fn covers(scope: &SlidingScope<'_>, coverage: &Coverage, room: &ShownRoom) -> bool {
    let by_list = |wanted: &Vec<String>| {
        let mut names = scope.query.lists.keys().enumerate();
        names.any(|(number, name)| room.lists.has(number) && wanted.iter().any(|list| list == "*" || list == name))
    };
    let by_room = |wanted: &Vec<String>| {
        wanted.iter().any(|id| if id == "*" { room.is_subscribed } else { id == room.id().as_str() })
    };
    coverage.enabled
        && (coverage.lists.as_ref().map_or(!room.lists.is_empty(), by_list)
            || coverage.rooms.as_ref().map_or(room.is_subscribed, by_room))
}

fn to_device(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    since: Option<Position>,
    limit: usize,
) -> Result<ToDeviceAnswer> {
    // A client may be ahead of a database that was restored.
    let after = since.filter(|since| *since <= scope.upto).unwrap_or(Position::ZERO);
    let limit = limit.clamp(1, limits::TO_DEVICE_PER_SYNC_MAX);
    let messages = to_device::batch(tx, scope.requester.device, after, scope.upto, limit)?;
    let end = messages.last().filter(|_| messages.len() == limit).map_or(scope.upto, |(at, _)| *at);
    let mut events = Vec::with_capacity(messages.len());
    for (_, json) in messages {
        let json = RawValue::from_string(json).map_err(|error| Error::fault("reading a message to a device", error))?;
        events.push(Raw::from_json(json));
    }
    Ok(ToDeviceAnswer { next_batch: end.to_string(), events })
}

fn e2ee(scope: &SlidingScope<'_>, tx: &mut dyn Tx) -> Result<E2eeAnswer> {
    // On a new connection the client tracks no users yet.
    let device_lists = match scope.from {
        Some(from) => {
            let (changed, left) = crypto::device_lists::for_sync(tx, scope.reader.user, from, scope.upto)?;
            Some(DeviceListsAnswer { changed, left })
        }
        None => None,
    };
    let mut answer = E2eeAnswer { device_lists, ..E2eeAnswer::default() };
    key_counts(tx, scope.requester.device, &mut answer)?;
    Ok(answer)
}

/// Sets the one-time key counts and unused fallback key types.
pub(super) fn key_counts(tx: &mut dyn Tx, device: DeviceSn, answer: &mut E2eeAnswer) -> Result<()> {
    answer.device_one_time_keys_count = one_time_keys::counts(tx, device)?.into_iter().collect();
    answer.device_unused_fallback_key_types = one_time_keys::unused_fallback_types(tx, device)?;
    Ok(())
}

/// The newest changes of subscriptions to threads; the client pages through the older ones at the companion endpoint. All of
/// them for a client that has none, also if it asks for them only later on its connection.
fn thread_subscriptions(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    limit: u64,
    next: &mut Connection,
) -> Result<ThreadSubscriptions> {
    let from = scope.from.filter(|_| scope.sent.has_thread_subscriptions).unwrap_or(Position::ZERO);
    next.has_thread_subscriptions = true;
    let upto = Position::from_i64(scope.upto.as_i64().saturating_add(1));
    let found = threads::changes(tx, scope.reader.user, (from, upto), limit)?;
    let mut answer = ThreadSubscriptions::default();
    answer.subscribed = found.subscribed;
    answer.unsubscribed = found.unsubscribed;
    answer.prev_batch = found.end.map(|end| end.to_string());
    Ok(answer)
}

fn account_data(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    rooms: &Rooms<'_>,
    data: &mut HashMap<RoomSn, Vec<AccountDataRow>>,
    next: &mut Connection,
) -> Result<AccountDataAnswer> {
    let (core, user) = (&*scope.sync.core, scope.reader.user);
    let mut answer = AccountDataAnswer::default();
    let is_first = !scope.sent.has_account_data;
    let rows = match is_first {
        true => account_data::of_room(tx, user, WHOLE_ACCOUNT)?,
        false => data.remove(&WHOLE_ACCOUNT).unwrap_or_default(),
    };
    next.has_account_data = true;
    answer.global.extend(personal::push_rules(core, scope.reader.user_id, &rows, is_first)?);
    for row in rows.iter().filter(|row| row.kind != rules::TYPE) {
        answer.global.push(personal::item(row)?);
    }
    for room in rooms.shown {
        let sn = room.row.room;
        let Some(record) = next.rooms.get_mut(&sn) else { continue };
        if !covers(scope, &scope.query.extensions.account_data, room) {
            record.parts &= !ACCOUNT_DATA;
            continue;
        }
        let known = scope.sent.rooms.get(&sn).filter(|known| known.parts & ACCOUNT_DATA != 0);
        record.parts |= ACCOUNT_DATA;
        let rows = match known {
            None => account_data::of_room(tx, user, sn)?,
            Some(known) => match known.upto {
                None => data.remove(&sn).unwrap_or_default(),
                Some(upto) => {
                    let changed = account_data::changed(tx, user, upto, scope.upto)?;
                    changed.into_iter().filter(|row| row.room == sn).collect()
                }
            },
        };
        if !rows.is_empty() {
            let rows = rows.iter().map(personal::item).collect::<Result<_>>()?;
            answer.rooms.insert(room.id().clone(), rows);
        }
    }
    Ok(answer)
}

/// How far the client has the events of an extension in a room.
struct Since<'a> {
    /// None if it has none.
    after: Option<Position>,
    /// Whether the client has other data of the room, perhaps also of this extension.
    is_known: bool,
    /// For a room that is sent anew: the events in its timeline.
    anew: Option<&'a [Arc<Event>]>,
}

type Content = Option<serde_json::Value>;
type ReadContent = dyn Fn(&SlidingScope<'_>, &mut dyn Tx, RoomSn, &Since<'_>) -> Result<Content>;

fn ephemeral(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    rooms: &Rooms<'_>,
    (coverage, part): (&Coverage, i64),
    next: &mut Connection,
    content: &ReadContent,
) -> Result<EphemeralAnswer> {
    let mut answer = EphemeralAnswer::default();
    for room in rooms.shown {
        let sn = room.row.room;
        let Some(record) = next.rooms.get_mut(&sn) else { continue };
        if !room.is_joined() || !covers(scope, coverage, room) {
            record.parts &= !part;
            continue;
        }
        record.parts |= part;
        let anew = rooms.anew.get(&sn).map(Vec::as_slice);
        let known = scope.sent.rooms.get(&sn).filter(|known| known.parts & part != 0);
        let after = known.and(scope.sent_upto(sn)).filter(|_| anew.is_none());
        if after.is_some_and(|after| scope.is_quiet(sn, after)) {
            continue;
        }
        let since = Since { after, is_known: scope.sent.rooms.contains_key(&sn), anew };
        if let Some(content) = content(scope, tx, sn, &since)? {
            answer.rooms.insert(room.id().clone(), content);
        }
    }
    Ok(answer)
}

/// Receipts: of a room that is sent anew only the user's own and those on events in its timeline, as a room may have ten
/// thousand.
fn receipts_of(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: RoomSn, since: &Since<'_>) -> Result<Content> {
    let shown: Vec<EventSn> = since.anew.unwrap_or_default().iter().map(|event| event.sn).collect();
    let me = scope.reader.user;
    let (after, is_whole) = (since.after.unwrap_or(Position::ZERO), since.after.is_none());
    let found = receipts::news_of(&scope.sync.core, tx, (room, me), (after, scope.upto), &|receipt| {
        !is_whole || receipt.user == me || shown.contains(&receipt.event)
    })?;
    Ok(found.map(|content| json!({ "type": "m.receipt", "content": content })))
}

/// Typing users. A client that may show an old list gets also an empty one.
fn typing_of(scope: &SlidingScope<'_>, tx: &mut dyn Tx, room: RoomSn, since: &Since<'_>) -> Result<Content> {
    let mut users = scope.sync.typing.news(tx, room, since.after, scope.upto)?;
    if since.after.is_none() && since.is_known {
        users = users.or_else(|| Some(Vec::new()));
    }
    Ok(users.map(|users| json!({ "type": "m.typing", "content": { "user_ids": users } })))
}
