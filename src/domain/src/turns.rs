//! What is shared by those who use it now, by key; and built on that, one at a time for each key: of several who want the same
//! thing made, fetched or asked for, one does it and the others find it done.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Weak};

use parking_lot::Mutex;
use tokio::sync::OwnedMutexGuard;

/// Values by key, each for as long as it is in use.
#[derive(Debug)]
pub(crate) struct InUse<K, V>(Mutex<HashMap<K, Weak<V>>>);

impl<K, V> Default for InUse<K, V> {
    fn default() -> Self {
        Self(Mutex::default())
    }
}

impl<K: Eq + Hash, V> InUse<K, V> {
    /// The value that others use under this key, or a new one.
    pub(crate) fn get(&self, key: K, make: impl FnOnce() -> V) -> Arc<V> {
        let mut values = self.0.lock();
        if let Some(value) = values.get(&key).and_then(Weak::upgrade) {
            return value;
        }
        // Whenever one comes: so the map holds no more than what was in use together.
        values.retain(|_, value| value.strong_count() > 0);
        let value = Arc::new(make());
        values.insert(key, Arc::downgrade(&value));
        value
    }
}

/// One lock for each key that someone holds or waits for.
#[derive(Debug)]
pub(crate) struct KeyedLocks<K>(InUse<K, tokio::sync::Mutex<()>>);

/// A turn; the next begins when it is dropped.
#[derive(Debug)]
pub(crate) struct KeyedPermit {
    _guard: OwnedMutexGuard<()>,
    /// Whether others had theirs in the meantime, so that what was wanted may be there by now.
    pub(crate) waited: bool,
}

impl<K> Default for KeyedLocks<K> {
    fn default() -> Self {
        Self(InUse::default())
    }
}

impl<K: Eq + Hash> KeyedLocks<K> {
    /// Waits until the key is free.
    pub(crate) async fn take(&self, key: K) -> KeyedPermit {
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
