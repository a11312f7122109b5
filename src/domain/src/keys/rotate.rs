//! A new signing key in the place of the one in use.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use hearth_base::{Reason, Result, error::refuse};
use hearth_store::WriteTx;
use hearth_store::tables::signing_keys;

use super::{RetiredKey, make, pair_of};
use crate::Core;

/// For how long after its replacement the old key counts, in milliseconds: for what is being signed at that moment.
const OVERLAP_MS: u64 = 60_000;

/// Makes a new signing key and uses it from now on; the old one stays published as one that is out of use. Gives the new
/// key's id, with its algorithm; `also` is in the same transaction, and gets it.
///
/// Refuses when this run of the server has had too many keys already.
pub(crate) async fn rotate(
    core: &Arc<Core>,
    also: impl FnOnce(&mut WriteTx<'_>, &str) -> Result<()> + Send + 'static,
) -> Result<String> {
    let here = Arc::clone(core);
    core.store
        .write("signing_key_rotate", move |tx| {
            let next = here.key.current.load(Ordering::Acquire) + 1;
            let now_ms = here.now_ms();
            let old = RetiredKey::new(here.key.pair(), now_ms + OVERLAP_MS);
            signing_keys::expire(tx.tx(), here.key.pair().version(), old.expired_ms)?;
            let new = make(tx.tx(), &*here.seams.random, now_ms)?;
            // Taking the place keeps a second rotation of the same batch out; it is lost if the commit fails.
            let pair = pair_of(&new.seed, new.id.clone())?;
            if here.key.pairs.get(next).is_none_or(|place| place.set(pair).is_err()) {
                return Err(refuse(Reason::Unknown, "The key was replaced too often; restart the server first."));
            }
            let core = Arc::clone(&here);
            tx.after_commit(move || {
                core.key.retired.write().push(old);
                core.key.current.store(next, Ordering::Release);
            });
            let id = format!("ed25519:{}", new.id);
            also(tx, &id)?;
            Ok(id)
        })
        .await
}
