//! Media ids that were created before the upload (client-server API, `POST /_matrix/media/v1/create`).

use hearth_base::{Millis, Result};

use crate::engine::Tx;
use crate::ids::UserSn;

const GET: &str = "SELECT uploader, expires_ms FROM media_announced WHERE id = ?1";
const INSERT: &str = "INSERT INTO media_announced (id, uploader, expires_ms) VALUES (?1, ?2, ?3)";
const DELETE: &str = "DELETE FROM media_announced WHERE id = ?1";
const OUTSTANDING: &str = "SELECT COUNT(*), COALESCE(MIN(expires_ms), 0) FROM media_announced \
     WHERE uploader = ?1 AND expires_ms > ?2";
const PRUNE: &str = "DELETE FROM media_announced WHERE expires_ms < ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, INSERT, DELETE, OUTSTANDING, PRUNE];

/// A media id without content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Announced {
    /// The user who may upload the content.
    pub uploader: UserSn,
    /// When the id expires, in milliseconds since the epoch.
    pub expires_ms: Millis,
}

/// The announcement of a media id.
pub fn get(tx: &mut dyn Tx, id: &str) -> Result<Option<Announced>> {
    tx.one(GET, &[id.into()], |row| {
        Ok(Announced { uploader: UserSn(row.int(0)?), expires_ms: row.int(1)?.unsigned_abs() })
    })
}

/// Adds an announcement. The id must be new.
pub fn insert(tx: &mut dyn Tx, id: &str, announced: Announced) -> Result<()> {
    tx.execute(INSERT, &[id.into(), announced.uploader.into(), announced.expires_ms.into()])?;
    Ok(())
}

/// Removes an announcement, because it expired or was uploaded. Returns whether it existed.
pub fn delete(tx: &mut dyn Tx, id: &str) -> Result<bool> {
    Ok(tx.execute(DELETE, &[id.into()])? > 0)
}

/// How many announcements of a user are valid at `now_ms`, and when the first of them expires.
pub fn outstanding(tx: &mut dyn Tx, user: UserSn, now_ms: Millis) -> Result<(u64, Millis)> {
    let found = tx.one(OUTSTANDING, &[user.into(), now_ms.into()], |row| {
        Ok((row.int(0)?.unsigned_abs(), row.int(1)?.unsigned_abs()))
    })?;
    Ok(found.unwrap_or_default())
}

/// Removes announcements that expired before `before_ms`. Returns how many.
pub fn prune(tx: &mut dyn Tx, before_ms: Millis) -> Result<u64> {
    tx.execute(PRUNE, &[before_ms.into()])
}
