//! Presence in a sync: of users with a shared room, when it changes or when they come to share a room.

use std::collections::{BTreeMap, HashSet};

use hearth_base::{Position, Result, limits};
use hearth_rooms::read::choice::EventChoice;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{device_lists, memberships};
use ruma::api::client::sync::sync_events::v3::Response;

use super::personal::raw;
use super::read::SyncScope;

/// Adds the presence changes for the reader.
pub(super) fn presence(scope: &SyncScope<'_>, tx: &mut dyn Tx, response: &mut Response) -> Result<()> {
    let choice = EventChoice::from(&scope.query.filter.presence);
    if !choice.wants_type("m.presence") || !scope.sync.presence.enabled() {
        return Ok(());
    }
    let book = &scope.sync.presence;
    let changed: BTreeMap<_, _> = book.changed(scope.since.unwrap_or(Position::ZERO), scope.upto).into_iter().collect();
    let known = known(tx, scope.reader.user, changed.len())?;
    let mut told = HashSet::new();
    for (user, event) in changed {
        let is_known = user == scope.reader.user
            || match &known {
                Some(known) => known.contains(&user),
                None => !memberships::shared_rooms(tx, scope.reader.user, user, 1)?.is_empty(),
            };
        if is_known && choice.wants_sender(&event.sender) && told.insert(user) {
            response.presence.events.push(raw(&event)?);
        }
    }
    let Some(since) = scope.since else { return Ok(()) };
    for user in new_neighbours(scope, tx, since)? {
        let event = book.of(user).filter(|event| choice.wants_sender(&event.sender));
        if let Some(event) = event.filter(|_| told.insert(user)) {
            response.presence.events.push(raw(&event)?);
        }
    }
    Ok(())
}

/// Returns all users with a shared room. None when only a few users are in question: checking these one by one is
/// cheaper, because large rooms have thousands of members.
fn known(tx: &mut dyn Tx, user: UserSn, in_question: usize) -> Result<Option<HashSet<UserSn>>> {
    if in_question <= limits::NEIGHBOURS_ASKED_ONE_BY_ONE_MAX {
        return Ok(None);
    }
    Ok(Some(memberships::neighbours(tx, user)?.into_iter().collect()))
}

/// Returns users who share a room with the reader since `since`, if their presence is known.
fn new_neighbours(scope: &SyncScope<'_>, tx: &mut dyn Tx, since: Position) -> Result<Vec<UserSn>> {
    let reader = scope.reader.user;
    let mut rooms: BTreeMap<RoomSn, Vec<UserSn>> = BTreeMap::new();
    for step in device_lists::moves_between(tx, reader, since, scope.upto)? {
        if step.now == Membership::Join {
            rooms.entry(step.room).or_default().push(step.member);
        }
    }
    let mut found = Vec::new();
    for (room, joined) in rooms {
        if memberships::get(tx, room, reader)?.is_none_or(|row| row.membership != Membership::Join) {
            continue;
        }
        if joined.contains(&reader) {
            // In a newly joined room all members are new, and mostly few of them have a known presence.
            for user in scope.sync.presence.known_users() {
                let member = memberships::get(tx, room, user)?;
                found.extend(member.filter(|row| row.membership == Membership::Join).map(|row| row.user));
            }
        } else {
            found.extend(joined);
        }
    }
    found.retain(|user| *user != reader);
    Ok(found)
}
