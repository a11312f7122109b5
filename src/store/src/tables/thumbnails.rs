//! Thumbnails that were made, by the hash of their picture, so that pictures with the same bytes share them.

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

/// Which thumbnail of a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ThumbnailKey {
    /// The picture.
    pub source: Hash,
    /// Width of the standard size, in pixels.
    pub width: u32,
    /// Height of the standard size, in pixels.
    pub height: u32,
    /// Cropped to fill the size, not scaled to fit in.
    pub crop: bool,
    /// Whether it may move.
    pub animated: bool,
}

/// What came of making a thumbnail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Thumbnail {
    /// A picture of its own.
    Made {
        /// What it is.
        content_type: String,
        /// Which file it is.
        hash: Hash,
        /// How long that is.
        bytes: u64,
    },
    /// The picture is its own thumbnail.
    Original {
        /// What the picture is, told by its bytes.
        content_type: String,
    },
    /// The picture cannot be read.
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

/// A thumbnail that was made, or tried, before.
pub fn get(tx: &mut dyn Tx, key: &ThumbnailKey) -> Result<Option<Thumbnail>> {
    tx.one(GET, &args(key), read)
}

/// Remembers what came of making a thumbnail, unless that is known already.
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

/// Removes all thumbnails of a picture; gives the files that they had.
pub fn delete(tx: &mut dyn Tx, source: &Hash) -> Result<Vec<Hash>> {
    let files = tx.all(HASHES, &[source.as_slice().into()], |row| hash(row.blob(0)?))?;
    tx.execute(DELETE, &[source.as_slice().into()])?;
    Ok(files)
}

/// Whether any thumbnail has these bytes.
pub fn has_hash(tx: &mut dyn Tx, hash: &Hash) -> Result<bool> {
    tx.exists(HAS_HASH, &[hash.as_slice().into()])
}
