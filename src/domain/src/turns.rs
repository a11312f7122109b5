//! One at a time for each key: of several who want the same thing made, fetched or asked for, one does it and the others find it
//! done.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

type Lock = tokio::sync::Mutex<()>;

/// Whose turn it is, for each key that anybody wants.
#[derive(Debug)]
pub(crate) struct KeyedLocks<K>(Mutex<HashMap<K, Weak<Lock>>>);

/// A turn; the next begins when it is dropped.
#[derive(Debug)]
pub(crate) struct KeyedPermit {
    _guard: OwnedMutexGuard<()>,
    /// Whether others had theirs in the meantime, so that what was wanted may be there by now.
    pub(crate) waited: bool,
}

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash> KeyedLocks<K> {
    /// Waits until nobody else has this key's turn.
    pub(crate) async fn take(&self, key: K) -> KeyedPermit {
        let lock = {
            let mut locks = self.0.lock();
            locks.retain(|_, lock| lock.strong_count() > 0);
            let waiting = locks.get(&key).and_then(Weak::upgrade);
            waiting.unwrap_or_else(|| {
                let lock = Arc::<Lock>::default();
                locks.insert(key, Arc::downgrade(&lock));
                lock
            })
        };
        match lock.clone().try_lock_owned() {
            Ok(guard) => KeyedPermit { _guard: guard, waited: false },
            Err(_) => KeyedPermit { _guard: lock.lock_owned().await, waited: true },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn one_after_the_other_and_nothing_is_left_behind() {
        let turns = KeyedLocks::default();
        let first = turns.take("a").await;
        assert!(!first.waited && !turns.take("b").await.waited);
        let waits = tokio::time::timeout(std::time::Duration::from_millis(20), turns.take("a")).await;
        assert!(waits.is_err(), "it is not their turn yet");
        let (next, ()) = tokio::join!(turns.take("a"), async { drop(first) });
        assert!(next.waited);
        drop(next);
        turns.take("c").await;
        assert_eq!(turns.0.lock().len(), 1);
    }
}
