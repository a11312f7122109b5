//! Updates the user's member events after a profile change (client-server API, "Events on Change of Profile
//! Information").

use hearth_base::boxed;
use hearth_base::{Reason, Result};
use hearth_core::Requester;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;

use hearth_store::WriteTx;
use hearth_store::tables::rooms::Room;
use ruma::canonical_json::CanonicalJsonObject;

use super::MembershipRequest;
use crate::RoomCore;
use crate::append::Sender;
use crate::content;
use crate::member_profile::{MemberProfileField, face_of};
use crate::{LocalRooms, policy};

impl LocalRooms {
    /// Updates the requester's member events after a profile field has changed. Uses one transaction per room, so
    /// that other writes need not wait for all rooms. Skips rooms where nothing changes and rooms that do not allow
    /// the event. An error in one room does not stop the others; the last error is returned.
    ///
    /// Keeps all other fields of the member event: a room-specific display name survives a new avatar.
    #[boxed]
    pub async fn renew_face(&self, who: &Requester, changed: MemberProfileField) -> Result<()> {
        let (user, user_id, mut failed) = (who.user, &who.user_id, None);
        for sn in self.core.store.read("rooms_joined", move |tx| memberships::joined_rooms(tx.tx(), user)).await? {
            let (core, who) = (self.core.clone(), who.clone());
            let write = move |tx: &mut hearth_store::WriteTx<'_>| {
                let Some(mut room) = rooms::by_sn(tx.tx(), sn)? else { return Ok(()) };
                // The user may have left since the list was read; a profile change must not rejoin them.
                let row = memberships::get(tx.tx(), sn, who.user)?;
                if row.is_none_or(|row| row.membership != Membership::Join) {
                    return Ok(());
                }
                let origin = Sender::new(who.user, &who.user_id);
                let content = renewed(&core, tx, &room, &who, changed)?;
                match super::change(&core, tx, &mut room, &origin, &who.user_id, content) {
                    Err(error) if error.reason() == Some(Reason::Forbidden) => Ok(()),
                    done => done.map(drop),
                }
            };
            if let Err(error) = policy::write(&self.core, "room_renew_face", write).await {
                tracing::debug!(user = %user_id, %error, "Failed to renew a member event; going on with other rooms.");
                failed = Some(error);
            }
        }
        failed.map_or(Ok(()), Err)
    }
}

/// Returns the requester's member event with the changed profile field.
fn renewed(
    core: &RoomCore,
    tx: &mut WriteTx<'_>,
    room: &Room,
    who: &Requester,
    changed: MemberProfileField,
) -> Result<CanonicalJsonObject> {
    let mut content = MembershipRequest::new(Membership::Join, None).content()?;
    if let Some(before) = super::current(core, tx.tx(), room, &who.user_id)? {
        let before = content::from_client(before.pdu.content.get()).unwrap_or_default();
        // Drops the reason and the authorising user: they belong to the join.
        let kept = ["displayname", "avatar_url", "is_direct"];
        content.extend(before.into_iter().filter(|(field, _)| kept.contains(&field.as_str())));
    }
    let face = face_of(tx.tx(), who.user)?;
    let (field, value) = match changed {
        MemberProfileField::DisplayName => ("displayname", face.displayname),
        MemberProfileField::AvatarUrl => ("avatar_url", face.avatar_url),
    };
    match value {
        Some(value) => _ = content.insert(field.to_owned(), value.into()),
        None => _ = content.remove(field),
    }
    Ok(content)
}
