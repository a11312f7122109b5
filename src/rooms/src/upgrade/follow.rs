//! Copies a user's settings for a room to its replacement: tags, push rules, direct chats. For users who are in the
//! old room when it is upgraded here, and for users who join the replacement, also if another server created it.
//!
//! A room counts as the replacement only if the old room's tombstone names it: any room may name any predecessor.

use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::account_data::{self, WHOLE_ACCOUNT};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{aliases, state};
use ruma::events::TimelineEventType;
use serde_json::{Map, Value};

use crate::RoomCore;
use crate::power;
use crate::state::snapshot::Changes;

/// Global account data that names rooms, with the function that copies it.
const OF_ACCOUNT: [(&str, Copy); 2] = [("m.push_rules", copy_rules), ("m.direct", copy_direct)];

/// Copies the settings for one room to another; returns whether anything changed.
type Copy = fn(content: &mut Value, old: &str, new: &str) -> bool;

/// Copies the settings of `user` for `old` to `new`. Existing settings for `new` stay.
pub(crate) fn copy(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, old: &Room, new: &Room, user: UserSn) -> Result<()> {
    if account_data::get(tx.tx(), user, new.sn, "m.tag")?.is_none()
        && let Some(tags) = account_data::get(tx.tx(), user, old.sn, "m.tag")?
    {
        set(core, tx, (user, new.sn), "m.tag", &tags)?;
    }
    for (kind, change) in OF_ACCOUNT {
        let Some(content) = account_data::get(tx.tx(), user, WHOLE_ACCOUNT, kind)? else { continue };
        // Clients may store anything here; malformed account data stays as it is.
        let Ok(mut value) = serde_json::from_str::<Value>(&content) else { continue };
        if change(&mut value, &old.id, &new.id) {
            set(core, tx, (user, WHOLE_ACCOUNT), kind, &value.to_string())?;
        }
    }
    Ok(())
}

/// As [`copy`], for a local user who has just joined `room`, if it replaces a known room. The first such user also
/// moves the local aliases, which would point to the abandoned room otherwise.
pub(crate) fn joined(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: &Room, user: UserSn) -> Result<()> {
    let Some(old) = replaced_by(core, tx.tx(), room)? else { return Ok(()) };
    if !aliases::of_room(tx.tx(), old.sn)?.is_empty() {
        aliases::move_all(tx.tx(), old.sn, room.sn)?;
    }
    copy(core, tx, &old, room, user)
}

/// Returns the room that `room` replaces, if both rooms agree.
pub(crate) fn replaced_by(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<Option<Room>> {
    if state::current_named(tx, room.sn, "m.room.create", "")?.is_none() {
        return Ok(None);
    }
    let create: Map<String, Value> = power::create_event(core, tx, room)?.pdu.content_as().unwrap_or_default();
    let Some(old) = create.get("predecessor").and_then(|old| old.get("room_id")).and_then(Value::as_str) else {
        return Ok(None);
    };
    let Some(old) = rooms::by_id(tx, old)? else { return Ok(None) };
    let Some(tombstone) = state::current_named(tx, old.sn, "m.room.tombstone", "")? else { return Ok(None) };
    let says_so = core.events.get(tx, tombstone)?.pdu.content_str("replacement_room").as_deref() == Some(&room.id);
    Ok(says_so.then_some(old))
}

/// Unpublishes a room when `changes` add a tombstone to its state, from any server.
pub(crate) fn unpublish_replaced(core: &RoomCore, tx: &mut dyn Tx, room: &Room, changes: &Changes) -> Result<()> {
    for sn in changes.iter().filter(|(key, _)| !key.is_member()).filter_map(|(_, sn)| *sn) {
        let event = core.events.get(tx, sn)?;
        if event.pdu.is_state(&TimelineEventType::RoomTombstone, "")
            && event.pdu.content_str("replacement_room").is_some()
            && rooms::by_sn(tx, room.sn)?.is_some_and(|room| room.published)
        {
            rooms::publish(tx, room.sn, false)?;
        }
    }
    Ok(())
}

fn set(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    (user, room): (UserSn, RoomSn),
    kind: &str,
    content: &str,
) -> Result<()> {
    let at = tx.position();
    account_data::set(tx.tx(), user, room, kind, Some(content), at)?;
    let core = core.clone();
    tx.after_commit(move || core.notifier.wake(&[user], at));
    Ok(())
}

/// Adds the new room to `m.direct` wherever the old one is listed. Returns whether anything changed.
fn copy_direct(content: &mut Value, old: &str, new: &str) -> bool {
    let mut is_changed = false;
    let lists = content.as_object_mut().into_iter().flat_map(Map::values_mut).filter_map(Value::as_array_mut);
    for list in lists {
        if list.iter().any(|room| room == old) && !list.iter().any(|room| room == new) {
            list.push(new.into());
            is_changed = true;
        }
    }
    is_changed
}

/// Adds a copy of each push rule about the old room to the user's own rules. Returns whether anything changed.
fn copy_rules(content: &mut Value, old: &str, new: &str) -> bool {
    let mut is_changed = false;
    for kind in ["room", "override", "underride"] {
        let Some(rules) =
            content.get_mut("global").and_then(|global| global.get_mut(kind)).and_then(Value::as_array_mut)
        else {
            continue;
        };
        let copies: Vec<Value> = rules.iter().filter_map(|rule| copy_of_rule(kind, rule, old, new)).collect();
        for copy in copies {
            // Without the limit, a chain of upgrades would add rules for ever.
            if rules.len() < limits::PUSH_RULES_PER_USER_MAX
                && !rules.iter().any(|rule| rule["rule_id"] == copy["rule_id"])
            {
                // Insert before the server's own rules of the kind, which would match first.
                rules.insert(0, copy);
                is_changed = true;
            }
        }
    }
    is_changed
}

/// Returns a copy of a user's rule about the old room; none for the server's own rules and for rules about other
/// things.
fn copy_of_rule(kind: &str, rule: &Value, old: &str, new: &str) -> Option<Value> {
    let id = rule["rule_id"].as_str().filter(|_| rule["default"] != true)?;
    let mut copy = rule.clone();
    if kind != "room" {
        let conditions = copy["conditions"].as_array_mut()?;
        let about = conditions.iter_mut().filter(|one| one["key"] == "room_id" && one["pattern"] == old);
        let mut is_about = false;
        for condition in about {
            condition["pattern"] = new.into();
            is_about = true;
        }
        if !is_about {
            return None;
        }
    }
    let new_id = match kind {
        "room" if id == old => new.to_owned(),
        "room" => return None,
        _ if id.contains(old) => id.replace(old, new),
        _ => format!("{id}.{new}"),
    };
    copy["rule_id"] = new_id.into();
    Some(copy)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const OLD: &str = "!old:home.example";
    const NEW: &str = "!new";

    #[test]
    fn rules_about_the_room_are_copied_once_and_others_are_not() {
        let mute = |room: &str| {
            json!({"rule_id": room, "default": false, "enabled": true, "actions": [],
                "conditions": [{"kind": "event_match", "key": "room_id", "pattern": room}]})
        };
        let server = json!({"rule_id": ".m.rule.master", "default": true, "enabled": false, "actions": []});
        let other = json!({"rule_id": "!other:home.example", "default": false, "actions": ["notify"]});
        let mut content = json!({"global": {"override": [mute(OLD), server],
            "room": [other, {"rule_id": OLD, "default": false, "enabled": false, "actions": ["notify"]}]}});
        assert!(copy_rules(&mut content, OLD, NEW));
        assert_eq!(content["global"]["override"], json!([mute(NEW), mute(OLD), server]));
        assert_eq!(
            content["global"]["room"][0],
            json!({"rule_id": NEW, "default": false, "enabled": false, "actions": ["notify"]})
        );
        assert_eq!(content["global"]["room"].as_array().map(Vec::len), Some(3));
        assert!(!copy_rules(&mut content, OLD, NEW), "a second time there is nothing to do");
    }

    #[test]
    fn a_direct_chat_stays_one() {
        let mut content = json!({"@a:b": [OLD, "!x"], "@c:d": ["!x"], "odd": 7});
        assert!(copy_direct(&mut content, OLD, NEW));
        assert_eq!(content, json!({"@a:b": [OLD, "!x", NEW], "@c:d": ["!x"], "odd": 7}));
        assert!(!copy_direct(&mut content, OLD, NEW));
        for odd in [json!([]), json!(7), json!({"@a:b": {}})] {
            assert!(!copy_direct(&mut odd.clone(), OLD, NEW));
            assert!(!copy_rules(&mut odd.clone(), OLD, NEW));
        }
    }
}
