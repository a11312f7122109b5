//! The parts of a sync without a room: account data, to-device messages, device lists, key counts.

use hearth_base::{Error, Position, Result};
use hearth_rooms::RoomCore;
use hearth_rooms::read::choice::EventChoice;
use hearth_store::engine::Tx;
use hearth_store::ids::DeviceSn;
use hearth_store::tables::account_data::AccountDataRow;
use hearth_store::tables::one_time_keys;
use ruma::api::client::sync::sync_events::v3::Response;
use ruma::events::AnyRoomAccountDataEvent;
use ruma::serde::Raw;
use ruma::{UInt, UserId};
use serde::Serialize;
use serde_json::value::RawValue;

use super::read::SyncScope;
use crate::crypto;
use crate::push::rules;

/// Serialises a value as the raw form of a ruma event type.
pub(super) fn raw<T>(value: &impl Serialize) -> Result<Raw<T>> {
    let json =
        serde_json::value::to_raw_value(value).map_err(|error| Error::fault("writing a part of a sync", error))?;
    Ok(Raw::from_json(json))
}

#[derive(Serialize)]
struct Item<'a> {
    #[serde(rename = "type")]
    kind: &'a str,
    content: &'a RawValue,
}

/// Serialises an account data item; a deleted one has an empty content.
pub(super) fn item<T>(row: &AccountDataRow) -> Result<Raw<T>> {
    let content = row.content.clone().unwrap_or_else(|| "{}".to_owned());
    let content = RawValue::from_string(content).map_err(|error| Error::fault("reading stored account data", error))?;
    raw(&Item { kind: &row.kind, content: &content })
}

/// Adds changed global account data.
pub(super) fn account_data(scope: &SyncScope<'_>, rows: Vec<AccountDataRow>, response: &mut Response) -> Result<()> {
    let choice = EventChoice::from(&scope.query.filter.account_data);
    for row in rows.iter().filter(|row| choice.wants_type(&row.kind)) {
        if row.kind != rules::TYPE {
            response.account_data.events.push(item(row)?);
        }
    }
    if choice.wants_type(rules::TYPE) {
        let rules = push_rules(&scope.sync.core, scope.reader.user_id, &rows, scope.since.is_none())?;
        response.account_data.events.extend(rules);
    }
    Ok(())
}

/// Returns the push rules, if they are among changed account data. Always for a client that has none yet: the server has
/// defaults for users without their own.
pub(super) fn push_rules<T>(
    core: &RoomCore,
    user_id: &UserId,
    rows: &[AccountDataRow],
    is_first: bool,
) -> Result<Option<Raw<T>>> {
    let stored = rows.iter().find(|row| row.kind == rules::TYPE);
    if stored.is_none() && !is_first {
        return Ok(None);
    }
    let text = stored.and_then(|row| row.content.as_deref());
    let global = rules::shown(&rules::parse(text, user_id, core.config.push.legacy_mentions))?;
    raw(&serde_json::json!({ "type": rules::TYPE, "content": { "global": global } })).map(Some)
}

/// Adds changed account data of one room.
pub(super) fn room_account_data(
    scope: &SyncScope<'_>,
    rows: Vec<AccountDataRow>,
) -> Result<Vec<Raw<AnyRoomAccountDataEvent>>> {
    let choice = EventChoice::from(&scope.query.filter.room.account_data);
    rows.iter().filter(|row| choice.wants_type(&row.kind)).map(item).collect()
}

/// Returns the position at which this read must end so that no to-device message is skipped: `messages` is full, and
/// further messages may share the position of the last.
pub(super) fn cut(messages: &mut Vec<(Position, String)>) -> Position {
    let last = messages.last().map_or(Position::ZERO, |(at, _)| *at);
    let first = messages.first().map_or(Position::ZERO, |(at, _)| *at);
    if first == last {
        return last;
    }
    messages.retain(|(at, _)| *at < last);
    messages.last().map_or(last, |(at, _)| *at)
}

/// Adds to-device messages.
pub(super) fn to_device(messages: Vec<(Position, String)>, response: &mut Response) -> Result<()> {
    for (_, json) in messages {
        let json =
            RawValue::from_string(json).map_err(|error| Error::fault("reading a stored message to a device", error))?;
        response.to_device.events.push(Raw::from_json(json));
    }
    Ok(())
}

/// Adds users whose devices changed, and users without a shared room any more. Only on an incremental sync: in an
/// initial sync the client tracks no users.
pub(super) fn device_lists(scope: &SyncScope<'_>, tx: &mut dyn Tx, response: &mut Response) -> Result<()> {
    let Some(since) = scope.since else { return Ok(()) };
    let (changed, left) = crypto::device_lists::for_sync(tx, scope.reader.user, since, scope.upto)?;
    response.device_lists.changed = changed;
    response.device_lists.left = left;
    Ok(())
}

/// Adds one-time key counts and unused fallback key types. Always present, as clients read a missing field as none
/// left.
pub(super) fn key_counts(device: DeviceSn, tx: &mut dyn Tx, response: &mut Response) -> Result<()> {
    for (algorithm, count) in one_time_keys::counts(tx, device)? {
        response.device_one_time_keys_count.insert(algorithm.as_str().into(), UInt::new_saturating(count));
    }
    let unused = one_time_keys::unused_fallback_types(tx, device)?;
    response.device_unused_fallback_key_types =
        Some(unused.iter().map(|algorithm| algorithm.as_str().into()).collect());
    Ok(())
}
