//! Generated thumbnails, by the hash of their source, so that uploads with the same content share them.

use hearth_base::Result;

use super::media::{Hash, hash};
use crate::engine::{Row, Tx, Value};

const GET: &str = "SELECT content_type, hash, bytes FROM thumbnails \
     WHERE source = ?1 AND width = ?2 AND height = ?3 AND method = ?4 AND animated = ?5";
const INSERT: &str = "INSERT INTO thumbnails (source, width, height, method, animated, content_type, hash, bytes) \
     VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8) ON CONFLICT DO NOTHING";
const HASHES: &str = "SELECT hash FROM thumbnails WHERE source = ?1 AND hash IS NOT NULL";
const DELETE: &str = "DELETE FROM thumbnails WHERE source = ?1";
const HAS_HASH: &str = "SELECT 1 FROM thumbnails WHERE hash = ?1 LIMIT 1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, INSERT, HASHES, DELETE, HAS_HASH];

/// The key of a thumbnail.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThumbnailKey {
    /// Hash of the source image.
    pub source: Hash,
    /// Width of the standard size, in pixels.
    pub width: u32,
    /// Height of the standard size, in pixels.
    pub height: u32,
    /// Whether it is cropped to the size instead of scaled to fit.
    pub crop: bool,
    /// Whether it may be animated.
    pub animated: bool,
}

/// The result of generating a thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thumbnail {
    /// A generated image.
    Made {
        /// Its content type.
        content_type: String,
        /// The file with its content.
        hash: Hash,
        /// Its size in bytes.
        bytes: u64,
    },
    /// The source serves as its own thumbnail.
    Original {
        /// The content type of the source, detected from its content.
        content_type: String,
    },
    /// The source cannot be decoded.
    Unreadable,
}

fn args(key: &ThumbnailKey) -> [Value<'_>; 5] {
    [
        key.source.as_slice().into(),
        i64::from(key.width).into(),
        i64::from(key.height).into(),
        key.crop.into(),
        key.animated.into(),
    ]
}

fn read(row: &dyn Row) -> Result<Thumbnail> {
    let Some(content_type) = row.opt_text(0)?.map(str::to_owned) else { return Ok(Thumbnail::Unreadable) };
    Ok(match row.opt_blob(1)? {
        Some(column) => Thumbnail::Made { content_type, hash: hash(column)?, bytes: row.int(2)?.unsigned_abs() },
        None => Thumbnail::Original { content_type },
    })
}

/// The stored result; `None` if no thumbnail was requested before.
pub fn get(tx: &mut dyn Tx, key: &ThumbnailKey) -> Result<Option<Thumbnail>> {
    tx.one(GET, &args(key), read)
}

/// Stores a result, unless there is one.
pub fn insert(tx: &mut dyn Tx, key: &ThumbnailKey, thumbnail: &Thumbnail) -> Result<()> {
    let [source, width, height, crop, animated] = args(key);
    let (content_type, hash, bytes): (Option<&str>, Option<&[u8]>, Option<u64>) = match thumbnail {
        Thumbnail::Made { content_type, hash, bytes } => (Some(content_type), Some(hash), Some(*bytes)),
        Thumbnail::Original { content_type } => (Some(content_type), None, None),
        Thumbnail::Unreadable => (None, None, None),
    };
    tx.execute(INSERT, &[source, width, height, crop, animated, content_type.into(), hash.into(), bytes.into()])?;
    Ok(())
}

/// Removes all thumbnails of a source and returns their files.
pub fn delete(tx: &mut dyn Tx, source: &Hash) -> Result<Vec<Hash>> {
    let files = tx.all(HASHES, &[source.as_slice().into()], |row| hash(row.blob(0)?))?;
    tx.execute(DELETE, &[source.as_slice().into()])?;
    Ok(files)
}

/// Whether a thumbnail has this content.
pub fn has_hash(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    tx.exists(HAS_HASH, &[hash.as_slice().into()])
}
