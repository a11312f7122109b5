//! What concerns the user and the device, not a room: account data, messages to the device, presence, keys.

use hearth_base::{Error, Position, Result};
use hearth_store::engine::Tx;
use hearth_store::tables::account_data::AccountDataRow;
use hearth_store::tables::one_time_keys;
use ruma::UInt;
use ruma::api::client::sync::sync_events::v3::Response;
use ruma::events::AnyRoomAccountDataEvent;
use ruma::serde::Raw;
use serde::Serialize;
use serde_json::value::RawValue;

use super::read::SyncScope;
use crate::crypto;
use crate::push::rules;
use crate::rooms::read::choice::EventChoice;

/// Any JSON as the raw form of an event that ruma has a type for.
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

/// An account data item; one that was deleted has an empty content.
fn item<T>(row: &AccountDataRow) -> Result<Raw<T>> {
    let content = row.content.clone().unwrap_or_else(|| "{}".to_owned());
    let content = RawValue::from_string(content).map_err(|error| Error::fault("reading stored account data", error))?;
    raw(&Item { kind: &row.kind, content: &content })
}

/// New account data of the whole account.
pub(super) fn account_data(scope: &SyncScope<'_>, rows: Vec<AccountDataRow>, response: &mut Response) -> Result<()> {
    let choice = EventChoice::from(&scope.query.filter.account_data);
    for row in rows.iter().filter(|row| choice.wants_type(&row.kind)) {
        if row.kind != rules::TYPE {
            response.account_data.events.push(item(row)?);
        }
    }
    // Push rules are always there: the server has defaults where the user has said nothing.
    let stored = rows.iter().find(|row| row.kind == rules::TYPE);
    if (stored.is_some() || scope.since.is_none()) && choice.wants_type(rules::TYPE) {
        let text = stored.and_then(|row| row.content.as_deref());
        let global =
            rules::shown(&rules::parse(text, scope.reader.user_id, scope.sync.core.config.push.legacy_mentions))?;
        response
            .account_data
            .events
            .push(raw(&serde_json::json!({ "type": rules::TYPE, "content": { "global": global } }))?);
    }
    Ok(())
}

/// New account data of one room.
pub(super) fn room_account_data(
    scope: &SyncScope<'_>,
    rows: Vec<AccountDataRow>,
) -> Result<Vec<Raw<AnyRoomAccountDataEvent>>> {
    let choice = EventChoice::from(&scope.query.filter.room.account_data);
    rows.iter().filter(|row| choice.wants_type(&row.kind)).map(item).collect()
}

/// Where a look has to end so that no message to the device is passed over: `messages` are as many as fit, and more may
/// share the position of the last.
pub(super) fn cut(messages: &mut Vec<(Position, String)>) -> Position {
    let last = messages.last().map_or(Position::ZERO, |(at, _)| *at);
    let first = messages.first().map_or(Position::ZERO, |(at, _)| *at);
    if first == last {
        return last;
    }
    messages.retain(|(at, _)| *at < last);
    messages.last().map_or(last, |(at, _)| *at)
}

/// Messages to the device.
pub(super) fn to_device(messages: Vec<(Position, String)>, response: &mut Response) -> Result<()> {
    for (_, json) in messages {
        let json =
            RawValue::from_string(json).map_err(|error| Error::fault("reading a stored message to a device", error))?;
        response.to_device.events.push(Raw::from_json(json));
    }
    Ok(())
}

/// Whose devices changed, and whose no longer matter. Only on an incremental sync: at first the client knows nobody.
pub(super) fn device_lists(scope: &SyncScope<'_>, tx: &mut dyn Tx, response: &mut Response) -> Result<()> {
    let Some(since) = scope.since else { return Ok(()) };
    let (changed, left) = crypto::device_lists::for_sync(tx, scope.reader.user, since, scope.upto)?;
    response.device_lists.changed = changed;
    response.device_lists.left = left;
    Ok(())
}

/// How many one-time keys are left, and which fallback keys are unused: always there, as clients take silence for none.
pub(super) fn key_counts(scope: &SyncScope<'_>, tx: &mut dyn Tx, response: &mut Response) -> Result<()> {
    for (algorithm, count) in one_time_keys::counts(tx, scope.requester.device)? {
        response.device_one_time_keys_count.insert(algorithm.as_str().into(), UInt::new_saturating(count));
    }
    let unused = one_time_keys::unused_fallback_types(tx, scope.requester.device)?;
    response.device_unused_fallback_key_types =
        Some(unused.iter().map(|algorithm| algorithm.as_str().into()).collect());
    Ok(())
}
