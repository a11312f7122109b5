//! Restricted joins: members of other rooms may join, if a local member who may invite authorises it (client-server
//! API, "Restricted rooms"; room versions 8 and later).

use hearth_base::limits::rooms::ALLOWED_ROOMS_MAX;
use hearth_base::{Reason, Result, error::refuse};
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{state, users};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedUserId, UserId};
use serde::Deserialize;

use super::AUTHORISED_VIA;
use crate::RoomCore;
use crate::event::version;
use crate::{find, power};

#[derive(Deserialize)]
struct JoinRules {
    join_rule: String,
    #[serde(default)]
    allow: Vec<serde_json::Value>,
}

/// Result of the check against the rooms of the join rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    In,
    NotIn,
    /// This server is in none of those rooms, so it cannot tell.
    Unknown,
}

/// Adds the authorising user to the content of a join, if the room is restricted and the join needs one. Adds none
/// when the joining user is in no allowed room; the auth rules then reject the join.
///
/// Refuses with `M_UNABLE_TO_AUTHORISE_JOIN` when this server cannot tell whether a remote user is in an allowed
/// room, and with `M_UNABLE_TO_GRANT_JOIN` when no local member may invite: other servers may be able to do so.
pub fn vouch(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: &Room,
    joiner: &UserId,
    before: Option<Membership>,
    content: &mut CanonicalJsonObject,
) -> Result<()> {
    // Members and invited users need no authorising user, and banned users cannot join.
    if matches!(before, Some(Membership::Join | Membership::Invite | Membership::Ban)) {
        return Ok(());
    }
    if !version::stored_rules(&room.version)?.authorization.restricted_join_rule {
        return Ok(());
    }
    let Some(rules) = join_rules(core, tx, room)? else { return Ok(()) };
    if !matches!(rules.join_rule.as_str(), "restricted" | "knock_restricted") {
        return Ok(());
    }
    match allowed(tx, &rules, joiner)? {
        Allowed::In => {}
        Allowed::Unknown if !core.is_local(joiner) => {
            let message = "This server is in none of the rooms whose members may join; ask another one.";
            return Err(refuse(Reason::UnableToAuthoriseJoin, message));
        }
        Allowed::NotIn | Allowed::Unknown => return Ok(()),
    }
    let Some(voucher) = voucher(core, tx, room)? else {
        let message = "Nobody on this server who could invite you is in that room; ask a member for an invite.";
        return Err(refuse(Reason::UnableToGrantJoin, message));
    };
    content.insert(AUTHORISED_VIA.to_owned(), voucher.as_str().into());
    Ok(())
}

fn join_rules(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<Option<JoinRules>> {
    let Some(sn) = state::current_named(tx, room.sn, "m.room.join_rules", "")? else { return Ok(None) };
    Ok(core.events.get(tx, sn)?.pdu.content_as().ok())
}

/// Returns whether the joining user is in one of the allowed rooms. Ignores rooms that this server has left, because
/// its copy of them is out of date.
fn allowed(tx: &mut dyn Tx, rules: &JoinRules, joiner: &UserId) -> Result<Allowed> {
    let joiner = users::find(tx, joiner.as_str())?;
    let of_room = |rule: &&serde_json::Value| rule["type"] == "m.room_membership";
    // Without an allowed room, no other server can know more.
    let mut answer = if rules.allow.iter().any(|rule| of_room(&rule)) { Allowed::Unknown } else { Allowed::NotIn };
    for rule in rules.allow.iter().filter(of_room).take(ALLOWED_ROOMS_MAX) {
        let Some(room_id) = rule["room_id"].as_str() else { continue };
        let Some(allowed) = rooms::by_id(tx, room_id)? else { continue };
        if !find::is_resident(tx, &allowed)? {
            continue;
        }
        answer = Allowed::NotIn;
        let Some(joiner) = joiner else { continue };
        if memberships::get(tx, allowed.sn, joiner)?.is_some_and(|row| row.membership == Membership::Join) {
            return Ok(Allowed::In);
        }
    }
    Ok(answer)
}

/// Returns a local member who may invite.
fn voucher(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<Option<OwnedUserId>> {
    let levels = power::levels(core, tx, room)?;
    for member in memberships::local_joined(tx, room.sn)? {
        let Some(name) = users::name(tx, member)? else { continue };
        if let Ok(user_id) = UserId::parse(name)
            && levels.user_can_invite(&user_id)
        {
            return Ok(Some(user_id));
        }
    }
    Ok(None)
}
