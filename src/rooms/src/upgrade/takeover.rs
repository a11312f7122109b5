//! State that a new room copies from the room it replaces.

use std::sync::Arc;

use hearth_base::Result;
use hearth_store::WriteTx;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{state, users};
use ruma::UserId;
use ruma::canonical_json::CanonicalJsonObject;
use ruma::room_version_rules::AuthorizationRules;

use super::powers;
use crate::RoomCore;
use crate::append::{Sender, append};
use crate::event::{Draft, version};
use crate::{content, power};

/// State event types that are copied unchanged, in addition to the join rules and the power levels.
const COPIED: &[&str] = &[
    "m.room.history_visibility",
    "m.room.guest_access",
    "m.room.encryption",
    "m.room.server_acl",
    "m.room.avatar",
    "m.room.name",
    "m.room.topic",
];

/// Copies the state. Power levels that suffice for the upgrading user come first; the translated ones come last, if
/// they differ.
pub(super) fn state(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    old: &Room,
    new: &mut Room,
    origin: &Sender,
) -> Result<()> {
    let rules = &version::stored_rules(&new.version)?.authorization;
    let levels = named(core, tx, old, "m.room.power_levels")?.unwrap_or_default();
    let old_creators = power::creators(core, tx.tx(), old)?;
    let above_before = version::stored_rules(&old.version)?.authorization.explicitly_privilege_room_creators;
    let new_creators = power::creators(core, tx.tx(), new)?;
    // Between two versions with privileged creators, the old creators get no level: the upgrading user names the
    // additional creators. In a version without, they get a level instead of their place.
    let lose_place = above_before && !rules.explicitly_privilege_room_creators;
    let lasting = powers::translate(levels, if lose_place { &old_creators } else { &[] }, rules, &new_creators);
    let first = powers::enough_for(&lasting, rules, &origin.user_id);
    append(core, tx, new, origin, Draft::state("m.room.power_levels", "", first.clone()))?;
    for kind in COPIED {
        if let Some(content) = named(core, tx, old, kind)? {
            append(core, tx, new, origin, Draft::state(*kind, "", content))?;
        }
    }
    let join_rules = named(core, tx, old, "m.room.join_rules")?.unwrap_or_default();
    append(core, tx, new, origin, Draft::state("m.room.join_rules", "", join_rules_for(rules, join_rules)))?;
    if is_space(core, tx, old)? {
        children(core, tx, old, new, origin)?;
    }
    if lasting != first {
        append(core, tx, new, origin, Draft::state("m.room.power_levels", "", lasting))?;
    }
    Ok(())
}

/// Returns the content of a state event of the old room, if it is not empty.
fn named(core: &RoomCore, tx: &mut WriteTx<'_>, room: &Room, kind: &str) -> Result<Option<CanonicalJsonObject>> {
    let Some(sn) = state::current_named(tx.tx(), room.sn, kind, "")? else { return Ok(None) };
    let content = content::from_client(core.events.get(tx.tx(), sn)?.pdu.content.get());
    Ok(content.ok().filter(|content| !content.is_empty()))
}

/// Returns the join rules if the new version supports them; otherwise `invite`.
fn join_rules_for(rules: &AuthorizationRules, content: CanonicalJsonObject) -> CanonicalJsonObject {
    let known = match content::text(&content, "join_rule") {
        Some("public" | "invite" | "private") => true,
        Some("knock") => rules.knocking,
        Some("restricted") => rules.restricted_join_rule,
        Some("knock_restricted") => rules.knock_restricted_join_rule,
        _ => false,
    };
    if known { content } else { [("join_rule".to_owned(), "invite".into())].into() }
}

fn is_space(core: &RoomCore, tx: &mut WriteTx<'_>, room: &Room) -> Result<bool> {
    Ok(power::create_event(core, tx.tx(), room)?.pdu.content_str("type").as_deref() == Some("m.space"))
}

/// Copies a space's children; skips removed children, which have an empty content.
fn children(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, old: &Room, new: &mut Room, origin: &Sender) -> Result<()> {
    for sn in state::current_of_type(tx.tx(), old.sn, "m.space.child")? {
        let child = core.events.get(tx.tx(), sn)?;
        let content = content::from_client(child.pdu.content.get()).unwrap_or_default();
        let Some(state_key) = child.pdu.state_key.as_deref().filter(|_| !content.is_empty()) else { continue };
        append(core, tx, new, origin, Draft::state("m.space.child", state_key, content))?;
    }
    Ok(())
}

/// Bans the users who are banned in the old room.
pub(super) fn bans(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    old: &Room,
    new: &mut Room,
    origin: &Sender,
) -> Result<()> {
    let everybody = memberships::of_room(tx.tx(), old.sn)?;
    for row in everybody.into_iter().filter(|row| row.membership == Membership::Ban) {
        let content = content::from_client(core.events.get(tx.tx(), row.event)?.pdu.content.get()).unwrap_or_default();
        let Some(Ok(user_id)) = users::name(tx.tx(), row.user)?.map(UserId::parse) else { continue };
        append(core, tx, new, origin, Draft::state("m.room.member", user_id.as_str(), content))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn join_rules_that_the_version_does_not_know_become_invitations() {
        let knock = || content::from_client(r#"{"join_rule":"knock"}"#).expect("canonical");
        assert_eq!(join_rules_for(&AuthorizationRules::V7, knock()), knock());
        let invite = content::from_client(r#"{"join_rule":"invite"}"#).expect("canonical");
        assert_eq!(join_rules_for(&AuthorizationRules::V6, knock()), invite);
        assert_eq!(join_rules_for(&AuthorizationRules::V12, CanonicalJsonObject::new()), invite);
    }
}
