//! `POST /user_directory/search`: finding people to talk to.
//!
//! A user finds those they share a room with, and those in rooms of the public directory: nobody learns of people they
//! could not meet anyway.

use std::collections::HashSet;

use hearth_base::{Error, Result, limits};
use hearth_store::ReadTx;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::{rooms, users};
use ruma::{OwnedUserId, UserId};

use crate::Requester;
use crate::core::Core;
use crate::rooms::Rooms;
use crate::rooms::member_profile::{MemberProfile, face_of};

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
        self.core.store.read("rooms_find_users", move |tx| search(&core, tx, &who, &term, limit)).await
    }
}

fn search(core: &Core, tx: &mut ReadTx<'_>, who: &Requester, term: &str, limit: usize) -> Result<UserSearchResults> {
    let mut candidates: HashSet<_> = memberships::neighbours(tx.tx(), who.user)?.into_iter().collect();
    for room in rooms::published(tx.tx())? {
        let members = memberships::of_room(tx.tx(), room)?.into_iter();
        candidates.extend(members.filter(|row| row.membership == Membership::Join).map(|row| row.user));
    }
    candidates.remove(&who.user);
    let mut found = Vec::new();
    for user in candidates {
        let Some(Ok(id)) = users::name(tx.tx(), user)?.map(UserId::parse) else { continue };
        let face = if core.is_local(&id) { face_of(tx.tx(), user)? } else { MemberProfile::default() };
        if let Some(distance) = distance(term, &id, face.displayname.as_deref()) {
            found.push((distance, id, face));
        }
    }
    found.sort_by(|one, other| (one.0, &one.1).cmp(&(other.0, &other.1)));
    let limited = found.len() > limit;
    Ok(UserSearchResults { users: found.into_iter().take(limit).map(|(_, id, face)| (id, face)).collect(), limited })
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
