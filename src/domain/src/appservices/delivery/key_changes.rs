//! Device lists and counts of one-time keys in transactions (MSC3202), for services whose users encrypt.

use std::collections::BTreeSet;

use hearth_base::limits::domain::APPSERVICE_TXN_KEY_USERS_MAX;
use hearth_base::{Position, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{appservices, device_lists as table, one_time_keys, users};
use serde_json::{Value, json};

use super::interest::Interest;

/// The users whose devices changed in `(after, upto]` and who share a room with the service, and those who share none
/// any more; `None` without either.
pub(super) fn device_lists(
    tx: &mut dyn Tx,
    interest: &mut Interest,
    (after, upto): (Position, Position),
) -> Result<Option<Value>> {
    let (mut changed, mut gone) = (BTreeSet::new(), BTreeSet::new());
    for owner in table::changed_between(tx, after, upto)? {
        if interest.wants_user(tx, owner)? {
            changed.insert(owner);
        }
    }
    for step in appservices::moves(tx, after, upto)? {
        if step.now == Membership::Join && interest.wants_room(tx, step.room)? {
            changed.insert(step.member);
        } else if step.before == Membership::Join && !interest.wants_user(tx, step.member)? {
            // They may have shared another room than this one: one name too many costs nothing.
            gone.insert(step.member);
        }
    }
    gone.retain(|user| !changed.contains(user));
    if changed.is_empty() && gone.is_empty() {
        return Ok(None);
    }
    Ok(Some(json!({ "changed": users::names(tx, changed)?, "left": users::names(tx, gone)? })))
}

/// For the devices of some users, by user and device: the counts of one-time keys, and the unused fallback keys. `None`
/// without any device.
pub(super) fn counts(tx: &mut dyn Tx, concerned: BTreeSet<UserSn>) -> Result<(Option<Value>, Option<Value>)> {
    let concerned: Vec<UserSn> = concerned.into_iter().take(APPSERVICE_TXN_KEY_USERS_MAX).collect();
    let keys = one_time_keys::counts_of(tx, &concerned)?;
    if keys.is_empty() {
        return Ok((None, None));
    }
    let fallbacks = one_time_keys::unused_fallback_types_of(tx, &concerned)?;
    Ok((Some(json!(keys)), Some(json!(fallbacks))))
}
