//! Shared values by key, alive while in use; and locks by key built on them: of several tasks that want the same
//! result, one produces it and the others find it.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Values by key, each alive while in use.
#[derive(Debug)]
pub struct InUse<K, V>(Mutex<HashMap<K, Weak<V>>>);

impl<K, V> Default for InUse<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> InUse<K, V> {
    /// The shared value of this key, or a new one.
    pub fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut values = self.0.lock();
        if let Some(value) = values.get(&key).and_then(Weak::upgrade) {
            return value;
        }
        // Pruned on every insert, so that the map holds no more than the values that were in use together.
        values.retain(|_, value| value.strong_count() > 0);
        let value = Arc::new(make());
        values.insert(key, Arc::downgrade(&value));
        value
    }
}

/// One lock for each key in use.
#[derive(Debug)]
pub struct KeyedLocks<K>(InUse<K, tokio::sync::Mutex<()>>);

/// The guard of a key's lock; dropping it admits the next waiter.
#[derive(Debug)]
pub struct KeyedPermit {
    _guard: OwnedMutexGuard<()>,
    /// Whether the caller had to wait, so that the result may exist by now.
    pub waited: bool,
}

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        Self(InUse::default())
    }
}

impl<K: Eq + Hash> KeyedLocks<K> {
    /// Waits for the key's lock.
    pub async fn take(&self, key: K) -> KeyedPermit {
        let lock = self.0.get(key, tokio::sync::Mutex::default);
        match Arc::clone(&lock).try_lock_owned() {
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
        assert_eq!(turns.0.0.lock().len(), 1);
    }
}
