//! Joining a restricted room: members of other rooms may come in, if somebody here who may invite vouches for them
//! (client-server API, "Restricted rooms"; room versions 8 and later).

use hearth_base::{Reason, Result, error::refuse};
use hearth_store::engine::Tx;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{state, users};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedUserId, UserId};
use serde::Deserialize;

use super::AUTHORISED_VIA;
use crate::core::Core;
use crate::rooms::event::version;
use crate::rooms::{find, power};

/// Rooms of a join rule that are looked at.
const ALLOWED_ROOMS_MAX: usize = 100;

#[derive(Deserialize)]
struct JoinRules {
    join_rule: String,
    #[serde(default)]
    allow: Vec<serde_json::Value>,
}

/// How a joiner stands to the rooms whose members may come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Allowed {
    In,
    NotIn,
    /// This server is in none of those rooms, so it cannot tell.
    Unknown,
}

/// Puts who vouches into the content of a join, if the room is restricted and the joiner needs it. Somebody who is in none
/// of the allowed rooms gets nobody, and the room's rules refuse them.
///
/// Refuses with `M_UNABLE_TO_AUTHORISE_JOIN` when this server cannot tell whether the joiner, who is of another server, is in
/// an allowed room, and with `M_UNABLE_TO_GRANT_JOIN` when nobody here may vouch: other servers may.
pub(crate) fn vouch(
    core: &Core,
    tx: &mut dyn Tx,
    room: &Room,
    joiner: &UserId,
    before: Option<Membership>,
    content: &mut CanonicalJsonObject,
) -> Result<()> {
    // Members and invited users come in by themselves, and the banned not at all.
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

fn join_rules(core: &Core, tx: &mut dyn Tx, room: &Room) -> Result<Option<JoinRules>> {
    let Some(sn) = state::current_named(tx, room.sn, "m.room.join_rules", "")? else { return Ok(None) };
    Ok(core.events.get(tx, sn)?.pdu.content_as().ok())
}

/// Whether the joiner is in one of the rooms whose members may come in. What is known of rooms that this server has left is
/// out of date and does not count.
fn allowed(tx: &mut dyn Tx, rules: &JoinRules, joiner: &UserId) -> Result<Allowed> {
    let joiner = users::find(tx, joiner.as_str())?;
    let of_room = |rule: &&serde_json::Value| rule["type"] == "m.room_membership";
    // With no room to be a member of, no other server can tell more.
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

/// A member of this server who may invite.
fn voucher(core: &Core, tx: &mut dyn Tx, room: &Room) -> Result<Option<OwnedUserId>> {
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
