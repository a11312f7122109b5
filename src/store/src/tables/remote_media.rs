//! Cached media of other homeservers: which file holds which. The files themselves are in the crate `media`.

use hearth_base::{Millis, Result};

use super::media::{Hash, Usage, hash};
use crate::engine::{Row, Tx};

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT server, id, fetched_ms, accessed_ms, hash, bytes, content_type, file_name, markup FROM \
             remote_media ",
            $rest
        )
    };
}

const GET: &str = columns!("WHERE server = ?1 AND id = ?2");
const INSERT: &str = "INSERT INTO remote_media \
     (server, id, fetched_ms, accessed_ms, hash, bytes, content_type, file_name, markup) \
     VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
const ACCESSED: &str = "UPDATE remote_media SET accessed_ms = ?3 WHERE server = ?1 AND id = ?2 AND accessed_ms < ?3";
const HAS_HASH: &str = "SELECT 1 FROM remote_media WHERE hash = ?1 LIMIT 1";
const LONGEST_UNUSED: &str = columns!("ORDER BY accessed_ms LIMIT ?1");
const USAGE: &str = "SELECT COUNT(*), COALESCE(CAST(SUM(bytes) AS INTEGER), 0) FROM remote_media";
const DELETE: &str = "DELETE FROM remote_media WHERE server = ?1 AND id = ?2";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, INSERT, ACCESSED, HAS_HASH, LONGEST_UNUSED, USAGE, DELETE];

/// A cached file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RemoteMediaRow {
    /// The server in its `mxc://` URI.
    pub server: String,
    /// The media id: the last part of its `mxc://` URI.
    pub id: String,
    /// When it was fetched, in milliseconds since the epoch.
    pub fetched_ms: Millis,
    /// When it was last requested, rounded to days; `fetched_ms` at first.
    pub accessed_ms: Millis,
    /// The file with its content.
    pub hash: Hash,
    /// Its size in bytes.
    pub bytes: u64,
    /// The content type that its server gave.
    pub content_type: String,
    /// The file name that its server gave.
    pub file_name: Option<String>,
    /// Whether it starts like HTML, SVG or other XML.
    pub markup: bool,
}

fn read(row: &dyn Row) -> Result<RemoteMediaRow> {
    Ok(RemoteMediaRow {
        server: row.text(0)?.to_owned(),
        id: row.text(1)?.to_owned(),
        fetched_ms: row.int(2)?.unsigned_abs(),
        accessed_ms: row.int(3)?.unsigned_abs(),
        hash: hash(row.blob(4)?)?,
        bytes: row.int(5)?.unsigned_abs(),
        content_type: row.text(6)?.to_owned(),
        file_name: row.opt_text(7)?.map(str::to_owned),
        markup: row.int(8)? != 0,
    })
}

/// A cached file.
pub fn get(tx: &mut dyn Tx, server: &str, id: &str) -> Result<Option<RemoteMediaRow>> {
    tx.one(GET, &[server.into(), id.into()], read)
}

/// Adds a cached file, unless it exists.
pub fn insert(tx: &mut dyn Tx, row: &RemoteMediaRow) -> Result<()> {
    tx.execute(
        INSERT,
        &[
            (&row.server).into(),
            (&row.id).into(),
            row.fetched_ms.into(),
            row.hash.as_slice().into(),
            row.bytes.into(),
            (&row.content_type).into(),
            row.file_name.as_deref().into(),
            row.markup.into(),
        ],
    )?;
    Ok(())
}

/// Stores when a cached file was last requested.
pub fn set_accessed(tx: &mut dyn Tx, server: &str, id: &str, at_ms: Millis) -> Result<()> {
    tx.execute(ACCESSED, &[server.into(), id.into(), at_ms.into()])?;
    Ok(())
}

/// Whether a cached file has this content.
pub fn has_hash(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    tx.exists(HAS_HASH, &[hash.as_slice().into()])
}

/// Up to `limit` cached files that were not requested for the longest time.
pub fn longest_unused(tx: &mut dyn Tx, limit: u64) -> Result<Vec<RemoteMediaRow>> {
    tx.all(LONGEST_UNUSED, &[limit.into()], read)
}

/// Number and size of cached files.
pub fn usage(tx: &mut dyn Tx) -> Result<Usage> {
    let read = |row: &dyn Row| Ok(Usage { files: row.int(0)?.unsigned_abs(), bytes: row.int(1)?.unsigned_abs() });
    Ok(tx.one(USAGE, &[], read)?.unwrap_or_default())
}

/// Removes a cached file.
pub fn delete(tx: &mut dyn Tx, server: &str, id: &str) -> Result<()> {
    tx.execute(DELETE, &[server.into(), id.into()])?;
    Ok(())
}
