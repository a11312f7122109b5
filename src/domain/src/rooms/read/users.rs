//! `POST /user_directory/search`: finding people to talk to.
//!
//! A user finds those they share a room with, and those in rooms that anyone may join or read: no one learns of people they
//! could not meet anyway. Where the configuration has it so, the people of this server find each other without that.

use std::collections::{HashMap, HashSet};

use hearth_base::{Error, Result, limits};
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::memberships::{self, JoinedMember, Membership};
use hearth_store::tables::rooms::{self, Room};
use hearth_store::tables::{accounts, users};
use ruma::room::JoinRuleKind;
use ruma::{OwnedUserId, UserId};
use serde::Deserialize;

use super::access::is_world_readable;
use super::summary::join_rule;
use crate::Requester;
use crate::core::Core;
use crate::rooms::member_profile::{MemberProfile, face_of};
use crate::rooms::{Rooms, find};

/// Rooms that are listed at a time.
const ROOMS_AT_ONCE: u64 = 500;

/// Users found, and whether there are more.
#[derive(Debug)]
pub struct UserSearchResults {
    /// The users and how they look, best matches first.
    pub users: Vec<(OwnedUserId, MemberProfile)>,
    /// Whether some were left out.
    pub limited: bool,
}

impl Rooms {
    /// Users whose id or display name has all words of `term` in it.
    pub async fn find_users(&self, who: &Requester, term: &str, limit: usize) -> Result<UserSearchResults> {
        if term.len() > limits::SEARCH_TERM_BYTES_MAX {
            return Err(Error::invalid("The search term is too long; search for a part of the name."));
        }
        let (core, who, term) = (self.core.clone(), who.clone(), term.to_lowercase());
        let limit = limit.clamp(1, limits::USER_SEARCH_RESULTS_MAX);
        self.core.store.read_slow("rooms_find_users", move |tx| search(&core, tx, &who, &term, limit)).await
    }
}

fn search(core: &Core, tx: &mut ReadTx<'_>, who: &Requester, term: &str, limit: usize) -> Result<UserSearchResults> {
    let mut search = UserSearch::new(term);
    for room in memberships::joined_rooms(tx.tx(), who.user)? {
        search.visit(tx.tx(), room)?;
    }
    // Who shares no room with themselves is found like everyone else: in rooms that are open to all.
    let is_oneself_open = search_open_rooms(core, tx.tx(), who, &mut search)?;
    if core.config.user_directory.finds_all(&core.config.registration) && !who.guest {
        search.locals.extend(accounts::people(tx.tx())?);
    }
    if !is_oneself_open {
        search.locals.remove(&who.user);
    }
    search.look_up_locals(tx.tx())?;
    Ok(search.results(limit))
}

/// Visits the rooms that anyone may join or read, listed in the directory or not. Says whether the searcher is in one.
fn search_open_rooms(core: &Core, tx: &mut dyn Tx, who: &Requester, search: &mut UserSearch<'_>) -> Result<bool> {
    let (mut after, mut is_in_one) = (RoomSn(0), false);
    for _ in 0..limits::USER_SEARCH_ROOMS_MAX / ROOMS_AT_ONCE {
        let rooms = rooms::list(tx, after, ROOMS_AT_ONCE)?;
        let Some(last) = rooms.last() else { break };
        after = last.sn;
        for room in &rooms {
            if room.snapshot.0 == 0 || !is_open(core, tx, room)? || !find::is_resident(tx, room)? {
                continue;
            }
            search.visit(tx, room.sn)?;
            is_in_one |= find::membership_status(tx, room, who.user)? == Some(Membership::Join);
        }
    }
    Ok(is_in_one)
}

/// Whether anyone may join a room, or read it.
fn is_open(core: &Core, tx: &mut dyn Tx, room: &Room) -> Result<bool> {
    Ok(room.published
        || join_rule(core, tx, room)?.kind() == JoinRuleKind::Public
        || is_world_readable(core, tx, room)?)
}

/// A search under way.
struct UserSearch<'a> {
    /// Lowercase.
    term: &'a str,
    /// Its words, as they would stand in an event's JSON; none when one of them would be escaped there.
    words: Option<Vec<&'a str>>,
    visited: HashSet<RoomSn>,
    /// Users of this server, whose profiles are here.
    locals: HashSet<UserSn>,
    /// Users of other servers that match, as a room shows them.
    remote: HashMap<OwnedUserId, (u8, MemberProfile)>,
    found: Vec<(u8, OwnedUserId, MemberProfile)>,
    /// How many members may still be looked at.
    left: usize,
}

impl<'a> UserSearch<'a> {
    fn new(term: &'a str) -> Self {
        let bare = term.trim().trim_start_matches('@');
        Self {
            term,
            words: (!bare.contains(['"', '\\'])).then(|| bare.split_whitespace().collect()),
            visited: HashSet::new(),
            locals: HashSet::new(),
            remote: HashMap::new(),
            found: Vec::new(),
            left: limits::USER_SEARCH_MEMBERS_MAX,
        }
    }

    /// Looks at the members of a room, once.
    fn visit(&mut self, tx: &mut dyn Tx, room: RoomSn) -> Result<()> {
        if self.left == 0 || !self.visited.insert(room) {
            return Ok(());
        }
        memberships::joined_with_events(tx, room, &mut |member| {
            self.left -= 1;
            if member.local {
                self.locals.insert(member.user);
            } else {
                self.look_at_remote(&member);
            }
            Ok(self.left > 0)
        })
    }

    /// This server does not have the profiles of other servers' users; how a room shows them is in the member event.
    fn look_at_remote(&mut self, member: &JoinedMember<'_>) {
        let Ok(json) = std::str::from_utf8(&member.json) else { return };
        // Most do not match, and need not be parsed to find out.
        let lower = json.to_lowercase();
        if self.words.as_ref().is_some_and(|words| !words.iter().all(|word| lower.contains(word))) {
            return;
        }
        let Ok(id) = UserId::parse(member.id) else { return };
        let content = serde_json::from_str::<MemberEvent>(json).map(|event| event.content).unwrap_or_default();
        let profile = MemberProfile { displayname: content.displayname, avatar_url: content.avatar_url };
        let Some(distance) = distance(self.term, &id, profile.displayname.as_deref()) else { return };
        let better = self.remote.get(&id).is_none_or(|(known, _)| distance < *known);
        if better {
            self.remote.insert(id, (distance, profile));
        }
    }

    fn look_up_locals(&mut self, tx: &mut dyn Tx) -> Result<()> {
        for user in std::mem::take(&mut self.locals) {
            let Some(Ok(id)) = users::name(tx, user)?.map(UserId::parse) else { continue };
            let profile = face_of(tx, user)?;
            if let Some(distance) = distance(self.term, &id, profile.displayname.as_deref()) {
                self.found.push((distance, id, profile));
            }
        }
        Ok(())
    }

    /// The best matches first.
    fn results(mut self, limit: usize) -> UserSearchResults {
        self.found.extend(self.remote.into_iter().map(|(id, (distance, profile))| (distance, id, profile)));
        self.found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let limited = self.found.len() > limit;
        let users = self.found.into_iter().take(limit).map(|(_, id, profile)| (id, profile)).collect();
        UserSearchResults { users, limited }
    }
}

/// What of a member event matters.
#[derive(Deserialize)]
struct MemberEvent {
    content: MemberContent,
}

#[derive(Default, Deserialize)]
struct MemberContent {
    displayname: Option<String>,
    avatar_url: Option<String>,
}

/// How far a user is from what is looked for (lowercase): 0 is the very name, more is further; none does not match.
fn distance(term: &str, id: &UserId, name: Option<&str>) -> Option<u8> {
    let (term, name) = (term.trim(), name.unwrap_or_default().to_lowercase());
    let id = id.as_str().to_lowercase();
    let bare = term.strip_prefix('@').unwrap_or(term);
    let localpart = id[1..].split(':').next().unwrap_or_default();
    if bare == localpart || term == id || term == name {
        return Some(0);
    }
    if localpart.starts_with(bare) || name.starts_with(term) {
        return Some(1);
    }
    bare.split_whitespace().all(|word| id.contains(word) || name.contains(word)).then_some(2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nearer_names_come_first() {
        let id = ruma::user_id!("@alice.smith:hearth.example");
        let alice = |term: &str| distance(term, id, Some("Alice in Wonderland"));
        for (term, wanted) in [
            ("alice.smith", Some(0)),
            ("@alice.smith:hearth.example", Some(0)),
            ("alice in wonderland", Some(0)),
            ("@alice", Some(1)),
            ("alice in", Some(1)),
            ("wonder smith", Some(2)),
            ("land", Some(2)),
            ("bob", None),
            ("alice bob", None),
        ] {
            assert_eq!(alice(term), wanted, "{term}");
        }
        assert_eq!(distance("x", id, None), Some(2), "the server's name is part of the id");
        assert_eq!(distance("zz", id, None), None);
    }
}
