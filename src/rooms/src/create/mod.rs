//! Room creation (client-server API, "Creation"). One transaction holds everything that a new room starts with, so a
//! crash leaves no room without power levels and no alias without its room.

mod defaults;
mod found;
mod plan;

use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_store::WriteTx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{aliases, rooms};
use ruma::api::client::room::create_room::v3::Request;
use ruma::{OwnedRoomId, RoomId};

pub(crate) use found::found;
use plan::CreatePlan;

use super::append::{Sender, append};
use super::membership::{self, MembershipRequest};
use super::{LocalRooms, find};
use crate::RoomCore;

impl LocalRooms {
    /// Creates a room as `wanted`; `also` runs in the same transaction. Remote users are not invited here: see
    /// `Actions::create_room`.
    ///
    /// Refuses with `M_UNSUPPORTED_ROOM_VERSION`, `M_ROOM_IN_USE` (the alias), `M_INVALID_PARAM`, `M_BAD_JSON`,
    /// `M_THREEPID_DENIED`, and `M_INVALID_ROOM_STATE` when the request contradicts itself or the rules of the room
    /// version.
    pub async fn create<T: Send + 'static>(
        &self,
        who: &Requester,
        wanted: Request,
        also: impl FnOnce(&mut WriteTx<'_>, &RoomId) -> Result<T> + Send + 'static,
    ) -> Result<(OwnedRoomId, T)> {
        find::no_guests(who)?;
        let plan = plan::plan(&self.core.config.rooms, &self.core.server_name, who, wanted)?;
        if let Some(alias) = &plan.alias {
            self.core.appservices.check_alias(alias, who.appservice.as_deref())?;
        }
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let room_id = make(&core, tx, &who, plan)?;
            let more = also(tx, &room_id)?;
            Ok((room_id, more))
        };
        // Not `policy::write`: a policy is in force only if its server has a member in the room, and a new room has
        // none.
        self.core.store.write("room_create", write).await
    }
}

fn make(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, who: &Requester, plan: CreatePlan) -> Result<OwnedRoomId> {
    let origin = Sender::new(who.user, &who.user_id);
    let mut room = found(core, tx, &origin, &plan.version, plan.creation)?;
    if let Some(alias) = &plan.alias {
        add_alias(core, tx, &room, who, alias.as_str())?;
    }
    for draft in plan.state {
        append(core, tx, &mut room, &origin, draft).map_err(contradicts)?;
    }
    for invitee in plan.invites.iter().filter(|invitee| core.is_local(invitee)) {
        let content = MembershipRequest::new(Membership::Invite, None).direct(plan.is_direct).content()?;
        membership::change(core, tx, &mut room, &origin, invitee, content)?;
    }
    if plan.published {
        rooms::publish(tx.tx(), room.sn, true)?;
    }
    find::id(&room)
}

fn add_alias(core: &RoomCore, tx: &mut WriteTx<'_>, room: &Room, who: &Requester, alias: &str) -> Result<()> {
    if aliases::find(tx.tx(), alias)?.is_some() {
        return Err(refuse(Reason::RoomInUse, format!("{alias} already leads to a room; choose another alias.")));
    }
    if who.appservice.is_none() {
        Quota::Aliases.check(&core.config.quotas, tx.tx(), who.user, 1)?;
    }
    aliases::insert(tx.tx(), alias, room.sn, who.user)
}

/// An initial event that the new room's auth rules reject is a mistake in the request, not a missing right of the
/// user.
fn contradicts(error: Error) -> Error {
    match error.reason() {
        Some(Reason::Forbidden) => {
            refuse(Reason::InvalidRoomState, format!("The room cannot begin like that. {error}"))
        }
        _ => error,
    }
}

/// The error for a request that cannot be fulfilled.
fn wrong(what: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    Error::invalid(what)
}
