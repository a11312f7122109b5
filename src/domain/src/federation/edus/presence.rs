//! `m.presence` from other servers.

use hearth_base::{Result, limits};
use hearth_store::WriteTx;
use hearth_store::tables::users;
use ruma::ServerName;
use ruma::api::federation::transactions::edu::PresenceUpdate;
use serde::Deserialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::federation::Parts;

#[derive(Deserialize)]
struct PresenceContent {
    push: Vec<Value>,
}

/// The updates in an EDU that can be read and are about users of `origin`.
pub(super) fn read(origin: &ServerName, content: &RawValue) -> Vec<PresenceUpdate> {
    let Ok(content) = serde_json::from_str::<PresenceContent>(content.get()) else { return Vec::new() };
    let updates = content.push.into_iter().take(limits::PRESENCE_UPDATES_MAX);
    let updates = updates.filter_map(|update| serde_json::from_value(with_age(update)).ok());
    updates.filter(|update: &PresenceUpdate| update.user_id.server_name() == origin).collect()
}

/// Servers leave out when somebody was active whom they have not seen yet; ruma insists on it.
fn with_age(mut update: Value) -> Value {
    if let Some(update) = update.as_object_mut() {
        update.entry("last_active_ago").or_insert_with(|| u32::MAX.into());
    }
    update
}

/// Notes who is there.
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
