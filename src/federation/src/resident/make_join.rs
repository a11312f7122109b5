//! Event templates for remote users who want to join, knock or leave (server-server API, `make_join`, `make_knock`,
//! `make_leave`).

use hearth_base::boxed;
use hearth_base::{Error, Reason, Result, error::refusal};
use hearth_rooms::RoomCore;
use hearth_rooms::append;
use hearth_rooms::event::{Draft, version};
use hearth_rooms::membership::{self, MembershipRequest};
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::Room;
use ruma::{OwnedRoomId, OwnedUserId, RoomVersionId, ServerName, UserId};
use serde_json::value::RawValue;

use super::Federation;

/// A member event template for another server to sign.
#[derive(Debug)]
pub struct LocalTemplate {
    /// The room's version, which the other server needs to build the event.
    pub room_version: RoomVersionId,
    /// The event, without hash and signature.
    pub event: Box<RawValue>,
}

impl Federation {
    /// A template for a join. `versions` are the room versions that the other server supports.
    ///
    /// `M_NOT_FOUND` for rooms that this server is not in, `M_INCOMPATIBLE_ROOM_VERSION`, `M_FORBIDDEN` by the auth
    /// rules or the server ACL, and for restricted rooms `M_UNABLE_TO_AUTHORISE_JOIN` and `M_UNABLE_TO_GRANT_JOIN`.
    #[boxed]
    pub async fn make_join(
        &self,
        origin: &ServerName,
        room_id: OwnedRoomId,
        user: OwnedUserId,
        versions: Vec<RoomVersionId>,
    ) -> Result<LocalTemplate> {
        self.template(origin, room_id, user, Membership::Join, Some(versions)).await
    }

    /// A template for a knock; errors as for a join.
    #[boxed]
    pub async fn make_knock(
        &self,
        origin: &ServerName,
        room_id: OwnedRoomId,
        user: OwnedUserId,
        versions: Vec<RoomVersionId>,
    ) -> Result<LocalTemplate> {
        self.template(origin, room_id, user, Membership::Knock, Some(versions)).await
    }

    /// A template for a leave; errors as for a join, except for the version.
    #[boxed]
    pub async fn make_leave(
        &self,
        origin: &ServerName,
        room_id: OwnedRoomId,
        user: OwnedUserId,
    ) -> Result<LocalTemplate> {
        self.template(origin, room_id, user, Membership::Leave, None).await
    }

    async fn template(
        &self,
        origin: &ServerName,
        room_id: OwnedRoomId,
        user: OwnedUserId,
        membership: Membership,
        versions: Option<Vec<RoomVersionId>>,
    ) -> Result<LocalTemplate> {
        if user.server_name() != origin {
            return Err(Error::forbidden(format!("{user} is not of {origin}.")));
        }
        let (core, origin) = (self.core.clone(), origin.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = super::room(&core, tx.tx(), &room_id, &origin)?;
            if let Some(versions) = versions {
                check_version(&room, &versions)?;
            }
            write(&core, tx.tx(), &room, &user, membership)
        };
        self.core.store.read("federation_template", read).await
    }
}

fn check_version(room: &Room, versions: &[RoomVersionId]) -> Result<()> {
    if versions.iter().any(|version| version.as_str() == room.version) {
        return Ok(());
    }
    let message = format!("The room has the version {}, which your server does not take part in.", room.version);
    Err(refusal(Reason::IncompatibleRoomVersion, message).with("room_version", room.version.as_str()).into())
}

fn write(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    user: &UserId,
    membership: Membership,
) -> Result<LocalTemplate> {
    let mut content = MembershipRequest::new(membership, None).content()?;
    if membership == Membership::Join {
        let before = membership::membership_status(membership::current(core, tx, room, user)?.as_deref());
        membership::vouch(core, tx, room, user, before, &mut content)?;
    }
    let event = append::template(core, tx, room, user, Draft::state("m.room.member", user.as_str(), content))?;
    let event = String::from_utf8(event).map_err(|error| Error::fault("writing a template as text", error))?;
    let event = RawValue::from_string(event).map_err(|error| Error::fault("writing a template as JSON", error))?;
    Ok(LocalTemplate { room_version: version::id(&room.version)?, event })
}
