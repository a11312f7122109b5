//! `POST /user_directory/search`: the user directory.
//!
//! A user finds users with a shared room, and members of rooms that every user may join or read: the search must not
//! reveal users whom the requester could not meet otherwise. The configuration may allow local users to find each
//! other without a shared room.

use hearth_base::boxed;
use std::collections::{HashMap, HashSet};

use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
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
use crate::RoomCore;
use crate::member_profile::{MemberProfile, face_of};
use crate::{Rooms, find};

/// Rooms per query.
const ROOMS_AT_ONCE: u64 = 500;

/// Users found, and whether there are more.
#[derive(Debug)]
pub struct UserSearchResults {
    /// The users with their profiles, best matches first.
    pub users: Vec<(OwnedUserId, MemberProfile)>,
    /// Whether the result was cut at the limit.
    pub limited: bool,
}

impl Rooms {
    /// Returns the users whose id or display name contains all words of `term`.
    #[boxed]
    pub async fn find_users(&self, who: &Requester, term: &str, limit: usize) -> Result<UserSearchResults> {
        if term.len() > limits::SEARCH_TERM_BYTES_MAX {
            return Err(Error::invalid("The search term is too long; search for a part of the name."));
        }
        let (core, who, term) = (self.core.clone(), who.clone(), term.to_lowercase());
        let limit = limit.clamp(1, limits::USER_SEARCH_RESULTS_MAX);
        self.core.store.read_slow("rooms_find_users", move |tx| search(&core, tx, &who, &term, limit)).await
    }
}

fn search(
    core: &RoomCore,
    tx: &mut ReadTx<'_>,
    who: &Requester,
    term: &str,
    limit: usize,
) -> Result<UserSearchResults> {
    let mut search = UserSearch::new(term);
    for room in memberships::joined_rooms(tx.tx(), who.user)? {
        search.visit(tx.tx(), room)?;
    }
    // A requester who shares no room finds themselves like everyone else: through open rooms.
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

/// Searches the rooms that every user may join or read, published or not. Returns whether the requester is in one of
/// them.
fn search_open_rooms(core: &RoomCore, tx: &mut dyn Tx, who: &Requester, search: &mut UserSearch<'_>) -> Result<bool> {
    let (mut after, mut is_in_one) = (RoomSn(0), false);
    for _ in 0..limits::USER_SEARCH_ROOMS_MAX / ROOMS_AT_ONCE {
        let rooms = rooms::list(tx, after, ROOMS_AT_ONCE)?;
        let Some(last) = rooms.last() else { break };
        after = last.sn;
        for room in &rooms {
            if room.snapshot.is_none() || !is_open(core, tx, room)? || !find::is_resident(tx, room)? {
                continue;
            }
            search.visit(tx, room.sn)?;
            is_in_one |= find::membership_status(tx, room, who.user)? == Some(Membership::Join);
        }
    }
    Ok(is_in_one)
}

/// Returns whether every user may join or read a room. Being listed in the directory opens none.
fn is_open(core: &RoomCore, tx: &mut dyn Tx, room: &Room) -> Result<bool> {
    Ok(join_rule(core, tx, room)?.kind() == JoinRuleKind::Public || is_world_readable(core, tx, room)?)
}

/// A search in progress.
struct UserSearch<'a> {
    /// The search term in lower case.
    term: &'a str,
    /// Its words as they would appear in an event's JSON; none when a word would be escaped there.
    words: Option<Vec<&'a str>>,
    visited: HashSet<RoomSn>,
    /// Matching local users, whose profiles are in the database.
    locals: HashSet<UserSn>,
    /// Matching remote users, with their profile in one of the rooms.
    remote: HashMap<OwnedUserId, (u8, MemberProfile)>,
    found: Vec<(u8, OwnedUserId, MemberProfile)>,
    /// How many more members to examine.
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

    /// Searches the members of a room, once per room.
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

    /// Remote users have no profile in the database, so take it from their member event.
    fn look_at_remote(&mut self, member: &JoinedMember<'_>) {
        let Ok(json) = std::str::from_utf8(&member.json) else { return };
        // Most members do not match: compare the raw text before parsing it.
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

    /// Returns the best matches first.
    fn results(mut self, limit: usize) -> UserSearchResults {
        self.found.extend(self.remote.into_iter().map(|(id, (distance, profile))| (distance, id, profile)));
        self.found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
        let limited = self.found.len() > limit;
        let users = self.found.into_iter().take(limit).map(|(_, id, profile)| (id, profile)).collect();
        UserSearchResults { users, limited }
    }
}

/// The profile fields of a member event.
#[derive(Deserialize)]
struct MemberEvent {
    content: MemberContent,
}

#[derive(Default, Deserialize)]
struct MemberContent {
    displayname: Option<String>,
    avatar_url: Option<String>,
}

/// Returns how far a user is from the search term (lower case): 0 is an exact match, larger is further, none is no
/// match.
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
