//! What each user has taken, over all threads: allocations held, bandwidth, and totals to show.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Quotas;
use crate::limits::USERS_REMEMBERED_MAX;
use crate::server::Traffic;

/// How far a user may be ahead of an even rate: one second's worth.
const BURST_NS: u64 = 1_000_000_000;

/// Which quota is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quota {
    /// The user has as many allocations as one may have.
    User,
    /// All users together have.
    Relay,
}

/// What a user has and had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTotals {
    /// As given to [`crate::credentials::mint`].
    pub user: String,
    /// Allocations held now.
    pub allocations: u32,
    /// Allocations that have ended.
    pub ended: u64,
    /// From clients to peers, by allocations that have ended.
    pub to_peers: Traffic,
    /// From peers to clients, by allocations that have ended.
    pub to_clients: Traffic,
}

/// One user. Threads share it.
#[derive(Debug)]
pub(crate) struct User {
    pub(crate) name: String,
    allocations: AtomicU32,
    /// When the next byte would be due at an even rate, in nanoseconds.
    due_ns: AtomicU64,
    past: Mutex<(u64, Traffic, Traffic)>,
}

impl User {
    /// Whether `bytes` more fit into the user's bandwidth, and takes them.
    pub(crate) fn takes(&self, bytes: usize, now_ms: u64, bytes_per_s: u64) -> bool {
        if bytes_per_s == 0 {
            return true;
        }
        let (now, cost) = (now_ms * 1_000_000, bytes as u64 * 1_000_000_000 / bytes_per_s);
        let step = |due: u64| (due < now + BURST_NS).then(|| due.max(now) + cost);
        self.due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

/// All users that have allocations, and some that had.
#[derive(Debug, Default)]
pub(crate) struct Users {
    known: Mutex<HashMap<String, Arc<User>>>,
    allocations: AtomicU32,
}

impl Users {
    /// Counts one more allocation of `name`, or says which quota forbids it.
    pub(crate) fn take(&self, name: &str, quotas: &Quotas) -> Result<Arc<User>, Quota> {
        let mut known = self.known.lock();
        if self.allocations.load(Ordering::Relaxed) >= quotas.allocations {
            return Err(Quota::Relay);
        }
        if let Some(user) = known.get(name) {
            if user.allocations.load(Ordering::Relaxed) >= quotas.allocations_per_user {
                return Err(Quota::User);
            }
        } else {
            Self::make_room(&mut known);
        }
        let user = known.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(User { name: name.to_owned(), allocations: 0.into(), due_ns: 0.into(), past: Mutex::default() })
        });
        // Under the lock, so that two threads cannot both take the last one.
        user.allocations.fetch_add(1, Ordering::Relaxed);
        self.allocations.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::clone(user))
    }

    /// Forgets somebody who has no allocation, if there are many.
    fn make_room(known: &mut HashMap<String, Arc<User>>) {
        if known.len() >= USERS_REMEMBERED_MAX {
            let idle = known.iter().find(|(_, user)| user.allocations.load(Ordering::Relaxed) == 0);
            if let Some(name) = idle.map(|(name, _)| name.clone()) {
                known.remove(&name);
            }
        }
    }

    /// Gives back an allocation, with what it relayed.
    pub(crate) fn release(&self, user: &User, to_peers: Traffic, to_clients: Traffic) {
        let _known = self.known.lock();
        user.allocations.fetch_sub(1, Ordering::Relaxed);
        self.allocations.fetch_sub(1, Ordering::Relaxed);
        let mut past = user.past.lock();
        past.0 += 1;
        past.1 += to_peers;
        past.2 += to_clients;
    }

    /// Gives back an allocation that came to nothing.
    pub(crate) fn take_back(&self, user: &User) {
        let _known = self.known.lock();
        user.allocations.fetch_sub(1, Ordering::Relaxed);
        self.allocations.fetch_sub(1, Ordering::Relaxed);
    }

    /// Allocations of everybody now.
    pub(crate) fn allocations(&self) -> u32 {
        self.allocations.load(Ordering::Relaxed)
    }

    /// What everybody has and had, by name.
    pub(crate) fn totals(&self) -> Vec<UserTotals> {
        let mut totals: Vec<_> = self.known.lock().values().map(|user| user.totals()).collect();
        totals.sort_by(|a, b| a.user.cmp(&b.user));
        totals
    }
}

impl User {
    fn totals(&self) -> UserTotals {
        let (ended, to_peers, to_clients) = *self.past.lock();
        let allocations = self.allocations.load(Ordering::Relaxed);
        UserTotals { user: self.name.clone(), allocations, ended, to_peers, to_clients }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotas_hold_and_come_back() {
        let (users, quotas) =
            (Users::default(), Quotas { allocations_per_user: 2, allocations: 3, ..Quotas::default() });
        let first = users.take("a", &quotas).unwrap();
        users.take("a", &quotas).unwrap();
        assert_eq!(users.take("a", &quotas).unwrap_err(), Quota::User);
        users.take("b", &quotas).unwrap();
        assert_eq!(users.take("b", &quotas).unwrap_err(), Quota::Relay);
        users.release(&first, Traffic { packets: 1, bytes: 100 }, Traffic::default());
        users.take("b", &quotas).unwrap();
        let totals = users.totals();
        assert_eq!((totals[0].allocations, totals[0].ended, totals[0].to_peers.bytes), (1, 1, 100));
    }

    #[test]
    fn bandwidth_is_a_second_ahead_at_most() {
        let users = Users::default();
        let user = users.take("a", &Quotas::default()).unwrap();
        let taken = |now_ms| (0..100_000).filter(|_| user.takes(1_000, now_ms, 1_000_000)).count();
        assert_eq!(taken(10_000), 1_000);
        assert_eq!(taken(10_500), 500);
        assert!(user.takes(1_000, 0, 0));
    }

    #[test]
    fn users_are_not_remembered_without_end() {
        let (users, quotas) = (Users::default(), Quotas::default());
        for index in 0..2 * USERS_REMEMBERED_MAX {
            let user = users.take(&format!("user {index}"), &quotas).unwrap();
            users.release(&user, Traffic::default(), Traffic::default());
        }
        assert_eq!(users.totals().len(), USERS_REMEMBERED_MAX);
        assert_eq!(users.allocations(), 0);
    }
}
