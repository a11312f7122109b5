//! Who has to look anew at whose devices: `device_lists` of a sync and `/keys/changes` (client-server API, "Tracking the
//! device list for a user").
//!
//! Errs on the side of saying too much: a user named in `changed` whose devices are the same costs a client one query, a
//! user missing costs them a message that nobody can read.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Arc;

use hearth_base::{Error, Position, Result, limits};
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::{device_lists, users};
use hearth_store::{Lane, WriteTx};
use ruma::{OwnedUserId, UserId};

use super::Crypto;
use crate::Requester;
use crate::core::Core;

/// Up to how many users are asked one by one whether they still share a room.
const ASKED_ONE_BY_ONE_MAX: usize = 16;

/// How many changes of memberships are forgotten in one write, so that none is long.
const FORGOTTEN_AT_ONCE_MAX: u64 = 1_000;

/// How a member of a room moved in a window.
#[derive(Debug, Clone, Copy)]
struct Moved {
    before: Membership,
    now: Membership,
    /// Whether they were out of the room for a while: what their devices, or those of others for them, did then was not followed.
    was_out: bool,
}

/// What moved in a room in a window, by member.
type Moves = BTreeMap<UserSn, Moved>;

/// Notes that `signer` signed a key of `target`. Nobody else sees the signature, so nobody else is told.
pub(super) fn signed(core: &Arc<Core>, tx: &mut WriteTx<'_>, signer: UserSn, target: UserSn) -> Result<()> {
    let at = tx.position();
    device_lists::set_signed(tx.tx(), signer, target, at)?;
    let core = core.clone();
    tx.after_commit(move || core.notifier.wake(&[signer], at));
    Ok(())
}

/// Whose devices `user` must look at anew, and whose they need no longer track, by what happened in `(after, upto]`:
/// `(changed, left)`.
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
    let mut gone = BTreeSet::new();
    if after < device_lists::moves_floor(tx)? {
        // Who came since then is forgotten.
        users_sharing_rooms(tx, user, &mut changed)?;
    }
    for (room, moves) in moves_by_room(tx, user, after, upto)? {
        by_moves(tx, user, room, &moves, &mut changed, &mut gone)?;
    }
    gone.remove(&user);
    let left = without_shared_room(tx, user, gone)?;
    changed.retain(|changed| !left.contains(changed));
    Ok((names(tx, changed)?, names(tx, left)?))
}

/// Whether two users are joined to a room together.
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

/// Whether devices of a member in this standing get keys: those of invited users may, so that they can read what was said
/// before they joined.
fn is_tracked(membership: Membership) -> bool {
    matches!(membership, Membership::Join | Membership::Invite)
}

/// What the moves in one room mean for a user: who came to share it with them (`changed`), who ceased to (`gone`).
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
        // As Synapse does, and clients rely on: in their first encrypted room they read their own list, too.
        changed.insert(user);
    }
    if was_in {
        let left = moves.iter().filter(|(_, moved)| is_tracked(moved.before) && !is_tracked(moved.now));
        gone.extend(left.map(|(member, _)| *member));
    }
    if is_in {
        // Also those who are what they were, if in between they were not.
        let came = |moved: &Moved| is_tracked(moved.now) && (moved.before != moved.now || moved.was_out);
        let came = moves.iter().filter(|(member, moved)| **member != user && came(moved));
        changed.extend(came.map(|(member, _)| *member));
    }
    Ok(())
}

/// Those of `candidates` who share no room with `user` any more.
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
    let mut found = Vec::with_capacity(sns.len());
    for sn in sns {
        let name = users::name(tx, sn)?.ok_or_else(|| Error::broken(format!("user {} has no name", sn.0)))?;
        found.push(UserId::parse(name).map_err(|error| Error::fault("reading a stored user id", error))?);
    }
    Ok(found)
}

impl Crypto {
    /// As [`for_sync`], since the position of a sync token until now: that includes whatever was before any token the
    /// client holds.
    pub async fn key_changes(&self, who: &Requester, after: Position) -> Result<(Vec<OwnedUserId>, Vec<OwnedUserId>)> {
        let user = who.user;
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let upto = tx.position();
            for_sync(tx.tx(), user, after, upto)
        };
        self.core.store.read("key_changes", read).await
    }

    /// Forgets the oldest changes of memberships beyond [`limits::MEMBERSHIP_MOVES_MAX`]. Whose last sync was before them is
    /// told of everybody they share a room with.
    pub async fn forget_moves(&self) -> Result<()> {
        let store = &self.core.store;
        let count = store.read("membership_moves_count", |tx| device_lists::count_moves(tx.tx())).await?;
        let mut excess = count.saturating_sub(limits::MEMBERSHIP_MOVES_MAX);
        while excess > 0 {
            let step = excess.min(FORGOTTEN_AT_ONCE_MAX);
            let prune = move |tx: &mut WriteTx<'_>| device_lists::prune_moves(tx.tx(), step);
            store.write_in(Lane::Upkeep, "membership_moves_prune", prune).await?;
            excess -= step;
        }
        Ok(())
    }
}
