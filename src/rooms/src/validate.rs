//! Checks of a content before it is sent, in addition to the auth rules: mistakes that would break the room for all
//! members, or that other servers refuse. Unknown event types pass unchecked.

use hearth_base::limits::rooms::ALT_ALIASES_MAX;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_store::engine::Tx;
use hearth_store::tables::aliases;
use hearth_store::tables::rooms::Room;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::events::room::power_levels::RoomPowerLevelsEventContent;
use ruma::events::room::server_acl::RoomServerAclEventContent;
use ruma::{RoomAliasId, RoomId, ServerName, UserId};
use serde::de::DeserializeOwned;

use super::content::text;
use crate::RoomCore;

/// Event types that are valid only as state.
const STATE_ONLY: &[&str] = &[
    "m.room.avatar",
    "m.room.canonical_alias",
    "m.room.create",
    "m.room.encryption",
    "m.room.guest_access",
    "m.room.history_visibility",
    "m.room.join_rules",
    "m.room.member",
    "m.room.name",
    "m.room.power_levels",
    "m.room.server_acl",
    "m.room.tombstone",
    "m.room.topic",
];

/// Checks a message-like event.
pub(super) fn message(kind: &str, content: &CanonicalJsonObject) -> Result<()> {
    if STATE_ONLY.contains(&kind) {
        return Err(Error::invalid(format!("{kind} is state: set it with PUT .../state/{kind}.")));
    }
    if kind == "m.room.message" {
        strings(kind, content, &["body", "msgtype"])?;
    }
    Ok(())
}

/// Checks a state event. [`canonical_alias`] checks the room's aliases separately, because that needs the database.
pub(super) fn state(server: &ServerName, room_id: &RoomId, kind: &str, content: &CanonicalJsonObject) -> Result<()> {
    match kind {
        "m.room.create" => {
            additional_creators(content)?;
            Err(Error::forbidden("A room is created once; its create event cannot be replaced."))
        }
        // A state event would redact content without the check of the sender's power.
        "m.room.redaction" => Err(Error::invalid("A redaction is not state: send it with PUT .../redact.")),
        "m.room.name" => strings(kind, content, &["name"]),
        "m.room.topic" => strings(kind, content, &["topic"]),
        "m.room.encryption" => strings(kind, content, &["algorithm"]),
        "m.room.history_visibility" => one_of(content, kind, &["invited", "joined", "shared", "world_readable"]),
        "m.room.guest_access" => one_of(content, kind, &["can_join", "forbidden"]),
        "m.room.power_levels" => power_levels(content),
        "m.room.tombstone" if text(content, "replacement_room") == Some(room_id.as_str()) => {
            Err(Error::bad_json("A room cannot be replaced by itself."))
        }
        "m.room.server_acl" => {
            if shaped::<RoomServerAclEventContent>(kind, content)?.is_allowed(server) {
                return Ok(());
            }
            Err(Error::bad_json(format!("This list would shut out this server, {server}, and could not be undone.")))
        }
        _ => Ok(()),
    }
}

/// Checks the form of power levels.
pub(super) fn power_levels(content: &CanonicalJsonObject) -> Result<()> {
    shaped::<RoomPowerLevelsEventContent>("m.room.power_levels", content).map(drop)
}

/// Checks that `additional_creators` is a list of user ids.
pub(super) fn additional_creators(content: &CanonicalJsonObject) -> Result<()> {
    let Some(creators) = content.get("additional_creators") else { return Ok(()) };
    let is_user = |user: &CanonicalJsonValue| user.as_str().is_some_and(|user| <&UserId>::try_from(user).is_ok());
    if creators.as_array().is_some_and(|creators| creators.iter().all(is_user)) {
        return Ok(());
    }
    Err(Error::bad_json("`additional_creators` must be a list of user ids."))
}

fn strings(kind: &str, content: &CanonicalJsonObject, fields: &[&str]) -> Result<()> {
    match fields.iter().find(|field| text(content, field).is_none()) {
        None => Ok(()),
        Some(missing) => Err(Error::bad_json(format!("The content of {kind} needs a string `{missing}`."))),
    }
}

/// Checks a content whose only field is named like its type and must have one of `values`.
fn one_of(content: &CanonicalJsonObject, kind: &str, values: &[&str]) -> Result<()> {
    let field = kind.trim_start_matches("m.room.");
    if text(content, field).is_some_and(|value| values.contains(&value)) {
        return Ok(());
    }
    Err(Error::bad_json(format!("`{field}` must be one of {}.", values.join(", "))))
}

fn shaped<T: DeserializeOwned>(kind: &str, content: &CanonicalJsonObject) -> Result<T> {
    let value = serde_json::Value::from(CanonicalJsonValue::Object(content.clone()));
    serde_json::from_value(value).map_err(|error| Error::bad_json(format!("This is not a content of {kind}: {error}")))
}

/// Checks that the aliases in `content` which `before` did not have point to this room.
///
/// Refuses with `M_INVALID_PARAM` a malformed alias, with `M_BAD_ALIAS` an alias that does not exist or points to
/// another room.
pub(super) fn canonical_alias(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    before: Option<&str>,
    content: &CanonicalJsonObject,
) -> Result<()> {
    let before = before.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default();
    let known = named_aliases(&before).unwrap_or_default();
    for alias in named_aliases(content)?.into_iter().filter(|alias| !known.contains(alias)) {
        let parsed =
            <&RoomAliasId>::try_from(alias).map_err(|_| Error::invalid(format!("{alias:?} is not a room alias.")))?;
        let leads_here = *parsed.server_name() == *core.server_name
            && aliases::find(tx, alias)?.is_some_and(|(target, _)| target == room.sn);
        if !leads_here {
            return Err(refuse(
                Reason::BadAlias,
                format!("{alias} does not lead to this room; add it to the directory first."),
            ));
        }
    }
    Ok(())
}

/// Returns `alias` and `alt_aliases` of a canonical alias content.
fn named_aliases(content: &CanonicalJsonObject) -> Result<Vec<&str>> {
    let wrong = |field: &str| Error::invalid(format!("`{field}` must hold room aliases."));
    let mut found = Vec::new();
    match content.get("alias") {
        None | Some(CanonicalJsonValue::Null) => {}
        // Old clients remove the alias with an empty string.
        Some(CanonicalJsonValue::String(alias)) if alias.is_empty() => {}
        Some(alias) => found.push(alias.as_str().ok_or_else(|| wrong("alias"))?),
    }
    match content.get("alt_aliases") {
        None | Some(CanonicalJsonValue::Null) => {}
        Some(list) => {
            let list =
                list.as_array().filter(|list| list.len() <= ALT_ALIASES_MAX).ok_or_else(|| wrong("alt_aliases"))?;
            for alias in list {
                found.push(alias.as_str().ok_or_else(|| wrong("alt_aliases"))?);
            }
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::content::from_client;

    fn check(kind: &str, json: &str) -> Result<()> {
        let server = ServerName::parse("home.example").expect("a name");
        let room = RoomId::parse("!a:home.example").expect("an id");
        state(&server, &room, kind, &from_client(json).expect("canonical"))
    }

    #[test]
    fn a_list_that_shuts_out_this_server_is_refused() {
        assert!(check("m.room.server_acl", r#"{"allow":["*"],"deny":["evil.example"]}"#).is_ok());
        assert!(check("m.room.server_acl", r#"{"allow":["other.example"]}"#).is_err());
        assert!(check("m.room.server_acl", r#"{"allow":7}"#).is_err());
    }

    #[test]
    fn contents_that_break_a_room_are_refused() {
        assert!(check("m.room.power_levels", r#"{"users":{"@a:b":100}}"#).is_ok());
        assert!(check("m.room.power_levels", r#"{"users":{"nobody":100}}"#).is_err());
        assert!(check("m.room.power_levels", r#"{"ban":{}}"#).is_err());
        assert!(check("m.room.tombstone", r#"{"replacement_room":"!a:home.example"}"#).is_err());
        assert!(check("m.room.history_visibility", r#"{"history_visibility":"never"}"#).is_err());
        assert!(check("m.room.name", r#"{"name":7}"#).is_err());
        assert!(check("m.room.redaction", r#"{"redacts":"$a"}"#).is_err());
    }

    #[test]
    fn aliases_are_found_wherever_they_are_named() {
        let content = from_client(r##"{"alias":"#a:b","alt_aliases":["#c:d"]}"##).expect("canonical");
        assert_eq!(named_aliases(&content).expect("aliases"), ["#a:b", "#c:d"]);
        let content = from_client(r#"{"alias":""}"#).expect("canonical");
        assert!(named_aliases(&content).expect("none").is_empty());
        let content = from_client(r#"{"alt_aliases":[7]}"#).expect("canonical");
        assert!(named_aliases(&content).is_err());
    }
}
