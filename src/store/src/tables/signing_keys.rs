//! Signing keys of this server.

use hearth_base::{Millis, Result};

use crate::engine::Tx;

const ALL: &str = "SELECT id, seed, created_ms, expired_ms FROM signing_keys ORDER BY created_ms";
const INSERT: &str = "INSERT INTO signing_keys (id, seed, created_ms, expired_ms) VALUES (?1, ?2, ?3, NULL)";
const EXPIRE: &str = "UPDATE signing_keys SET expired_ms = ?2 WHERE id = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[ALL, INSERT, EXPIRE];

/// A signing key.
#[derive(Clone)]
pub struct SigningKeyRow {
    /// The key id without its algorithm, such as `a_Xy12`.
    pub id: String,
    /// The 32 secret bytes of the Ed25519 key.
    pub seed: Vec<u8>,
    /// When it was created, in milliseconds since the epoch.
    pub created_ms: Millis,
    /// When it was retired, in milliseconds since the epoch; `None` for the current key.
    pub expired_ms: Option<Millis>,
}

/// All keys, oldest first.
pub fn all(tx: &mut dyn Tx) -> Result<Vec<SigningKeyRow>> {
    tx.all(ALL, &[], |row| {
        Ok(SigningKeyRow {
            id: row.text(0)?.to_owned(),
            seed: row.blob(1)?.to_vec(),
            created_ms: row.int(2)?.unsigned_abs(),
            expired_ms: row.opt_int(3)?.map(i64::unsigned_abs),
        })
    })
}

/// Adds a key.
pub fn insert(tx: &mut dyn Tx, id: &str, seed: &[u8], created_ms: Millis) -> Result<()> {
    tx.execute(INSERT, &[id.into(), seed.into(), created_ms.into()])?;
    Ok(())
}

/// Retires a key.
pub fn expire(tx: &mut dyn Tx, id: &str, at_ms: Millis) -> Result<()> {
    tx.execute(EXPIRE, &[id.into(), at_ms.into()])?;
    Ok(())
}
