//! Room aliases (client-server API, "Room aliases").

use hearth_base::boxed;
use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{aliases, state};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::events::StateEventType;
use ruma::{OwnedRoomAliasId, OwnedRoomId, RoomAliasId, RoomId, UserId};

use super::append::{Sender, append};
use super::event::Draft;
use super::read::access;
use super::{Rooms, content, find, policy, power};
use crate::RoomCore;

impl Rooms {
    /// Adds an alias to a room. `M_FORBIDDEN` for users who are not in the room, a conflict when the alias is in use,
    /// `M_INVALID_PARAM` for aliases of other servers, `M_USER_LIMIT_EXCEEDED` for users who have many.
    ///
    /// An application service names any room of this server: the aliases of its namespace are its own, and a bridge
    /// links rooms that none of its users is in.
    #[boxed]
    pub async fn add_alias(&self, who: &Requester, alias: OwnedRoomAliasId, room_id: OwnedRoomId) -> Result<()> {
        find::no_guests(who)?;
        check_own(&self.core, &alias)?;
        self.core.appservices.check_alias(&alias, who.appservice.as_deref())?;
        let (core, user, is_appservice) = (self.core.clone(), who.user, who.appservice.is_some());
        let write = move |tx: &mut WriteTx<'_>| {
            let room = match is_appservice {
                true => resident(tx.tx(), &room_id)?,
                false => find::joined(tx.tx(), &room_id, user)?,
            };
            if aliases::find(tx.tx(), alias.as_str())?.is_some() {
                return Err(refuse(
                    Reason::AliasInUse,
                    format!("{alias} already leads to a room; remove it there first."),
                ));
            }
            if aliases::of_room(tx.tx(), room.sn)?.len() >= limits::ALIASES_PER_ROOM_MAX {
                return Err(Error::invalid(format!("A room has at most {} aliases.", limits::ALIASES_PER_ROOM_MAX)));
            }
            if !is_appservice {
                Quota::Aliases.check(&core.config.quotas, tx.tx(), user, 1)?;
            }
            aliases::insert(tx.tx(), alias.as_str(), room.sn, user)
        };
        self.core.store.write("alias_add", write).await
    }

    /// Removes an alias. Allowed for its creator, for users who may set the room's canonical alias, and for
    /// administrators. Application services may remove only aliases in their namespaces.
    #[boxed]
    pub async fn remove_alias(&self, who: &Requester, alias: OwnedRoomAliasId) -> Result<()> {
        if !who.admin {
            self.core.appservices.check_alias(&alias, who.appservice.as_deref())?;
        }
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let unknown = || Error::not_found(format!("There is no room with the alias {alias}."));
            let (room, creator) = aliases::find(tx.tx(), alias.as_str())?.ok_or_else(unknown)?;
            let mut room =
                rooms::by_sn(tx.tx(), room)?.ok_or_else(|| Error::broken("the room of an alias is missing"))?;
            let may = creator == who.user
                || who.admin
                || who.appservice.is_some()
                || may_name(&core, tx.tx(), &room, &who.user_id)?;
            if !may {
                return Err(Error::forbidden("You did not make that alias, and may not change the room's main one."));
            }
            aliases::delete(tx.tx(), alias.as_str())?;
            let origin = Sender::new(who.user, &who.user_id);
            unname(&core, tx, &mut room, &origin, &BTreeSet::from([alias.to_string()]))
        };
        policy::write(&self.core, "alias_remove", write).await
    }

    /// Lists the aliases of a room on this server. `M_FORBIDDEN` for users who may not read the room.
    #[boxed]
    pub async fn aliases(&self, who: &Requester, room_id: OwnedRoomId) -> Result<Vec<OwnedRoomAliasId>> {
        let (core, user) = (self.core.clone(), who.user);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = match find::joined(tx.tx(), &room_id, user) {
                Ok(room) => room,
                Err(refusal) => {
                    let room = rooms::by_id(tx.tx(), room_id.as_str())?;
                    match room {
                        Some(room) if access::is_world_readable(&core, tx.tx(), &room)? => room,
                        _ => return Err(refusal),
                    }
                }
            };
            let names = aliases::of_room(tx.tx(), room.sn)?.into_iter();
            let parse =
                |name: String| RoomAliasId::parse(name).map_err(|error| Error::fault("reading a stored alias", error));
            names.map(parse).collect()
        };
        self.core.store.read("aliases_of_room", read).await
    }
}

/// Resolves a room that this server is in: an alias leads others to the servers of the room.
fn resident(tx: &mut dyn Tx, room_id: &RoomId) -> Result<Room> {
    let room = find::resolve(tx, room_id)?;
    if !find::is_resident(tx, &room)? {
        return Err(Error::not_found(format!("This server is not in {room_id}: let a local user join it first.")));
    }
    Ok(room)
}

fn check_own(core: &RoomCore, alias: &RoomAliasId) -> Result<()> {
    if *alias.server_name() != *core.server_name {
        return Err(Error::invalid(format!("An alias of this server ends in :{}.", core.server_name)));
    }
    if alias.as_str().len() > limits::ID_BYTES_MAX || alias.as_str().chars().any(char::is_whitespace) {
        return Err(Error::invalid("An alias has no blanks and at most 255 bytes."));
    }
    Ok(())
}

/// Returns whether a user is a member with the power to set the room's canonical alias. The same power decides on the
/// room's other aliases and on its entry in the public directory.
pub(super) fn may_name(core: &RoomCore, tx: &mut dyn Tx, room: &Room, user: &UserId) -> Result<bool> {
    Ok(power::levels(core, tx, room)?.user_can_send_state(user, StateEventType::RoomCanonicalAlias))
}

/// Removes deleted aliases from the room's canonical alias, if the user may change it.
pub(super) fn unname(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &mut Room,
    origin: &Sender,
    gone: &BTreeSet<String>,
) -> Result<()> {
    let Some(sn) = state::current_named(tx.tx(), room.sn, "m.room.canonical_alias", "")? else { return Ok(()) };
    let before = content::from_client(core.events.get(tx.tx(), sn)?.pdu.content.get()).unwrap_or_default();
    let after = without(&before, gone);
    if after == before {
        return Ok(());
    }
    match append(core, tx, room, origin, Draft::state("m.room.canonical_alias", "", after)) {
        // The alias is deleted all the same: its creator need not have the power to set the canonical alias. Nothing
        // has been written yet.
        Err(error) if error.reason() == Some(Reason::Forbidden) => Ok(()),
        done => done.map(drop),
    }
}

/// Returns a canonical alias content without the aliases in `gone`.
fn without(content: &CanonicalJsonObject, gone: &BTreeSet<String>) -> CanonicalJsonObject {
    let is_gone = |value: &CanonicalJsonValue| value.as_str().is_some_and(|alias| gone.contains(alias));
    let mut content = content.clone();
    if content.get("alias").is_some_and(is_gone) {
        content.remove("alias");
    }
    if let Some(CanonicalJsonValue::Array(others)) = content.get_mut("alt_aliases") {
        others.retain(|alias| !is_gone(alias));
        if others.is_empty() {
            content.remove("alt_aliases");
        }
    }
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_gone_is_taken_out() {
        let content =
            content::from_client(r##"{"alias":"#a:b","alt_aliases":["#c:b","#d:b"],"x":1}"##).expect("canonical");
        let left = without(&content, &BTreeSet::from(["#a:b".to_owned(), "#c:b".to_owned()]));
        assert_eq!(left, content::from_client(r##"{"alt_aliases":["#d:b"],"x":1}"##).expect("canonical"));
    }
}
