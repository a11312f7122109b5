//! Ephemeral events in transactions (application-service API, "Pushing ephemeral data"): typing, receipts, presence.

use hearth_base::limits::domain::{APPSERVICE_TXN_BYTES_MAX, APPSERVICE_TXN_EPHEMERAL_MAX};
use hearth_base::{Position, Result};
use hearth_rooms::find;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::rooms;
use hearth_users::ephemeral::receipts;
use serde_json::{Value, json};

use super::interest::Interest;
use super::transaction::Sources;

/// A user who does not exist, as the reader of receipts: private ones go to the clients of their user only.
const NO_READER: UserSn = UserSn(0);

/// The ephemeral events in `(after, upto]`. What was typed, and who was present, before the server started is unknown.
pub(super) fn between(
    sources: &Sources,
    tx: &mut dyn Tx,
    interest: &mut Interest,
    (after, upto): (Position, Position),
) -> Result<Vec<Value>> {
    let mut found = Vec::new();
    let mut bytes = 0;
    let mut push = |found: &mut Vec<Value>, event: Value| {
        bytes += event.to_string().len();
        if found.len() < APPSERVICE_TXN_EPHEMERAL_MAX && (found.is_empty() || bytes <= APPSERVICE_TXN_BYTES_MAX) {
            found.push(event);
        }
    };
    for room in changed_rooms(sources, interest, after) {
        if !interest.wants_room(tx, room)? {
            continue;
        }
        let Some(row) = rooms::by_sn(tx, room)? else { continue };
        let room_id = find::id(&row)?;
        if let Some(users) = sources.typing.news(tx, room, Some(after), upto)? {
            push(&mut found, json!({ "type": "m.typing", "room_id": room_id, "content": { "user_ids": users } }));
        }
        if let Some(content) = receipts::news(&sources.core, tx, room, NO_READER, after, upto)? {
            push(&mut found, json!({ "type": "m.receipt", "room_id": room_id, "content": content }));
        }
    }
    for (user, event) in sources.presence.changed(after, upto) {
        if interest.wants_user(tx, user)? {
            push(&mut found, json!(event));
        }
    }
    Ok(found)
}

/// The rooms that may have changed. After a restart those are all rooms of the service's users, once.
fn changed_rooms(sources: &Sources, interest: &Interest, after: Position) -> Vec<RoomSn> {
    let mut changed = sources.core.notifier.rooms_changed_after(after);
    if after < sources.core.notifier.floor() {
        changed.extend(interest.rooms());
        changed.sort_unstable();
        changed.dedup();
    }
    changed
}
