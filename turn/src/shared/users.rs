//! Usage per user, over all threads: current allocations, bandwidth, and totals.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};

use parking_lot::Mutex;

use super::Quotas;
use crate::limits::USERS_REMEMBERED_MAX;
use crate::server::Traffic;

/// How far a user's bandwidth may run ahead of an even rate: one second.
const BURST_NS: u64 = 1_000_000_000;

/// The quota that is used up.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum QuotaExceeded {
    /// Allocations of the user.
    User,
    /// Allocations of all users.
    Relay,
}

/// Usage of one user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UserTotals {
    /// The user, as given to [`crate::credentials::mint`].
    pub user: String,
    /// Current allocations.
    pub allocations: u32,
    /// Ended allocations.
    pub ended: u64,
    /// Traffic from clients to peers, of ended allocations.
    pub to_peers: Traffic,
    /// Traffic from peers to clients, of ended allocations.
    pub to_clients: Traffic,
}

/// One user, shared by the threads that have an allocation of theirs.
#[derive(Debug)]
pub(crate) struct RelayUser {
    pub(crate) name: String,
    allocations: AtomicU32,
    /// When the next byte is due at an even rate, in nanoseconds (the generic cell rate algorithm).
    due_ns: AtomicU64,
    past: Mutex<(u64, Traffic, Traffic)>,
}

impl RelayUser {
    /// Takes `bytes` from the user's bandwidth. Returns `false`, and takes nothing, if it is used up.
    pub(crate) fn take_bandwidth(&self, bytes: usize, now_ms: u64, bytes_per_s: u64) -> bool {
        if bytes_per_s == 0 {
            return true;
        }
        let (now, cost) = (now_ms * 1_000_000, bytes as u64 * 1_000_000_000 / bytes_per_s);
        let step = |due: u64| (due < now + BURST_NS).then(|| due.max(now) + cost);
        self.due_ns.fetch_update(Ordering::Relaxed, Ordering::Relaxed, step).is_ok()
    }
}

/// All users with allocations, and some without.
#[derive(Debug, Default)]
pub(crate) struct Users {
    by_name: Mutex<HashMap<String, Arc<RelayUser>>>,
    allocations: AtomicU32,
}

impl Users {
    /// Counts one more allocation of `name`, or returns the quota that is used up.
    pub(crate) fn acquire(&self, name: &str, quotas: &Quotas) -> Result<Arc<RelayUser>, QuotaExceeded> {
        let mut by_name = self.by_name.lock();
        if self.allocations.load(Ordering::Relaxed) >= quotas.allocations {
            return Err(QuotaExceeded::Relay);
        }
        if let Some(user) = by_name.get(name) {
            if user.allocations.load(Ordering::Relaxed) >= quotas.allocations_per_user {
                return Err(QuotaExceeded::User);
            }
        } else {
            Self::make_room(&mut by_name);
        }
        let user = by_name.entry(name.to_owned()).or_insert_with(|| {
            Arc::new(RelayUser {
                name: name.to_owned(),
                allocations: 0.into(),
                due_ns: 0.into(),
                past: Mutex::default(),
            })
        });
        // Still under the lock: two threads must not both take the last allocation.
        user.allocations.fetch_add(1, Ordering::Relaxed);
        self.allocations.fetch_add(1, Ordering::Relaxed);
        Ok(Arc::clone(user))
    }

    /// Drops one user without an allocation if there are too many.
    fn make_room(by_name: &mut HashMap<String, Arc<RelayUser>>) {
        if by_name.len() >= USERS_REMEMBERED_MAX {
            let idle = by_name.iter().find(|(_, user)| user.allocations.load(Ordering::Relaxed) == 0);
            if let Some(name) = idle.map(|(name, _)| name.clone()) {
                by_name.remove(&name);
            }
        }
    }

    /// Releases an allocation and adds its traffic to the totals.
    pub(crate) fn release(&self, user: &RelayUser, to_peers: Traffic, to_clients: Traffic) {
        let _guard = self.by_name.lock();
        user.allocations.fetch_sub(1, Ordering::Relaxed);
        self.allocations.fetch_sub(1, Ordering::Relaxed);
        let mut past = user.past.lock();
        past.0 += 1;
        past.1 += to_peers;
        past.2 += to_clients;
    }

    /// Releases an allocation that could not be created. It does not count as ended.
    pub(crate) fn cancel(&self, user: &RelayUser) {
        let _guard = self.by_name.lock();
        user.allocations.fetch_sub(1, Ordering::Relaxed);
        self.allocations.fetch_sub(1, Ordering::Relaxed);
    }

    /// Current allocations of all users.
    pub(crate) fn allocations(&self) -> u32 {
        self.allocations.load(Ordering::Relaxed)
    }

    /// Usage of all users, by name.
    pub(crate) fn totals(&self) -> Vec<UserTotals> {
        let mut totals: Vec<_> = self.by_name.lock().values().map(|user| user.totals()).collect();
        totals.sort_by(|a, b| a.user.cmp(&b.user));
        totals
    }
}

impl RelayUser {
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
    fn quotas_are_enforced_and_released() {
        let (users, quotas) =
            (Users::default(), Quotas { allocations_per_user: 2, allocations: 3, ..Quotas::default() });
        let first = users.acquire("a", &quotas).unwrap();
        users.acquire("a", &quotas).unwrap();
        assert_eq!(users.acquire("a", &quotas).unwrap_err(), QuotaExceeded::User);
        users.acquire("b", &quotas).unwrap();
        assert_eq!(users.acquire("b", &quotas).unwrap_err(), QuotaExceeded::Relay);
        users.release(&first, Traffic { packets: 1, bytes: 100 }, Traffic::default());
        users.acquire("b", &quotas).unwrap();
        let totals = users.totals();
        assert_eq!((totals[0].allocations, totals[0].ended, totals[0].to_peers.bytes), (1, 1, 100));
    }

    #[test]
    fn bandwidth_runs_at_most_a_second_ahead() {
        let users = Users::default();
        let user = users.acquire("a", &Quotas::default()).unwrap();
        let taken = |now_ms| (0..100_000).filter(|_| user.take_bandwidth(1_000, now_ms, 1_000_000)).count();
        assert_eq!(taken(10_000), 1_000);
        assert_eq!(taken(10_500), 500);
        assert!(user.take_bandwidth(1_000, 0, 0));
    }

    #[test]
    fn remembered_users_are_bounded() {
        let (users, quotas) = (Users::default(), Quotas::default());
        for index in 0..2 * USERS_REMEMBERED_MAX {
            let user = users.acquire(&format!("user {index}"), &quotas).unwrap();
            users.release(&user, Traffic::default(), Traffic::default());
        }
        assert_eq!(users.totals().len(), USERS_REMEMBERED_MAX);
        assert_eq!(users.allocations(), 0);
    }
}
