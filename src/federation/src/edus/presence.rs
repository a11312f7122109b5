//! `m.presence` from other servers.

use hearth_base::{Result, limits};
use hearth_store::WriteTx;
use hearth_store::tables::users;
use ruma::ServerName;
use ruma::api::federation::transactions::edu::PresenceUpdate;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::Parts;

#[derive(Deserialize)]
struct PresenceContent {
    push: Vec<Value>,
}

/// The well-formed updates of an EDU about users of `origin`.
pub(super) fn read(origin: &ServerName, content: &RawValue) -> Vec<PresenceUpdate> {
    let Ok(content) = serde_json::from_str::<PresenceContent>(content.get()) else { return Vec::new() };
    let updates = content.push.into_iter().take(limits::PRESENCE_UPDATES_MAX);
    let updates = updates.filter_map(|update| serde_json::from_value(with_age(update)).ok());
    updates.filter(|update: &PresenceUpdate| update.user_id.server_name() == origin).collect()
}

/// Adds `last_active_ago` where it is missing: servers omit it for users without activity so far, and ruma requires
/// it.
fn with_age(mut update: Value) -> Value {
    if let Some(update) = update.as_object_mut() {
        update.entry("last_active_ago").or_insert_with(|| u32::MAX.into());
    }
    update
}

/// Stores presence updates.
pub(super) fn take_in(tx: &mut WriteTx<'_>, parts: &Parts, news: Vec<PresenceUpdate>) -> Result<()> {
    if !parts.presence.is_federated() {
        return Ok(());
    }
    for update in news {
        if let Some(user) = users::find(tx.tx(), update.user_id.as_str())? {
            parts.presence.heard(tx, user, update)?;
        }
    }
    Ok(())
}
