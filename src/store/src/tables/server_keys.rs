//! Signing keys of other servers, and the signed key documents that contained them.

use hearth_base::{Millis, Result};

use crate::engine::Tx;

const OF: &str = "SELECT key_id, public, valid_until_ms, expired_ms FROM server_keys WHERE server = ?1 ORDER BY key_id";
const UPSERT: &str =
    "INSERT INTO server_keys (server, key_id, public, valid_until_ms, expired_ms) VALUES (?1, ?2, ?3, ?4, ?5)
    ON CONFLICT (server, key_id) DO UPDATE SET
        public = excluded.public, valid_until_ms = excluded.valid_until_ms, expired_ms = excluded.expired_ms";
const DOCUMENT: &str = "SELECT json, valid_until_ms, fetched_ms FROM server_key_documents WHERE server = ?1";
const UPSERT_DOCUMENT: &str =
    "INSERT INTO server_key_documents (server, json, valid_until_ms, fetched_ms) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT (server) DO UPDATE SET
        json = excluded.json, valid_until_ms = excluded.valid_until_ms, fetched_ms = excluded.fetched_ms";
const FETCHED_AT: &str = "SELECT fetched_ms FROM server_key_documents ORDER BY fetched_ms DESC LIMIT 1 OFFSET ?1";
const DELETE_OLD: &str = "DELETE FROM server_keys WHERE server IN
    (SELECT server FROM server_key_documents WHERE fetched_ms <= ?1)";
const DELETE_OLD_DOCUMENTS: &str = "DELETE FROM server_key_documents WHERE fetched_ms <= ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[OF, UPSERT, DOCUMENT, UPSERT_DOCUMENT, FETCHED_AT, DELETE_OLD, DELETE_OLD_DOCUMENTS];

/// A signing key of another server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerKeyRow {
    /// The key id with its algorithm, such as `ed25519:a_Xy12`.
    pub key_id: String,
    /// The public key.
    pub public: Vec<u8>,
    /// Until when it is valid, in milliseconds since the epoch; 0 for a key that was already expired when first seen.
    pub valid_until_ms: Millis,
    /// When its server stopped using it (`expired_ts`).
    pub expired_ms: Option<Millis>,
}

/// A key document as signed by its server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DocumentRow {
    /// The document.
    pub json: String,
    /// `valid_until_ts`.
    pub valid_until_ms: Millis,
    /// When it was fetched, in milliseconds since the epoch.
    pub fetched_ms: Millis,
}

/// All known keys of a server.
pub fn of(tx: &mut dyn Tx, server: &str) -> Result<Vec<ServerKeyRow>> {
    tx.all(OF, &[server.into()], |row| {
        Ok(ServerKeyRow {
            key_id: row.text(0)?.to_owned(),
            public: row.blob(1)?.to_vec(),
            valid_until_ms: row.int(2)?.unsigned_abs(),
            expired_ms: row.opt_int(3)?.map(i64::unsigned_abs),
        })
    })
}

/// Adds or updates a key.
pub fn upsert(tx: &mut dyn Tx, server: &str, key: &ServerKeyRow) -> Result<()> {
    let ServerKeyRow { key_id, public, valid_until_ms, expired_ms } = key;
    let args = [server.into(), key_id.into(), public.as_slice().into(), (*valid_until_ms).into(), (*expired_ms).into()];
    tx.execute(UPSERT, &args)?;
    Ok(())
}

/// The newest document of a server.
pub fn document(tx: &mut dyn Tx, server: &str) -> Result<Option<DocumentRow>> {
    tx.one(DOCUMENT, &[server.into()], |row| {
        Ok(DocumentRow {
            json: row.text(0)?.to_owned(),
            valid_until_ms: row.int(1)?.unsigned_abs(),
            fetched_ms: row.int(2)?.unsigned_abs(),
        })
    })
}

/// Stores a server's newest document.
pub fn upsert_document(tx: &mut dyn Tx, server: &str, document: &DocumentRow) -> Result<()> {
    let DocumentRow { json, valid_until_ms, fetched_ms } = document;
    let args = [server.into(), json.into(), (*valid_until_ms).into(), (*fetched_ms).into()];
    tx.execute(UPSERT_DOCUMENT, &args)?;
    Ok(())
}

/// The fetch time of the newest document that exceeds a limit of `servers_max` servers.
pub fn one_too_many(tx: &mut dyn Tx, servers_max: u64) -> Result<Option<Millis>> {
    Ok(tx.int(FETCHED_AT, &[servers_max.into()])?.map(i64::unsigned_abs))
}

/// Removes the servers whose document was fetched at that time or earlier. Returns how many.
pub fn forget(tx: &mut dyn Tx, fetched_ms: Millis) -> Result<u64> {
    tx.execute(DELETE_OLD, &[fetched_ms.into()])?;
    tx.execute(DELETE_OLD_DOCUMENTS, &[fetched_ms.into()])
}
