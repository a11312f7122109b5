//! Uploaded media: whose it is, what it is called, which file holds its bytes. The files themselves are not here.

use hearth_base::{Error, Millis, Result};

use crate::engine::{Row, Tx};
use crate::ids::UserSn;

/// The SHA-256 of a file's bytes.
pub type Hash = [u8; 32];

macro_rules! columns {
    ($rest:literal) => {
        concat!(
            "SELECT id, uploader, created_ms, accessed_ms, hash, bytes, content_type, file_name, markup FROM media ",
            $rest
        )
    };
}

const GET: &str = columns!("WHERE id = ?1");
const INSERT: &str = "INSERT INTO media \
     (id, uploader, created_ms, accessed_ms, hash, bytes, content_type, file_name, markup) \
     VALUES (?1, ?2, ?3, ?3, ?4, ?5, ?6, ?7, ?8)";
const DELETE: &str = "DELETE FROM media WHERE id = ?1";
const ACCESSED: &str = "UPDATE media SET accessed_ms = ?2 WHERE id = ?1 AND accessed_ms < ?2";
const HAS_HASH: &str = "SELECT 1 FROM media WHERE hash = ?1 LIMIT 1";
const ANY: &str = "SELECT 1 FROM media LIMIT 1";
const OF_USER: &str = columns!("WHERE uploader = ?1 ORDER BY created_ms DESC, id LIMIT ?2 OFFSET ?3");
const USAGE: &str = "SELECT COUNT(*), COALESCE(CAST(SUM(bytes) AS INTEGER), 0) FROM media";
const USAGE_OF: &str = "SELECT COUNT(*), COALESCE(CAST(SUM(bytes) AS INTEGER), 0) FROM media WHERE uploader = ?1";
const USAGE_BY_USER: &str = "SELECT users.id, COUNT(*), CAST(SUM(media.bytes) AS INTEGER) \
     FROM media JOIN users ON users.sn = media.uploader GROUP BY users.id ORDER BY 3 DESC, 1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] =
    &[GET, INSERT, DELETE, ACCESSED, HAS_HASH, ANY, OF_USER, USAGE, USAGE_OF, USAGE_BY_USER];

/// One upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MediaRow {
    /// The last part of its `mxc://` address.
    pub id: String,
    /// Who uploaded it.
    pub uploader: UserSn,
    /// When its bytes came.
    pub created_ms: Millis,
    /// When it was last fetched, to the day; the same as `created_ms` at first.
    pub accessed_ms: Millis,
    /// Which file it is.
    pub hash: Hash,
    /// How long that is.
    pub bytes: u64,
    /// What the uploader says it is.
    pub content_type: String,
    /// What the uploader calls it.
    pub file_name: Option<String>,
    /// Whether it begins like HTML, SVG or other XML.
    pub markup: bool,
}

/// How much there is of something.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// How many uploads.
    pub files: u64,
    /// Their bytes; what was uploaded twice counts twice.
    pub bytes: u64,
}

/// A hash as it stands in a column.
pub(super) fn hash(column: &[u8]) -> Result<Hash> {
    column.try_into().map_err(|error| Error::fault("reading the hash of a media file", error))
}

fn read(row: &dyn Row) -> Result<MediaRow> {
    Ok(MediaRow {
        id: row.text(0)?.to_owned(),
        uploader: UserSn(row.int(1)?),
        created_ms: row.int(2)?.unsigned_abs(),
        accessed_ms: row.int(3)?.unsigned_abs(),
        hash: hash(row.blob(4)?)?,
        bytes: row.int(5)?.unsigned_abs(),
        content_type: row.text(6)?.to_owned(),
        file_name: row.opt_text(7)?.map(str::to_owned),
        markup: row.int(8)? != 0,
    })
}

fn read_usage(row: &dyn Row, first: usize) -> Result<Usage> {
    Ok(Usage { files: row.int(first)?.unsigned_abs(), bytes: row.int(first + 1)?.unsigned_abs() })
}

/// One upload.
pub fn get(tx: &mut dyn Tx, id: &str) -> Result<Option<MediaRow>> {
    tx.one(GET, &[id.into()], read)
}

/// Adds an upload, fetched when it was made; its id must be new.
pub fn insert(tx: &mut dyn Tx, row: &MediaRow) -> Result<()> {
    tx.execute(
        INSERT,
        &[
            (&row.id).into(),
            row.uploader.into(),
            row.created_ms.into(),
            row.hash.as_slice().into(),
            row.bytes.into(),
            (&row.content_type).into(),
            row.file_name.as_deref().into(),
            row.markup.into(),
        ],
    )?;
    Ok(())
}

/// Removes an upload; says whether there was one.
pub fn delete(tx: &mut dyn Tx, id: &str) -> Result<bool> {
    Ok(tx.execute(DELETE, &[id.into()])? > 0)
}

/// Notes when an upload was fetched.
pub fn set_accessed(tx: &mut dyn Tx, id: &str, at_ms: Millis) -> Result<()> {
    tx.execute(ACCESSED, &[id.into(), at_ms.into()])?;
    Ok(())
}

/// Whether any upload has these bytes.
pub fn has_hash(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    tx.exists(HAS_HASH, &[hash.as_slice().into()])
}

/// Whether there is any upload at all.
pub fn any(tx: &mut dyn Tx) -> Result<bool> {
    tx.exists(ANY, &[])
}

/// Up to `limit` uploads of a user after the first `offset`, newest first.
pub fn of_user(tx: &mut dyn Tx, user: UserSn, offset: u64, limit: u64) -> Result<Vec<MediaRow>> {
    tx.all(OF_USER, &[user.into(), limit.into(), offset.into()], read)
}

/// How much there is in all.
pub fn usage(tx: &mut dyn Tx) -> Result<Usage> {
    Ok(tx.one(USAGE, &[], |row| read_usage(row, 0))?.unwrap_or_default())
}

/// How much there is of one user.
pub fn usage_of(tx: &mut dyn Tx, user: UserSn) -> Result<Usage> {
    Ok(tx.one(USAGE_OF, &[user.into()], |row| read_usage(row, 0))?.unwrap_or_default())
}

/// How much there is of each user who has uploaded anything, by user id, the most bytes first.
pub fn usage_by_user(tx: &mut dyn Tx) -> Result<Vec<(String, Usage)>> {
    tx.all(USAGE_BY_USER, &[], |row| Ok((row.text(0)?.to_owned(), read_usage(row, 1)?)))
}
