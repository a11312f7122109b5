//! Room summaries: heroes and member counts (client-server API, "Calculating the display name").

use hearth_base::Result;
use hearth_rooms::RoomCore;
use hearth_rooms::read::heroes;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use ruma::UInt;
use ruma::api::client::sync::sync_events::v3::RoomSummary;

/// Returns the summary of a room for a member.
pub(super) fn of(core: &RoomCore, tx: &mut dyn Tx, room: &Room, reader: UserSn) -> Result<RoomSummary> {
    let counts = memberships::counts(tx, room.sn)?;
    let count = |of: Membership| {
        let found = counts.iter().find(|(membership, _)| *membership == of);
        Some(UInt::new_saturating(found.map_or(0, |(_, count)| *count)))
    };
    let mut summary = RoomSummary::new();
    summary.joined_member_count = count(Membership::Join);
    summary.invited_member_count = count(Membership::Invite);
    summary.heroes = heroes::of(core, tx, room, reader)?;
    Ok(summary)
}
