//! Turns a request into the events of a new room, in the order that the specification requires. Pure.

use hearth_base::config::{EncryptionDefault, Publishers, Rooms as Config};
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use ruma::api::client::room::Visibility;
use ruma::api::client::room::create_room::v3::Request;
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::room_version_rules::RoomVersionRules;
use ruma::{OwnedRoomAliasId, OwnedUserId, RoomAliasId, ServerName, UserId};
use serde::Deserialize;
use serde_json::json;

use super::defaults::{Preset, power_levels};
use super::wrong;
use crate::event::{Draft, version};
use crate::membership::third_party;
use crate::{content, validate};

/// A room to create.
#[derive(Debug)]
pub(super) struct CreatePlan {
    /// Room version.
    pub(super) version: String,
    /// Content of the create event.
    pub(super) creation: CanonicalJsonObject,
    /// State events after the creator's join, in order.
    pub(super) state: Vec<Draft>,
    /// The alias to create.
    pub(super) alias: Option<OwnedRoomAliasId>,
    /// Users to invite after the state events.
    pub(super) invites: Vec<OwnedUserId>,
    /// Whether the invites set `is_direct`.
    pub(super) is_direct: bool,
    /// Whether to add the room to the public directory.
    pub(super) published: bool,
}

/// An item of `initial_state`.
#[derive(Debug, Deserialize)]
struct Initial {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    state_key: String,
    content: CanonicalJsonObject,
}

/// Plans a room; see [`LocalRooms::create`](crate::LocalRooms::create) for the errors.
pub(super) fn plan(config: &Config, server: &ServerName, who: &Requester, wanted: Request) -> Result<CreatePlan> {
    if wanted.initial_state.len() + wanted.invite.len() > limits::CREATE_ROOM_ITEMS_MAX {
        return Err(wrong(format!(
            "A new room takes at most {} initial events and invites.",
            limits::CREATE_ROOM_ITEMS_MAX
        )));
    }
    if !wanted.invite_3pid.is_empty() {
        return Err(third_party());
    }
    let published = published(config, who, &wanted.visibility)?;
    let preset = Preset::of(wanted.preset.as_ref(), published)?;
    let version =
        wanted.room_version.as_ref().map_or(config.default_version.as_str(), |version| version.as_str()).to_owned();
    let rules = version::rules(&version)?;
    let invites = invites(&who.user_id, wanted.invite);
    let trusted: &[OwnedUserId] = if preset == Preset::Trusted { &invites } else { &[] };
    let creation = wanted.creation_content.as_ref().map_or("{}", |raw| raw.json().get());
    let creation = creation_content(rules, &version, &who.user_id, creation, trusted)?;
    let alias = wanted.room_alias_name.as_deref().map(|name| alias(server, name)).transpose()?;

    let overrides = wanted.power_level_content_override.as_ref().map_or("{}", |raw| raw.json().get());
    let mut state = vec![levels(rules, preset, &who.user_id, trusted, overrides)?];
    if rules.authorization.explicitly_privilege_room_creators {
        no_creators(&who.user_id, &creation, &state[0].content)?;
    }
    if let Some(alias) = &alias {
        state.push(draft("m.room.canonical_alias", json!({"alias": alias}))?);
    }
    let initial: Result<Vec<Initial>> = wanted.initial_state.iter().map(|raw| read_initial(raw.json().get())).collect();
    initial_state(config, preset, initial?, &mut state)?;
    if let Some(name) = wanted.name {
        state.push(draft("m.room.name", json!({"name": name}))?);
    }
    if let Some(topic) = wanted.topic {
        let block = json!({"m.text": [{"mimetype": "text/plain", "body": topic}]});
        state.push(draft("m.room.topic", json!({"topic": topic, "m.topic": block}))?);
    }
    Ok(CreatePlan { version, creation, state, alias, invites, is_direct: wanted.is_direct, published })
}

fn draft(kind: &str, parts: serde_json::Value) -> Result<Draft> {
    // Names of excessive length and fractions cannot occur here: all parts are strings or small integers.
    Ok(Draft::state(kind, "", content::from_parts(parts)?))
}

fn published(config: &Config, who: &Requester, visibility: &Visibility) -> Result<bool> {
    match visibility {
        Visibility::Private => Ok(false),
        Visibility::Public if config.publishers == Publishers::Admins && !who.admin => {
            Err(Error::forbidden("Only administrators of this server put rooms into its public directory."))
        }
        Visibility::Public => Ok(true),
        other => Err(wrong(format!("{:?} is not a visibility; there are public and private.", other.as_str()))),
    }
}

/// Returns the invited users without duplicates and without the creator, who is already in the room.
fn invites(creator: &UserId, wanted: Vec<OwnedUserId>) -> Vec<OwnedUserId> {
    let mut seen = std::collections::HashSet::new();
    wanted.into_iter().filter(|user| **user != *creator && seen.insert(user.clone())).collect()
}

fn alias(server: &ServerName, name: &str) -> Result<OwnedRoomAliasId> {
    if name.is_empty() || name.chars().any(|char| char == ':' || char.is_whitespace() || char.is_control()) {
        return Err(wrong("`room_alias_name` must be the first part of an alias, without `#`, `:` and blanks."));
    }
    RoomAliasId::parse(format!("#{name}:{server}"))
        .map_err(|error| wrong(format!("`room_alias_name` does not make an alias: {error}.")))
}

/// Returns the content of the create event: the client's `creation_content` with the server's own fields.
fn creation_content(
    rules: &RoomVersionRules,
    version: &str,
    creator: &UserId,
    wanted: &str,
    trusted: &[OwnedUserId],
) -> Result<CanonicalJsonObject> {
    let mut content = content::from_client(wanted)?;
    content.insert("room_version".to_owned(), version.into());
    content.remove("creator");
    if !rules.authorization.use_room_create_sender {
        content.insert("creator".to_owned(), creator.as_str().into());
    }
    if !rules.authorization.additional_room_creators {
        content.remove("additional_creators");
        return Ok(content);
    }
    validate::additional_creators(&content)?;
    let creators = content.entry("additional_creators".to_owned()).or_insert_with(|| Vec::new().into());
    let CanonicalJsonValue::Array(creators) = creators else {
        return Err(Error::broken("additional creators that were checked are not a list"));
    };
    for user in trusted.iter().map(|user| CanonicalJsonValue::from(user.as_str())) {
        if !creators.contains(&user) {
            creators.push(user);
        }
    }
    if creators.is_empty() {
        content.remove("additional_creators");
    }
    Ok(content)
}

/// Returns the first power levels, with the client's overrides.
fn levels(
    rules: &RoomVersionRules,
    preset: Preset,
    creator: &UserId,
    trusted: &[OwnedUserId],
    overrides: &str,
) -> Result<Draft> {
    let above_levels = rules.authorization.explicitly_privilege_room_creators;
    let users: Vec<&UserId> = if above_levels {
        Vec::new()
    } else {
        std::iter::once(creator).chain(trusted.iter().map(|user| &**user)).collect()
    };
    let mut content = content::from_parts(power_levels(rules, preset, &users))?;
    content.extend(content::from_client(overrides)?);
    validate::power_levels(&content)?;
    let named = content.get("users").and_then(CanonicalJsonValue::as_object);
    if !above_levels && !named.is_some_and(|users| users.contains_key(creator.as_str())) {
        let message = "`power_level_content_override` names `users` without the creator, who could then do nothing.";
        return Err(Error::bad_json(message));
    }
    Ok(Draft::state("m.room.power_levels", "", content))
}

/// Refuses power levels for creators that are above all levels.
fn no_creators(creator: &UserId, creation: &CanonicalJsonObject, levels: &CanonicalJsonObject) -> Result<()> {
    let additional = creation.get("additional_creators").and_then(CanonicalJsonValue::as_array);
    let additional = additional.into_iter().flatten().filter_map(CanonicalJsonValue::as_str);
    let users = levels.get("users").and_then(CanonicalJsonValue::as_object);
    let named = std::iter::once(creator.as_str())
        .chain(additional)
        .find(|creator| users.is_some_and(|users| users.contains_key(*creator)));
    match named {
        None => Ok(()),
        Some(creator) => Err(refuse(
            Reason::InvalidRoomState,
            format!("{creator} makes the room, so they stand above its power levels: leave them out of `users`."),
        )),
    }
}

fn read_initial(json: &str) -> Result<Initial> {
    serde_json::from_str(json)
        .map_err(|error| Error::bad_json(format!("An item of `initial_state` cannot be read: {error}")))
}

/// Adds the preset's state where the client does not replace it, the client's `initial_state`, and encryption where
/// the configuration requires it.
fn initial_state(config: &Config, preset: Preset, initial: Vec<Initial>, state: &mut Vec<Draft>) -> Result<()> {
    let sets = |kind: &str| initial.iter().any(|item| item.kind == kind && item.state_key.is_empty());
    for (kind, parts) in preset.state() {
        if !sets(kind) {
            state.push(draft(kind, parts)?);
        }
    }
    let encrypts = match config.encryption_default {
        EncryptionDefault::Off => false,
        EncryptionDefault::Private => preset != Preset::Public,
        EncryptionDefault::All => true,
    };
    let encryption = (encrypts && !sets("m.room.encryption"))
        .then(|| draft("m.room.encryption", json!({"algorithm": "m.megolm.v1.aes-sha2"})));
    for Initial { kind, state_key, content } in initial {
        if matches!(kind.as_str(), "m.room.create" | "m.room.member") {
            return Err(wrong(format!("`initial_state` cannot hold {kind}.")));
        }
        state.push(Draft::state(kind, state_key, content));
    }
    state.extend(encryption.transpose()?);
    Ok(())
}
