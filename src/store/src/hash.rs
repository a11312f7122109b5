//! Short hashes for indexes; whoever uses one compares the whole value afterwards.

use sha2::{Digest, Sha256};

/// The first eight bytes of SHA-256 over `parts`, each preceded by its length so that they cannot run into each other.
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
