//! Profiles (MSC4262): those of the users whom the client sees in rooms, and the changes of all who share a room with the
//! user. Of local users only: the server stores no profiles of others.
//!
//! In a room with lazy members, the client sees the senders of its events, its heroes, and the members in its state; in
//! another room it sees all members. It gets the profile of each of them once, and then what changes. What does not fit into
//! a response is due in the next one.

use std::collections::{BTreeMap, BTreeSet};

use hearth_base::limits::users::{
    SLIDING_PROFILES_BYTES_MAX, SLIDING_PROFILES_PER_ROOM_MAX, SLIDING_PROFILES_PER_SYNC_MAX,
};
use hearth_base::{Position, Result};
use hearth_rooms::read::heroes;
use hearth_store::engine::Tx;
use hearth_store::hash64;
use hearth_store::ids::UserSn;
use hearth_store::tables::{memberships, profile_changes, profiles as table, rooms as rooms_table, users};
use serde_json::{Map, Value};

use super::answer::{ProfileChanges, ProfilesAnswer, RoomAnswer};
use super::connection::{Connection, PROFILES};
use super::extensions::{Rooms, covers};
use super::lists::ShownRoom;
use super::query::ProfilesQuery;
use super::read::SlidingScope;
use super::sent_profiles::SentProfiles;
use crate::crypto::device_lists;
use crate::personal::{profiles, user_id};

/// Profiles for one response.
struct Collector<'a, 'b> {
    scope: &'a SlidingScope<'b>,
    query: &'a ProfilesQuery,
    state: SentProfiles,
    /// Users whom the client is to forget before it gets their whole profile with the next response.
    anew: BTreeSet<UserSn>,
    answer: ProfilesAnswer,
    bytes: usize,
}

/// Returns profiles. Notes in `next` what the client then has.
pub(super) fn read(
    scope: &SlidingScope<'_>,
    tx: &mut dyn Tx,
    rooms: &Rooms<'_>,
    next: &mut Connection,
) -> Result<ProfilesAnswer> {
    let query = &scope.query.extensions.profiles;
    if !query.coverage.enabled {
        // The client misses changes from now on: if it wants profiles later, it gets all of them.
        next.profiles = None;
        next.rooms.values_mut().for_each(|room| room.parts &= !PROFILES);
        return Ok(ProfilesAnswer::default());
    }
    let (anew, answer) = (BTreeSet::new(), ProfilesAnswer::default());
    let mut found = Collector { scope, query, state: begin(scope, query), anew, answer, bytes: 0 };
    if let Some(from) = scope.from {
        found.changes(tx, from)?;
        found.gone(tx, from)?;
    }
    found.seen(tx, rooms, next)?;
    found.due(tx)?;
    found.state.bound();
    next.profiles = Some(found.state);
    Ok(found.answer)
}

/// What the client has at the beginning: nothing, if it wants other fields than before. It always wants its own profile.
fn begin(scope: &SlidingScope<'_>, query: &ProfilesQuery) -> SentProfiles {
    let names = query.fields.iter().flatten().flat_map(|name| [name.as_bytes(), b",".as_slice()]);
    let fields = query.fields.as_ref().map_or(0, |_| hash64(&names.collect::<Vec<_>>()));
    let mut state = scope.sent.profiles.clone().unwrap_or_default();
    if state.fields != fields {
        let known = std::mem::take(&mut state.known);
        known.into_iter().for_each(|user| state.want(user));
    }
    state.fields = fields;
    state.want(scope.reader.user);
    state
}

impl Collector<'_, '_> {
    /// Adds what changed since the last response.
    fn changes(&mut self, tx: &mut dyn Tx, from: Position) -> Result<()> {
        let mut by_user: BTreeMap<UserSn, Vec<String>> = BTreeMap::new();
        for (user, name) in profile_changes::seen_between(tx, self.scope.reader.user, from, self.scope.upto)? {
            by_user.entry(user).or_default().push(name);
        }
        for (user, names) in by_user {
            if !self.state.known.contains(&user) {
                self.state.want(user);
                continue;
            }
            let mut fields = self.fields(tx, user)?;
            let (mut changes, mut size) = (ProfileChanges::default(), 0);
            for name in names.iter().filter(|name| self.wants(name)) {
                size += name.len();
                match fields.remove(name) {
                    Some(value) => {
                        size += value.to_string().len();
                        changes.updated.insert(name.clone(), value);
                    }
                    None => changes.removed.push(name.clone()),
                }
            }
            let is_unclear = names.iter().any(|name| name == profile_changes::SEVERAL);
            if size == 0 && !is_unclear {
                continue;
            }
            if is_unclear || !self.fits(size) {
                // Which fields were removed is not known any more, or cannot be told now.
                self.state.forget(user);
                self.state.want(user);
                self.anew.insert(user);
                self.answer.users.insert(user_id(tx, user)?, None);
            } else {
                self.answer.users.insert(user_id(tx, user)?, Some(changes));
            }
        }
        Ok(())
    }

    /// Tells the client to forget users who no longer share a room.
    fn gone(&mut self, tx: &mut dyn Tx, from: Position) -> Result<()> {
        for user in device_lists::gone(tx, self.scope.reader.user, from, self.scope.upto)? {
            if self.state.forget(user) {
                self.answer.users.insert(user_id(tx, user)?, None);
            }
        }
        Ok(())
    }

    /// Notes whom the client sees in this response.
    fn seen(&mut self, tx: &mut dyn Tx, rooms: &Rooms<'_>, next: &mut Connection) -> Result<()> {
        let mut ids = BTreeSet::new();
        for room in rooms.shown {
            let Some(record) = next.rooms.get_mut(&room.row.room) else { continue };
            if !room.is_joined() || !covers(self.scope, &self.query.coverage, room) {
                record.parts &= !PROFILES;
                continue;
            }
            let is_new = record.parts & PROFILES == 0;
            record.parts |= PROFILES;
            if let Some(answer) = rooms.answers.get(room.id()) {
                add_seen(answer, &mut ids);
            }
            if is_new {
                self.enters(tx, room, &mut ids)?;
            }
        }
        for id in ids {
            if let Some(user) = users::find(tx, &id)? {
                self.state.want(user);
            }
        }
        Ok(())
    }

    /// Notes whom the client sees in a room that is new to this extension.
    fn enters(&mut self, tx: &mut dyn Tx, room: &ShownRoom, ids: &mut BTreeSet<String>) -> Result<()> {
        if !room.required.is_lazy() {
            let members = memberships::local_joined(tx, room.row.room)?;
            members.into_iter().take(SLIDING_PROFILES_PER_ROOM_MAX).for_each(|member| self.state.want(member));
        } else if let Some(row) = rooms_table::by_sn(tx, room.row.room)? {
            let heroes = heroes::of(&self.scope.sync.core, tx, &row, self.scope.reader.user)?;
            ids.extend(heroes.into_iter().map(|hero| hero.to_string()));
        }
        Ok(())
    }

    /// Adds the profiles that are due, as far as they fit.
    fn due(&mut self, tx: &mut dyn Tx) -> Result<()> {
        let me = self.scope.reader.user;
        for user in self.state.due.clone() {
            if self.anew.contains(&user) {
                continue;
            }
            // Those whom the client sees in old events only may have left.
            let is_shared = user == me || !memberships::shared_rooms(tx, me, user, 1)?.is_empty();
            let fields = if is_shared { self.fields(tx, user)? } else { Map::new() };
            let updated: Map<String, Value> = fields.into_iter().filter(|(name, _)| self.wants(name)).collect();
            if !updated.is_empty() {
                let size = updated.iter().map(|(name, value)| name.len() + value.to_string().len()).sum();
                if !self.fits(size) {
                    return Ok(());
                }
                self.state.known.insert(user);
                let changes = ProfileChanges { updated, removed: Vec::new() };
                self.answer.users.insert(user_id(tx, user)?, Some(changes));
            }
            self.state.due.remove(&user);
        }
        Ok(())
    }

    fn fields(&self, tx: &mut dyn Tx, user: UserSn) -> Result<Map<String, Value>> {
        profiles::fields(table::get(tx, user)?)
    }

    fn wants(&self, name: &str) -> bool {
        name != profile_changes::SEVERAL && self.query.fields.as_ref().is_none_or(|fields| fields.contains(name))
    }

    /// Whether this many more bytes fit into the response. The first ones always do.
    fn fits(&mut self, size: usize) -> bool {
        let is_full = self.answer.users.len() >= SLIDING_PROFILES_PER_SYNC_MAX;
        if self.bytes > 0 && (is_full || self.bytes + size > SLIDING_PROFILES_BYTES_MAX) {
            return false;
        }
        self.bytes += size;
        true
    }
}

/// Adds the users whom a room's answer shows: senders, heroes, and members in events.
fn add_seen(answer: &RoomAnswer, ids: &mut BTreeSet<String>) {
    const MEMBER: &str = "m.room.member";
    ids.extend(answer.heroes.iter().map(|hero| hero.user_id.to_string()));
    for event in &answer.timeline {
        ids.extend(text(event.get_field("sender")));
        if text(event.get_field("type")).as_deref() == Some(MEMBER) {
            ids.extend(text(event.get_field("state_key")));
        }
    }
    for event in &answer.required_state {
        if text(event.get_field("type")).as_deref() == Some(MEMBER) {
            ids.extend(text(event.get_field("state_key")));
        }
    }
}

fn text(field: serde_json::Result<Option<String>>) -> Option<String> {
    field.ok().flatten()
}
