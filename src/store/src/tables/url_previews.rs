//! Previews of web pages, by the hash of their URL. A preview's image is a row of [`super::media`] without a user.

use hearth_base::{Millis, Result};

use super::media::Hash;
use crate::WriteTx;
use crate::engine::{Row, Tx};

const GET: &str =
    "SELECT json FROM url_previews WHERE url = ?1 AND fetched_ms > ?2 ORDER BY fetched_ms DESC, sn DESC LIMIT 1";
const INSERT: &str =
    "INSERT INTO url_previews (sn, url, fetched_ms, json, image, bytes) VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
const OLDEST: &str = "SELECT sn, fetched_ms, image, bytes FROM url_previews ORDER BY fetched_ms, sn LIMIT ?1";
const BYTES: &str = "SELECT CAST(COALESCE(SUM(bytes), 0) AS INTEGER) FROM url_previews";
const DELETE: &str = "DELETE FROM url_previews WHERE sn = ?1";

/// Every statement of this file.
pub const STATEMENTS: &[&str] = &[GET, INSERT, OLDEST, BYTES, DELETE];

/// A preview to store.
#[derive(Debug, Clone)]
pub struct NewPreview {
    /// SHA-256 of the URL.
    pub url: Hash,
    /// When the page was fetched, in milliseconds since the epoch.
    pub fetched_ms: Millis,
    /// The response to clients.
    pub json: String,
    /// The media id of the image.
    pub image: Option<String>,
    /// Size of JSON and image in bytes.
    pub bytes: u64,
}

/// A stored preview, without its response.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PreviewRow {
    /// Its serial number.
    pub sn: i64,
    /// When the page was fetched, in milliseconds since the epoch.
    pub fetched_ms: Millis,
    /// The media id of the image.
    pub image: Option<String>,
    /// Size of JSON and image in bytes.
    pub bytes: u64,
}

fn read(row: &dyn Row) -> Result<PreviewRow> {
    Ok(PreviewRow {
        sn: row.int(0)?,
        fetched_ms: row.int(1)?.unsigned_abs(),
        image: row.opt_text(2)?.map(str::to_owned),
        bytes: row.int(3)?.unsigned_abs(),
    })
}

/// The newest preview of a URL that was fetched after `after_ms`, as the response to clients.
pub fn get(tx: &mut dyn Tx, url: &Hash, after_ms: Millis) -> Result<Option<String>> {
    tx.one(GET, &[url.as_slice().into(), after_ms.into()], |row| Ok(row.text(0)?.to_owned()))
}

/// Adds a preview.
pub fn insert(tx: &mut WriteTx<'_>, new: &NewPreview) -> Result<()> {
    let sn = tx.position().as_i64();
    tx.execute(
        INSERT,
        &[
            sn.into(),
            new.url.as_slice().into(),
            new.fetched_ms.into(),
            (&new.json).into(),
            new.image.as_deref().into(),
            new.bytes.into(),
        ],
    )?;
    Ok(())
}

/// The oldest previews, at most `limit`.
pub fn oldest(tx: &mut dyn Tx, limit: u64) -> Result<Vec<PreviewRow>> {
    tx.all(OLDEST, &[limit.into()], read)
}

/// The size of all previews in bytes.
pub fn bytes(tx: &mut dyn Tx) -> Result<u64> {
    Ok(tx.int(BYTES, &[])?.unwrap_or(0).unsigned_abs())
}

/// Removes a preview. The caller removes its image.
pub fn delete(tx: &mut dyn Tx, sn: i64) -> Result<()> {
    tx.execute(DELETE, &[sn.into()])?;
    Ok(())
}
