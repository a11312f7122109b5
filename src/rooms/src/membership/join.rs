//! Joins rooms (client-server API, "Joining rooms").

use hearth_base::boxed;
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::rooms::Room;
use hearth_store::tables::state;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedRoomId, OwnedRoomOrAliasId};

use super::MembershipRequest;
use crate::RoomCore;
use crate::append::Sender;
use crate::{LocalRooms, content, find, policy};

/// The content that a client adds to its join event: the reason, and custom fields.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
pub struct JoinContent(CanonicalJsonObject);

impl JoinContent {
    /// Parses the body of a join request; an empty body counts as `{}`.
    ///
    /// Refuses with `M_BAD_JSON` a body that cannot be the content of an event.
    pub fn from_body(body: &str) -> Result<Self> {
        let mut content = content::from_client(if body.is_empty() { "{}" } else { body })?;
        // A parameter of the request, not a field of the event.
        content.remove("third_party_signed");
        Ok(Self(content))
    }

    /// Returns the content of the event, without the profile fields.
    pub fn content(self) -> Result<CanonicalJsonObject> {
        let mut content = self.0;
        content.extend(MembershipRequest::new(Membership::Join, None).content()?);
        Ok(content)
    }
}

impl LocalRooms {
    /// Joins the requester to the room with the id or alias `name`.
    ///
    /// Refuses with `M_NOT_FOUND` for rooms unknown here, `M_FORBIDDEN` when the join rules do not let the user in,
    /// `M_UNABLE_TO_AUTHORISE_JOIN` when no local member may authorise the restricted join.
    #[boxed]
    pub async fn join(&self, who: &Requester, name: OwnedRoomOrAliasId, wanted: JoinContent) -> Result<OwnedRoomId> {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let mut room = find::by_name(&core, tx.tx(), &name)?;
            if who.guest {
                check_guest_access(&core, tx.tx(), &room)?;
            }
            let origin = Sender::new(who.user, &who.user_id);
            let content = wanted.content()?;
            super::change(&core, tx, &mut room, &origin, &who.user_id, content)?;
            find::id(&room)
        };
        policy::write(&self.core, "room_join", write).await
    }
}

/// Refuses guests unless `m.room.guest_access` allows them.
fn check_guest_access(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<()> {
    let event =
        state::current_named(tx, room.sn, "m.room.guest_access", "")?.map(|sn| core.events.get(tx, sn)).transpose()?;
    let access = event.and_then(|event| event.pdu.content_str("guest_access"));
    if access.as_deref() == Some("can_join") {
        return Ok(());
    }
    Err(Error::forbidden("This room does not let guests in; register an account first."))
}
