//! Device keys: upload, query and claim (client-server API, "Key management API").

mod check;
#[cfg(test)]
mod check_tests;
mod claim;
mod query;
mod serve;
mod upload;

use std::collections::BTreeMap;

use hearth_base::Result;
use hearth_store::engine::Tx;
use hearth_store::ids::DeviceSn;
use hearth_store::tables::one_time_keys;
use ruma::{OneTimeKeyAlgorithm, UInt};

pub use claim::{Claimed, ClaimedKeys, KeyClaims};
pub use query::{KeysQuery, Queried};
pub use serve::DevicesServed;
pub use upload::KeysUpload;

pub(super) use check::{UploadOwner, public_keys};
pub(super) use upload::store;

/// One-time keys left by algorithm: `one_time_key_counts` of an upload, `device_one_time_keys_count` of a sync.
pub fn counts(tx: &mut dyn Tx, device: DeviceSn) -> Result<BTreeMap<OneTimeKeyAlgorithm, UInt>> {
    let counts = one_time_keys::counts(tx, device)?;
    Ok(counts.into_iter().map(|(algorithm, count)| (algorithm.as_str().into(), UInt::new_saturating(count))).collect())
}
