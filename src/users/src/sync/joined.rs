//! Rooms that the user is joined to.

use hearth_base::{Position, Result};
use hearth_rooms::find;
use hearth_rooms::read::choice::EventChoice;
use hearth_rooms::read::present::{self, EventFormat};
use hearth_rooms::read::token::Token;
use hearth_rooms::read::visibility::Viewer;
use hearth_store::engine::Tx;
use hearth_store::tables::account_data::AccountDataRow;
use hearth_store::tables::memberships::MembershipRow;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::thread_subscriptions;
use ruma::api::client::sync::sync_events::UnreadNotificationsCount;
use ruma::api::client::sync::sync_events::v3::{JoinedRoom, State, StateEvents, Timeline};
use ruma::events::{AnySyncEphemeralRoomEvent, TimelineEventType};
use ruma::serde::Raw;
use ruma::{RoomId, UInt};
use serde_json::{Value, json};

use super::read::SyncScope;
use super::state::StateItems;
use super::timeline::TimelinePiece;
use super::{personal, state, summary, timeline};
use crate::ephemeral::receipts;
use crate::push::counts::{Count, CountQuery};

/// Returns the changes in a room; none when there are none.
pub(super) fn room(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    (row, room): (&MembershipRow, &Room),
    data: Vec<AccountDataRow>,
) -> Result<Option<JoinedRoom>> {
    let core = &*scope.sync.core;
    // A room joined after `since` is new to the client, even if the client remembers an earlier stay.
    let after = scope.since.filter(|since| row.since <= *since);
    let mut viewer = Viewer::of_member(core, tx, room.sn, scope.reader, Some(*row))?.ignoring(scope.ignored.clone());
    let mut piece = timeline::newest(scope, tx, &mut viewer, after, scope.upto.as_i64())?;
    piece.limited |= after.is_none() && scope.since.is_some();
    let whole_state = after.filter(|_| !scope.query.full_state);
    let mut state = state::events(scope, tx, room, &piece, (whole_state, scope.upto))?;
    let mut joined = JoinedRoom::new();
    joined.ephemeral.events = ephemeral(scope, tx, room, after)?;
    joined.account_data.events = personal::room_account_data(scope, data)?;
    // With a subscription to a thread, the unread counts change.
    let has_subscribed = match after {
        Some(after) => thread_subscriptions::changed_in(tx, row.user, room.sn, after)?,
        None => false,
    };
    let is_news = !piece.events.is_empty()
        || has_subscribed
        || piece.limited
        || !state.is_empty()
        || !joined.ephemeral.events.is_empty()
        || !joined.account_data.events.is_empty();
    if after.is_some() && !is_news && !scope.query.full_state {
        return Ok(None);
    }
    let has_member = state.iter().any(|(key, _)| key.is_member())
        || piece.events.iter().any(|event| event.pdu.kind == TimelineEventType::RoomMember);
    if after.is_none() || has_member {
        joined.summary = summary::of(core, tx, room, row.user)?;
        state::add_heroes(scope, tx, room, &piece, &joined.summary.heroes, &mut state)?;
    }
    joined.timeline = write_timeline(piece);
    joined.state = write_state(scope, tx, &mut viewer, state)?;
    counts(scope, tx, (row, room), &mut joined)?;
    Ok(Some(joined))
}

/// The timeline of a response.
pub(super) fn write_timeline(piece: TimelinePiece) -> Timeline {
    let mut timeline = Timeline::new();
    timeline.limited = piece.limited;
    timeline.prev_batch = Some(Token::after(piece.before).to_string());
    timeline.events = piece.shown;
    timeline
}

/// Serialises state: as much as the answer has at once, and marks for the rest.
pub(super) fn write_state(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    viewer: &mut Viewer<'_>,
    state: StateItems,
) -> Result<State> {
    let format = EventFormat { federation: scope.wants_federation_format(), ..EventFormat::state(None) };
    let (events, mut budget) = (state.into_iter().map(|(_, event)| event), scope.state_bytes.get());
    let events = StateEvents::with_events(present::state_within(viewer, tx, &format, events, &mut budget)?);
    scope.state_bytes.set(budget);
    Ok(if scope.query.state_after { State::After(events) } else { State::Before(events) })
}

fn counts(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    (row, room): (&MembershipRow, &Room),
    joined: &mut JoinedRoom,
) -> Result<()> {
    let core = &*scope.sync.core;
    let query =
        CountQuery { room, member: row, user_id: scope.reader.user_id, ignored: &scope.ignored, upto: scope.upto };
    // When the count is unfinished, the caller discards this response and reads again, so the default is never sent.
    let found = scope.sync.counter.count(core, tx, query, &scope.budget)?.unwrap_or_default();
    if !scope.query.filter.room.timeline.unread_thread_notifications {
        joined.unread_notifications = write_count(found.total());
        return Ok(());
    }
    joined.unread_notifications = write_count(found.main);
    for (root, count) in &found.threads {
        let root = core.events.get(tx, *root)?;
        joined.unread_thread_notifications.insert(root.pdu.event_id.clone(), write_count(*count));
    }
    Ok(())
}

fn write_count(count: Count) -> UnreadNotificationsCount {
    let mut written = UnreadNotificationsCount::new();
    written.notification_count = Some(UInt::new_saturating(count.notify));
    written.highlight_count = Some(UInt::new_saturating(count.highlight));
    written
}

/// Adds receipts and typing notifications.
fn ephemeral(
    scope: &SyncScope<'_>,
    tx: &mut dyn Tx,
    room: &Room,
    after: Option<Position>,
) -> Result<Vec<Raw<AnySyncEphemeralRoomEvent>>> {
    let choice = EventChoice::from(&scope.query.filter.room.ephemeral);
    let id: &RoomId = &find::id(room)?;
    let mut events = Vec::new();
    if !choice.wants_room(id) {
        return Ok(events);
    }
    if choice.wants_type("m.receipt") {
        let core = &*scope.sync.core;
        let from = after.unwrap_or(Position::ZERO);
        if let Some(content) = receipts::news(core, tx, room.sn, scope.reader.user, from, scope.upto)? {
            events.push(ephemeral_event("m.receipt", &content)?);
        }
    }
    if choice.wants_type("m.typing")
        && let Some(users) = scope.sync.typing.news(tx, room.sn, after, scope.upto)?
    {
        events.push(ephemeral_event("m.typing", &json!({ "user_ids": users }))?);
    }
    Ok(events)
}

fn ephemeral_event(kind: &str, content: &Value) -> Result<Raw<AnySyncEphemeralRoomEvent>> {
    personal::raw(&json!({ "type": kind, "content": content }))
}
