//! Room upgrades (client-server API, "Room upgrades"): the new room, its copied state, and the tombstone in the old
//! room, all in one transaction.

pub(crate) mod follow;
mod powers;
mod takeover;

use hearth_base::boxed;
use std::collections::BTreeSet;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{aliases, memberships, state};
use ruma::canonical_json::{CanonicalJsonObject, CanonicalJsonValue};
use ruma::events::StateEventType;
use ruma::{OwnedRoomId, OwnedUserId, UserId};
use serde_json::json;

use super::append::{Sender, append};
use super::event::{Draft, version};
use super::{LocalRooms, alias, content, create, find, policy, power};
use crate::RoomCore;

/// Parameters of an upgrade.
#[derive(Clone)]
struct UpgradeRequest {
    version: String,
    additional_creators: Vec<OwnedUserId>,
}

impl LocalRooms {
    /// Upgrades a room. Members follow when they join the new room.
    ///
    /// Refuses with `M_UNSUPPORTED_ROOM_VERSION`, with `M_NOT_FOUND` rooms that the requester has nothing to do
    /// with, and with `M_FORBIDDEN` users without the power to send `m.room.tombstone`.
    #[boxed]
    pub async fn upgrade(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        version: &str,
        additional_creators: Vec<OwnedUserId>,
    ) -> Result<OwnedRoomId> {
        find::no_guests(who)?;
        version::rules(version)?;
        if additional_creators.len() > limits::CREATE_ROOM_ITEMS_MAX {
            return Err(Error::invalid(format!("A room has at most {} creators.", limits::CREATE_ROOM_ITEMS_MAX)));
        }
        let wanted = UpgradeRequest { version: version.to_owned(), additional_creators };
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            // Strangers get the same error for rooms that exist and rooms that do not.
            find::related(tx.tx(), &room_id, who.user)?;
            let mut old = find::joined(tx.tx(), &room_id, who.user)?;
            if !power::levels(&core, tx.tx(), &old)?.user_can_send_state(&who.user_id, StateEventType::RoomTombstone) {
                return Err(Error::forbidden("You do not have the power to replace this room."));
            }
            let origin = Sender::new(who.user, &who.user_id);
            replace(&core, tx, &mut old, &origin, wanted)
        };
        policy::write(&self.core, "room_upgrade", write).await
    }
}

fn replace(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    old: &mut Room,
    origin: &Sender,
    wanted: UpgradeRequest,
) -> Result<OwnedRoomId> {
    let creation = creation(core, tx, old, &origin.user_id, &wanted)?;
    let mut new = create::found(core, tx, origin, &wanted.version, creation)?;
    takeover::state(core, tx, old, &mut new, origin)?;
    takeover::bans(core, tx, old, &mut new, origin)?;
    let new_id = find::id(&new)?;
    let tombstone = json!({"body": "This room has been replaced", "replacement_room": new_id});
    append(core, tx, old, origin, Draft::state("m.room.tombstone", "", content::from_parts(tombstone)?))?;
    names(core, tx, old, &mut new, origin)?;
    powers::quieten(core, tx, old, origin)?;
    for member in memberships::local_joined(tx.tx(), old.sn)? {
        follow::copy(core, tx, old, &new, member)?;
    }
    Ok(new_id)
}

/// Returns the content of the new create event: the old one's with the predecessor.
fn creation(
    core: &RoomCore,
    tx: &mut WriteTx<'_>,
    old: &Room,
    creator: &UserId,
    wanted: &UpgradeRequest,
) -> Result<CanonicalJsonObject> {
    let rules = version::rules(&wanted.version)?;
    let before = power::create_event(core, tx.tx(), old)?;
    let mut creation = content::from_client(before.pdu.content.get()).unwrap_or_default();
    // Neither is copied: `creator` is now the upgrading user, and additional creators must be requested again.
    creation.remove("creator");
    creation.remove("additional_creators");
    creation.insert("room_version".to_owned(), wanted.version.as_str().into());
    if !rules.authorization.use_room_create_sender {
        creation.insert("creator".to_owned(), creator.as_str().into());
    }
    let mut predecessor = CanonicalJsonObject::from([("room_id".to_owned(), old.id.as_str().into())]);
    if !rules.authorization.room_create_event_id_as_room_id
        && let Some(newest) = old.extremities.last()
    {
        // Later room versions omit the event id: the new room exists before the tombstone does.
        let newest = core.events.get(tx.tx(), *newest)?;
        predecessor.insert("event_id".to_owned(), newest.pdu.event_id.as_str().into());
    }
    creation.insert("predecessor".to_owned(), predecessor.into());
    if rules.authorization.additional_room_creators && !wanted.additional_creators.is_empty() {
        let creators: BTreeSet<&str> = wanted.additional_creators.iter().map(|user| user.as_str()).collect();
        let creators: Vec<CanonicalJsonValue> = creators.into_iter().map(Into::into).collect();
        creation.insert("additional_creators".to_owned(), creators.into());
    }
    Ok(creation)
}

/// Moves the aliases, the canonical alias, and the entry in the public directory to the new room.
fn names(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, old: &mut Room, new: &mut Room, origin: &Sender) -> Result<()> {
    let moved: BTreeSet<String> = aliases::of_room(tx.tx(), old.sn)?.into_iter().collect();
    if !moved.is_empty() {
        aliases::move_all(tx.tx(), old.sn, new.sn)?;
    }
    if let Some(sn) = state::current_named(tx.tx(), old.sn, "m.room.canonical_alias", "")? {
        let content = content::from_client(core.events.get(tx.tx(), sn)?.pdu.content.get()).unwrap_or_default();
        append(core, tx, new, origin, Draft::state("m.room.canonical_alias", "", content))?;
        alias::unname(core, tx, old, origin, &moved)?;
    }
    // The tombstone has already unpublished the old room.
    if old.published {
        rooms::publish(tx.tx(), new.sn, true)?;
    }
    Ok(())
}
