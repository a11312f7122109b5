//! The event format of the first client-server API, which Synapse still uses for pagination: the fields that are now in
//! `unsigned` are also at the top level, and `user_id` duplicates `sender`. Hydrogen needs it to read replies.

use ruma::serde::Raw;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

/// The fields that were at the top level of an event.
const COPIED: [&str; 4] = ["age", "redacted_because", "replaces_state", "prev_content"];

/// Adds the old fields to an event.
pub(super) fn with_old_fields<T>(event: Raw<T>) -> Raw<T> {
    let Ok(mut fields) = serde_json::from_str::<Map<String, Value>>(event.json().get()) else { return event };
    for key in COPIED {
        if let Some(value) = fields.get("unsigned").and_then(|unsigned| unsigned.get(key)).cloned() {
            fields.entry(key).or_insert(value);
        }
    }
    if let Some(sender) = fields.get("sender").cloned() {
        fields.entry("user_id").or_insert(sender);
    }
    let json = serde_json::to_string(&fields).and_then(RawValue::from_string);
    json.map_or(event, Raw::from_json)
}

/// Like [`with_old_fields`], for a list.
pub(super) fn all_with_old_fields<T>(events: Vec<Raw<T>>) -> Vec<Raw<T>> {
    events.into_iter().map(with_old_fields).collect()
}
