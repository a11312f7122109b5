//! Power levels across an upgrade: those of the new room, and the restriction of the old room.

use std::sync::Arc;

use hearth_base::{Reason, Result};
use hearth_store::WriteTx;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::room_version_rules::AuthorizationRules;
use ruma::{Int, OwnedUserId, UserId};

use crate::RoomCore;
use crate::append::{Sender, append};
use crate::content;
use crate::event::Draft;

/// Power level of former creators, in a room version where no user is above all levels.
const CREATOR_LEVEL: i64 = 100;
/// Level for a tombstone in a room version where creators are above all levels.
const TOMBSTONE_LEVEL: i64 = 150;
/// Minimum level for messages in the old room.
const QUIET_LEVEL: i64 = 50;

/// Translates the old room's power levels to the new version. `above_before` are the users who were above all levels
/// in the old room; `creators` are the new room's.
pub(super) fn translate(
    mut levels: CanonicalJsonObject,
    above_before: &[OwnedUserId],
    rules: &AuthorizationRules,
    creators: &[OwnedUserId],
) -> CanonicalJsonObject {
    let mut users = section(&levels, "users");
    for user in above_before {
        let level = level(&users, user.as_str()).unwrap_or(CREATOR_LEVEL).max(CREATOR_LEVEL);
        users.insert(user.to_string(), integer(level));
    }
    let mut events = section(&levels, "events");
    if rules.explicitly_privilege_room_creators {
        users.retain(|user, _| !creators.iter().any(|creator| creator == user));
        let needed = level(&events, "m.room.tombstone").unwrap_or(0).max(TOMBSTONE_LEVEL);
        events.insert("m.room.tombstone".to_owned(), integer(needed));
    } else if level(&events, "m.room.tombstone") == Some(TOMBSTONE_LEVEL) && !above_before.is_empty() {
        // Raise no level above what any user can have.
        events.insert("m.room.tombstone".to_owned(), integer(CREATOR_LEVEL));
    }
    levels.insert("users".to_owned(), users.into());
    levels.insert("events".to_owned(), events.into());
    if rules.integer_power_levels {
        numbers(&mut levels);
    }
    levels
}

/// Turns levels that old clients have written as strings into numbers, and drops what is neither.
fn numbers(levels: &mut CanonicalJsonObject) {
    let names: Vec<String> = levels.keys().cloned().collect();
    for name in names {
        match levels.get_mut(&name) {
            Some(CanonicalJsonValue::Object(inner)) => numbers(inner),
            Some(CanonicalJsonValue::String(_)) => {
                let number = level(levels, &name).map(integer);
                levels.remove(&name);
                levels.extend(number.map(|number| (name, number)));
            }
            _ => {}
        }
    }
}

/// `levels` with enough for `user` to set everything up, whatever they have otherwise.
pub(super) fn enough_for(
    levels: &CanonicalJsonObject,
    rules: &AuthorizationRules,
    user: &UserId,
) -> CanonicalJsonObject {
    let mut levels = levels.clone();
    if rules.explicitly_privilege_room_creators {
        return levels;
    }
    let events = section(&levels, "events");
    let fields = ["ban", "state_default"].into_iter().map(|field| level(&levels, field).unwrap_or(50));
    let needed = fields.chain(events.keys().filter_map(|kind| level(&events, kind))).max().unwrap_or(CREATOR_LEVEL);
    let mut users = section(&levels, "users");
    let own = level(&users, user.as_str()).or_else(|| level(&levels, "users_default")).unwrap_or(0);
    if own < needed {
        users.insert(user.to_string(), integer(needed));
        levels.insert("users".to_owned(), users.into());
    }
    levels
}

/// Raises the old room's levels so that only moderators can send, if the upgrading user may change them.
pub(super) fn quieten(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, old: &mut Room, origin: &Sender) -> Result<()> {
    let Some(sn) = state::current_named(tx.tx(), old.sn, "m.room.power_levels", "")? else { return Ok(()) };
    let before = content::from_client(core.events.get(tx.tx(), sn)?.pdu.content.get()).unwrap_or_default();
    let quiet = quiet(&before);
    if quiet == before {
        return Ok(());
    }
    match append(core, tx, old, origin, Draft::state("m.room.power_levels", "", quiet)) {
        // Optional: the upgrade succeeds without this event, and nothing has been written.
        Err(error) if error.reason() == Some(Reason::Forbidden) => Ok(()),
        done => done.map(drop),
    }
}

fn quiet(levels: &CanonicalJsonObject) -> CanonicalJsonObject {
    let mut levels = levels.clone();
    let ordinary = level(&levels, "users_default").unwrap_or(0);
    let needed = QUIET_LEVEL.max(ordinary.saturating_add(1));
    for field in ["events_default", "invite"] {
        if level(&levels, field).unwrap_or(0) < needed {
            levels.insert(field.to_owned(), integer(needed));
        }
    }
    levels
}

fn section(levels: &CanonicalJsonObject, field: &str) -> CanonicalJsonObject {
    levels.get(field).and_then(CanonicalJsonValue::as_object).cloned().unwrap_or_default()
}

/// Returns a level; before room version 10 it may be a string.
fn level(levels: &CanonicalJsonObject, field: &str) -> Option<i64> {
    match levels.get(field)? {
        CanonicalJsonValue::Integer(level) => Some((*level).into()),
        CanonicalJsonValue::String(level) => level.trim().parse().ok(),
        _ => None,
    }
}

fn integer(level: i64) -> CanonicalJsonValue {
    CanonicalJsonValue::Integer(Int::new_saturating(level))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(json: &str) -> CanonicalJsonObject {
        content::from_client(json).expect("canonical")
    }

    fn alice() -> OwnedUserId {
        UserId::parse("@alice:home.example").expect("an id")
    }

    #[test]
    fn creators_leave_the_levels_and_come_back() {
        let old =
            object(r#"{"users":{"@alice:home.example":100,"@bob:home.example":50},"events":{"m.room.tombstone":100}}"#);
        let new = translate(old, &[], &AuthorizationRules::V12, &[alice()]);
        assert_eq!(new, object(r#"{"users":{"@bob:home.example":50},"events":{"m.room.tombstone":150}}"#));
        let back = translate(new, &[alice()], &AuthorizationRules::V11, &[alice()]);
        assert_eq!(back["users"], object(r#"{"@alice:home.example":100,"@bob:home.example":50}"#));
        assert_eq!(back["events"], object(r#"{"m.room.tombstone":100}"#));
    }

    #[test]
    fn who_upgrades_has_enough_to_set_everything_up() {
        let levels = object(r#"{"users":{"@alice:home.example":50},"events":{"m.room.name":80},"ban":"60"}"#);
        let enough = enough_for(&levels, &AuthorizationRules::V8, &alice());
        assert_eq!(enough["users"], object(r#"{"@alice:home.example":80}"#));
        assert_eq!(enough_for(&levels, &AuthorizationRules::V12, &alice()), levels);
    }

    #[test]
    fn levels_that_were_strings_become_numbers() {
        let old = object(r#"{"ban":"60","kick":"x","users":{"@bob:home.example":" 50 "}}"#);
        let new = translate(old, &[], &AuthorizationRules::V10, &[alice()]);
        assert_eq!(new, object(r#"{"ban":60,"events":{},"users":{"@bob:home.example":50}}"#));
    }

    #[test]
    fn ordinary_members_fall_silent() {
        assert_eq!(quiet(&object("{}")), object(r#"{"events_default":50,"invite":50}"#));
        let levels = object(r#"{"users_default":60,"events_default":70}"#);
        assert_eq!(quiet(&levels), object(r#"{"users_default":60,"events_default":70,"invite":61}"#));
    }
}
