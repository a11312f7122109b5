//! Short hashes for indexes. They can collide, so callers compare the whole value afterwards.

use sha2::{Digest, Sha256};

/// The first eight bytes of SHA-256 over `parts`, each preceded by its length, so that `["ab", "c"]` and `["a", "bc"]`
/// differ.
#[must_use]
pub fn hash64(parts: &[&[u8]]) -> i64 {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part);
    }
    let mut first = [0; 8];
    first.copy_from_slice(&hash.finalize()[..8]);
    i64::from_le_bytes(first)
}
