//! Room summaries: heroes and member counts (client-server API, "Calculating the display name").

use hearth_base::limits::users::SUMMARY_HEROES_MAX;
use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state, users};
use ruma::api::client::sync::sync_events::v3::RoomSummary;
use ruma::{UInt, UserId};

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
    let named =
        says(core, tx, room, "m.room.name", "name")? || says(core, tx, room, "m.room.canonical_alias", "alias")?;
    if !named {
        summary.heroes = heroes(tx, room, reader)?;
    }
    Ok(summary)
}

/// Returns whether a state event is set and not empty: removing a name leaves an event without one.
fn says(core: &RoomCore, tx: &mut dyn Tx, room: &Room, kind: &str, field: &str) -> Result<bool> {
    let Some(sn) = state::current_named(tx, room.sn, kind, "")? else { return Ok(false) };
    Ok(core.events.get(tx, sn)?.pdu.content_str(field).is_some_and(|text| !text.is_empty()))
}

/// Returns the first members other than the reader: joined and invited ones, or if there are none, former ones.
fn heroes(tx: &mut dyn Tx, room: &Room, reader: UserSn) -> Result<Vec<ruma::OwnedUserId>> {
    let mut heroes = Vec::new();
    for user in memberships::first_others(tx, room.sn, reader, SUMMARY_HEROES_MAX)? {
        let name = users::name(tx, user)?.ok_or_else(|| Error::broken("a member has no user id"))?;
        heroes.push(UserId::parse(name).map_err(|error| Error::fault("reading a stored user id", error))?);
    }
    Ok(heroes)
}
