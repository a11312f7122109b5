//! The table of open sessions. Logged-in users and strangers have separate shares of it, and when a share is full, the
//! oldest session of the user or network with the most is closed: strangers close no session but their own.

use std::collections::{HashMap, VecDeque};

use hearth_base::{Millis, limits};
use hearth_core::rates::RateSubject;
use hearth_store::ids::UserSn;

use super::Session;

/// Who began a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum SessionOwner {
    /// A user who is logged in.
    User(UserSn),
    /// A client that is not logged in, by its network.
    Network(RateSubject),
}

/// The open sessions.
#[derive(Debug, Default)]
pub(super) struct Sessions {
    open: HashMap<String, (SessionOwner, Session)>,
    of_users: Share,
    of_networks: Share,
}

/// Session ids by owner, oldest first. No owner is without a session.
#[derive(Debug, Default)]
struct Share {
    ids: HashMap<SessionOwner, VecDeque<String>>,
    count: usize,
}

impl Sessions {
    pub(super) fn get(&self, id: &str) -> Option<&Session> {
        self.open.get(id).map(|(_, session)| session)
    }

    pub(super) fn get_mut(&mut self, id: &str) -> Option<&mut Session> {
        self.open.get_mut(id).map(|(_, session)| session)
    }

    /// Adds a session, and closes others if their number requires it.
    pub(super) fn insert(&mut self, owner: SessionOwner, id: String, session: Session, now_ms: Millis) {
        if let SessionOwner::User(_) = owner
            && self.share(owner).count_of(owner) >= limits::UIA_SESSIONS_PER_USER_MAX
        {
            self.close_oldest(owner);
        }
        if self.share(owner).count >= limits::UIA_SESSIONS_MAX {
            self.close_expired(owner, now_ms);
        }
        if self.share(owner).count >= limits::UIA_SESSIONS_MAX {
            // Ids are few for each owner, so counting them all costs less than keeping them in order.
            let greediest = self.share(owner).ids.iter().max_by_key(|(_, ids)| ids.len()).map(|(owner, _)| *owner);
            greediest.into_iter().for_each(|greediest| self.close_oldest(greediest));
        }
        let share = self.share(owner);
        share.ids.entry(owner).or_default().push_back(id.clone());
        share.count += 1;
        self.open.insert(id, (owner, session));
    }

    pub(super) fn remove(&mut self, id: &str) {
        let Some((owner, _)) = self.open.remove(id) else { return };
        let share = self.share(owner);
        let Some(ids) = share.ids.get_mut(&owner) else { return };
        ids.retain(|other| other != id);
        share.count -= 1;
        if ids.is_empty() {
            share.ids.remove(&owner);
        }
    }

    fn close_oldest(&mut self, owner: SessionOwner) {
        let oldest = self.share(owner).ids.get(&owner).and_then(|ids| ids.front()).cloned();
        oldest.into_iter().for_each(|id| self.remove(&id));
    }

    /// Removes the expired sessions of a share.
    fn close_expired(&mut self, of: SessionOwner, now_ms: Millis) {
        let Self { open, of_users, of_networks } = self;
        let share = if of.is_user() { of_users } else { of_networks };
        for ids in share.ids.values_mut() {
            while ids.front().is_some_and(|id| !open.get(id).is_some_and(|(_, session)| session.lives(now_ms))) {
                ids.pop_front().into_iter().for_each(|id| _ = open.remove(&id));
                share.count -= 1;
            }
        }
        share.ids.retain(|_, ids| !ids.is_empty());
    }

    fn share(&mut self, owner: SessionOwner) -> &mut Share {
        if owner.is_user() { &mut self.of_users } else { &mut self.of_networks }
    }
}

impl SessionOwner {
    fn is_user(self) -> bool {
        matches!(self, Self::User(_))
    }
}

impl Share {
    fn count_of(&self, owner: SessionOwner) -> usize {
        self.ids.get(&owner).map_or(0, VecDeque::len)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use hearth_base::limits::{UIA_SESSION_MS_MAX, UIA_SESSIONS_MAX, UIA_SESSIONS_PER_USER_MAX};

    use super::*;
    use crate::uia::Binding;

    fn session(begun_ms: Millis) -> Session {
        Session {
            binding: Binding { who: None, target: String::new(), body: [0; 32] },
            begun_ms,
            completed: HashSet::new(),
            registration_token: None,
            body: None,
            is_spent: false,
            registered: None,
        }
    }

    fn network(n: u8) -> SessionOwner {
        SessionOwner::Network(RateSubject::V4([192, 0, 2, n]))
    }

    #[test]
    fn strangers_close_only_their_own_sessions() {
        let mut sessions = Sessions::default();
        sessions.insert(SessionOwner::User(UserSn(1)), "owner".to_owned(), session(1), 1);
        sessions.insert(network(1), "newcomer".to_owned(), session(1), 1);
        for n in 0..UIA_SESSIONS_MAX + 500 {
            let from = network(u8::try_from(n % 60).expect("small") + 2);
            sessions.insert(from, format!("stranger {n}"), session(2), 2);
        }
        assert!(sessions.get("owner").is_some() && sessions.get("newcomer").is_some());
        assert!(sessions.get("stranger 0").is_none() && sessions.open.len() == UIA_SESSIONS_MAX + 1);
        assert_eq!(sessions.of_networks.count, UIA_SESSIONS_MAX);
        sessions.insert(network(1), "later".to_owned(), session(1), 2 + UIA_SESSION_MS_MAX);
        assert_eq!(sessions.open.len(), 2, "the expired ones are gone, of the user's share none");
    }

    #[test]
    fn a_user_closes_the_oldest_of_their_own() {
        let mut sessions = Sessions::default();
        let [one, other] = [1, 2].map(|sn| SessionOwner::User(UserSn(sn)));
        sessions.insert(other, "other".to_owned(), session(1), 1);
        for n in 0..=UIA_SESSIONS_PER_USER_MAX {
            sessions.insert(one, format!("{n}"), session(1), 1);
        }
        assert!(sessions.get("0").is_none() && sessions.get("1").is_some() && sessions.get("other").is_some());
        sessions.remove("other");
        assert!(sessions.get("other").is_none() && !sessions.of_users.ids.contains_key(&other));
    }
}
