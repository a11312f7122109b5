//! Uploaded media: owner, names, and the file with the content. The files themselves are in the crate `media`.

use hearth_base::{Error, Millis, Result};

use crate::engine::{Row, Tx};
use crate::ids::UserSn;

/// SHA-256 of a file's content.
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
    /// The media id: the last part of its `mxc://` URI.
    pub id: String,
    /// The user who uploaded it.
    pub uploader: UserSn,
    /// When it was uploaded, in milliseconds since the epoch.
    pub created_ms: Millis,
    /// When it was last downloaded, rounded to days; `created_ms` at first.
    pub accessed_ms: Millis,
    /// The file with its content.
    pub hash: Hash,
    /// Its size in bytes.
    pub bytes: u64,
    /// The content type that the uploader gave.
    pub content_type: String,
    /// The file name that the uploader gave.
    pub file_name: Option<String>,
    /// Whether it starts like HTML, SVG or other XML.
    pub markup: bool,
}

/// Number and size of uploads.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Number of uploads.
    pub files: u64,
    /// Total size in bytes; content uploaded twice counts twice.
    pub bytes: u64,
}

/// A hash as stored in a column.
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

/// The upload with this media id.
pub fn get(tx: &mut dyn Tx, id: &str) -> Result<Option<MediaRow>> {
    tx.one(GET, &[id.into()], read)
}

/// Adds an upload. Its media id must be new.
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

/// Removes an upload. Returns whether it existed.
pub fn delete(tx: &mut dyn Tx, id: &str) -> Result<bool> {
    Ok(tx.execute(DELETE, &[id.into()])? > 0)
}

/// Stores when an upload was last downloaded.
pub fn set_accessed(tx: &mut dyn Tx, id: &str, at_ms: Millis) -> Result<()> {
    tx.execute(ACCESSED, &[id.into(), at_ms.into()])?;
    Ok(())
}

/// Whether an upload has this content.
pub fn has_hash(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    tx.exists(HAS_HASH, &[hash.as_slice().into()])
}

/// Whether there is any upload.
pub fn any(tx: &mut dyn Tx) -> Result<bool> {
    tx.exists(ANY, &[])
}

/// Up to `limit` uploads of a user, newest first, after the first `offset`.
pub fn of_user(tx: &mut dyn Tx, user: UserSn, offset: u64, limit: u64) -> Result<Vec<MediaRow>> {
    tx.all(OF_USER, &[user.into(), limit.into(), offset.into()], read)
}

/// Number and size of all uploads.
pub fn usage(tx: &mut dyn Tx) -> Result<Usage> {
    Ok(tx.one(USAGE, &[], |row| read_usage(row, 0))?.unwrap_or_default())
}

/// Number and size of a user's uploads.
pub fn usage_of(tx: &mut dyn Tx, user: UserSn) -> Result<Usage> {
    Ok(tx.one(USAGE_OF, &[user.into()], |row| read_usage(row, 0))?.unwrap_or_default())
}

/// Number and size of uploads per user id, largest first.
pub fn usage_by_user(tx: &mut dyn Tx) -> Result<Vec<(String, Usage)>> {
    tx.all(USAGE_BY_USER, &[], |row| Ok((row.text(0)?.to_owned(), read_usage(row, 1)?)))
}
