//! Whether a call concerns this server. It creates rooms at the SFU for local users; for remote users only while a
//! local user is in the call or has announced to join, so that remote users cannot hold calls among themselves on
//! this server's resources.

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_store::tables::{rooms, state};
use ruma::RoomId;

use super::{Rtc, TokenRequest, names};

/// Types of the state events of call memberships, current and older.
const MEMBER_EVENTS: [&str; 3] = ["m.rtc.member", "org.matrix.msc4143.rtc.member", "org.matrix.msc3401.call.member"];

impl Rtc {
    /// Returns whether a local user takes part in the call, or has a call membership in the room.
    pub(super) async fn is_wanted_here(&self, wish: TokenRequest<'_>) -> Result<bool> {
        let room_name = names::room_name(wish.room, wish.slot);
        let is_ours = |user: &ruma::UserId| self.core.is_local(user);
        if self.given.has(&room_name, |holder| !holder.is_out && is_ours(&holder.user)) {
            return Ok(true);
        }
        let (core, room) = (self.core.clone(), wish.room.to_owned());
        self.core.store.read("rtc_wanted", move |tx| is_announced(&core, tx, &room)).await
    }
}

fn is_announced(core: &RoomCore, tx: &mut hearth_store::ReadTx<'_>, room: &RoomId) -> Result<bool> {
    let Some(room) = rooms::by_id(tx.tx(), room.as_str())? else { return Ok(false) };
    for kind in MEMBER_EVENTS {
        for sn in state::current_of_type(tx.tx(), room.sn, kind)? {
            let event = core.events.get(tx.tx(), sn)?;
            // A user who has left the call leaves an empty content.
            if core.is_local(&event.pdu.sender) && event.pdu.content.get().trim() != "{}" {
                return Ok(true);
            }
        }
    }
    Ok(false)
}
