//! Rotation of the signing key.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use crate::Core;
use hearth_base::{Reason, Result, error::refuse};
use hearth_store::WriteTx;
use hearth_store::tables::signing_keys;

use super::{RetiredKey, make, pair_of};

/// How long the old key stays valid after the rotation, in milliseconds: signatures with it may still be in progress.
const OVERLAP_MS: u64 = 60_000;

/// Generates a signing key and uses it from now on; the old one stays published under `old_verify_keys`. Returns the
/// new key ID with its algorithm; `also` runs in the same transaction with that ID.
///
/// Refuses after too many rotations since the server started.
pub async fn rotate(
    core: &Core,
    also: impl FnOnce(&mut WriteTx<'_>, &str) -> Result<()> + Send + 'static,
) -> Result<String> {
    let (key, random, now_ms) = (Arc::clone(&core.key), Arc::clone(&core.seams.random), core.now_ms());
    core.store
        .write("signing_key_rotate", move |tx| {
            let next = key.current.load(Ordering::Acquire) + 1;
            let old = RetiredKey::new(key.pair(), now_ms + OVERLAP_MS);
            signing_keys::expire(tx.tx(), key.pair().version(), old.expired_ms)?;
            let new = make(tx.tx(), &*random, now_ms)?;
            // Taking the slot excludes a second rotation in the same batch; the slot is lost if the commit fails.
            let pair = pair_of(&new.seed, new.id.clone())?;
            if key.pairs.get(next).is_none_or(|place| place.set(pair).is_err()) {
                return Err(refuse(Reason::Unknown, "The key was replaced too often; restart the server first."));
            }
            let switched = Arc::clone(&key);
            tx.after_commit(move || {
                // Retire first, then switch: the old key is published at every moment, under one heading or the other.
                switched.retired.write().push(old);
                switched.current.store(next, Ordering::Release);
            });
            let id = format!("ed25519:{}", new.id);
            also(tx, &id)?;
            Ok(id)
        })
        .await
}
