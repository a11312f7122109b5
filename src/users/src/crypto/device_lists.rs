//! Device list tracking: `device_lists` of a sync and `/keys/changes` (client-server API, "Tracking the device list for
//! a user").
//!
//! It returns too many users rather than too few: an unneeded user in `changed` costs the client one query; a missing
//! user makes messages undecryptable.

use hearth_base::boxed;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use hearth_base::limits::users::{ASKED_ONE_BY_ONE_MAX, DEVICE_LISTS_FORGOTTEN_AT_ONCE_MAX};
use hearth_base::{Position, Result, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::device_lists;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::{Lane, WriteTx};
use ruma::OwnedUserId;

use super::Crypto;
use crate::personal::user_id;

/// A member's membership change in a window of the stream.
#[derive(Debug, Clone, Copy)]
struct Moved {
    before: Membership,
    now: Membership,
    /// Whether the member was out of the room in between: device changes of that time were not tracked, in either
    /// direction.
    was_out: bool,
}

/// Membership changes in a room in a window, by member.
type Moves = BTreeMap<UserSn, Moved>;

/// Records that `signer` signed a key of `target`. Only the signer sees the signature, so only the signer is notified.
pub(super) fn signed(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, signer: UserSn, target: UserSn) -> Result<()> {
    let at = tx.position();
    device_lists::set_signed(tx.tx(), signer, target, at)?;
    let core = core.clone();
    tx.after_commit(move || core.notifier.wake(&[signer], at));
    Ok(())
}

/// The users whose devices `user` must query again, and those they need not track any more, from changes in `(after,
/// upto]`: `(changed, left)`.
pub fn for_sync(
    tx: &mut dyn Tx,
    user: UserSn,
    after: Position,
    upto: Position,
) -> Result<(Vec<OwnedUserId>, Vec<OwnedUserId>)> {
    let mut changed = BTreeSet::from_iter(device_lists::signed_between(tx, user, after, upto)?);
    for owner in device_lists::changed_between(tx, after, upto)? {
        if owner == user || shares_room(tx, user, owner)? {
            changed.insert(owner);
        }
    }
    if after < device_lists::moves_floor(tx)? {
        // The membership changes since `after` are already deleted, so return every user who shares a room.
        users_sharing_rooms(tx, user, &mut changed)?;
    }
    let (came, left) = came_and_gone(tx, user, after, upto)?;
    changed.extend(came);
    changed.retain(|changed| !left.contains(changed));
    Ok((names(tx, changed)?, names(tx, left)?))
}

/// Those who shared a room with `user` at some time in `(after, upto]` and no longer do. Not all of them, if the membership
/// changes since `after` are already deleted.
pub(crate) fn gone(tx: &mut dyn Tx, user: UserSn, after: Position, upto: Position) -> Result<BTreeSet<UserSn>> {
    Ok(came_and_gone(tx, user, after, upto)?.1)
}

/// Those who came to share a room with `user` in `(after, upto]`, and those who shared one at some time in it and no longer
/// do.
fn came_and_gone(
    tx: &mut dyn Tx,
    user: UserSn,
    after: Position,
    upto: Position,
) -> Result<(BTreeSet<UserSn>, BTreeSet<UserSn>)> {
    let (mut came, mut gone) = (BTreeSet::new(), BTreeSet::new());
    for (room, moves) in moves_by_room(tx, user, after, upto)? {
        by_moves(tx, user, room, &moves, &mut came, &mut gone)?;
    }
    // Clients always track the devices of their own user.
    gone.remove(&user);
    Ok((came, without_shared_room(tx, user, gone)?))
}

/// Whether two users are joined to the same room.
fn shares_room(tx: &mut dyn Tx, one: UserSn, other: UserSn) -> Result<bool> {
    Ok(!memberships::shared_rooms(tx, one, other, 1)?.is_empty())
}

/// Adds the users who share a room with `user` and whose device lists it tracks.
fn users_sharing_rooms(tx: &mut dyn Tx, user: UserSn, found: &mut BTreeSet<UserSn>) -> Result<()> {
    for room in memberships::joined_rooms(tx, user)? {
        let members = memberships::of_room(tx, room)?.into_iter();
        found.extend(members.filter(|row| is_tracked(row.membership) && row.user != user).map(|row| row.user));
    }
    Ok(())
}

fn moves_by_room(tx: &mut dyn Tx, user: UserSn, after: Position, upto: Position) -> Result<BTreeMap<RoomSn, Moves>> {
    let mut rooms: BTreeMap<RoomSn, Moves> = BTreeMap::new();
    for step in device_lists::moves_between(tx, user, after, upto)? {
        let moves = rooms.entry(step.room).or_default();
        let moved = moves.entry(step.member).or_insert(Moved { before: step.before, now: step.now, was_out: false });
        moved.now = step.now;
        moved.was_out |= !is_tracked(step.now);
    }
    Ok(rooms)
}

/// Whether devices of a member with this membership receive room keys. Invited users do, so that they can read messages
/// from before they joined.
fn is_tracked(membership: Membership) -> bool {
    matches!(membership, Membership::Join | Membership::Invite)
}

/// The effect of the changes in one room on a user: who now shares it with them (`changed`), who no longer does
/// (`gone`).
fn by_moves(
    tx: &mut dyn Tx,
    user: UserSn,
    room: RoomSn,
    moves: &Moves,
    changed: &mut BTreeSet<UserSn>,
    gone: &mut BTreeSet<UserSn>,
) -> Result<()> {
    let mine = match moves.get(&user) {
        Some(mine) => *mine,
        None => {
            // The user's own membership did not change in this window.
            let now = memberships::get(tx, room, user)?.map_or(Membership::Leave, |row| row.membership);
            Moved { before: now, now, was_out: false }
        }
    };
    let (was_in, is_in) = (mine.before == Membership::Join, mine.now == Membership::Join);
    let came_back = was_in && is_in && mine.was_out;
    if was_in != is_in || came_back {
        let members = memberships::of_room(tx, room)?;
        let members = members.into_iter().filter(|row| is_tracked(row.membership) && row.user != user);
        let found = if is_in { &mut *changed } else { &mut *gone };
        found.extend(members.map(|row| row.user));
    }
    if is_in && !was_in {
        // Clients rely on this, as on Synapse: in their first encrypted room they query their own devices, too.
        changed.insert(user);
    }
    if was_in {
        let left = moves.iter().filter(|(_, moved)| is_tracked(moved.before) && !is_tracked(moved.now));
        gone.extend(left.map(|(member, _)| *member));
    }
    if is_in {
        // Include members whose membership is the same as before, if it was another one in between.
        let came = |moved: &Moved| is_tracked(moved.now) && (moved.before != moved.now || moved.was_out);
        let came = moves.iter().filter(|(member, moved)| **member != user && came(moved));
        changed.extend(came.map(|(member, _)| *member));
    }
    Ok(())
}

/// Those of `candidates` who no longer share a room with `user`.
fn without_shared_room(tx: &mut dyn Tx, user: UserSn, candidates: BTreeSet<UserSn>) -> Result<BTreeSet<UserSn>> {
    if candidates.len() > ASKED_ONE_BY_ONE_MAX {
        let shared = HashSet::<UserSn>::from_iter(memberships::neighbours(tx, user)?);
        return Ok(candidates.into_iter().filter(|candidate| !shared.contains(candidate)).collect());
    }
    let mut left = BTreeSet::new();
    for candidate in candidates {
        if !shares_room(tx, user, candidate)? {
            left.insert(candidate);
        }
    }
    Ok(left)
}

fn names(tx: &mut dyn Tx, sns: BTreeSet<UserSn>) -> Result<Vec<OwnedUserId>> {
    sns.into_iter().map(|sn| user_id(tx, sn)).collect()
}

impl Crypto {
    /// As [`for_sync`], from the position of a sync token until now. That includes changes before any token of the
    /// client.
    #[boxed]
    pub async fn key_changes(&self, who: &Requester, after: Position) -> Result<(Vec<OwnedUserId>, Vec<OwnedUserId>)> {
        let user = who.user;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let upto = tx.position();
            for_sync(tx.tx(), user, after, upto)
        };
        self.core.store.read("key_changes", read).await
    }

    /// Deletes the oldest membership changes beyond [`limits::MEMBERSHIP_MOVES_MAX`]. A client whose last sync is older
    /// gets every user who shares a room.
    #[boxed]
    pub async fn forget_moves(&self) -> Result<()> {
        let store = &self.core.store;
        let count = store.read("membership_moves_count", |tx| device_lists::count_moves(tx.tx())).await?;
        let mut excess = count.saturating_sub(limits::MEMBERSHIP_MOVES_MAX);
        while excess > 0 {
            let step = excess.min(DEVICE_LISTS_FORGOTTEN_AT_ONCE_MAX);
            let prune = move |tx: &mut WriteTx<'_>| device_lists::prune_moves(tx.tx(), step);
            store.write_in(Lane::Upkeep, "membership_moves_prune", prune).await?;
            excess -= step;
        }
        Ok(())
    }
}
