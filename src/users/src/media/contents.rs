//! A media file to serve: metadata, disposition, and bytes.

use bytes::Bytes;
use hearth_base::Result;
use hearth_base::boxed;
use hearth_media::blobs::{BlobStream, hex};
use hearth_media::ranges::ByteRange;
use hearth_media::serving::{self, Disposition};
use hearth_store::tables::media::{Hash, MediaRow};
use hearth_store::tables::remote_media::RemoteMediaRow;

use super::{Media, refuse};

/// An uploaded file, local or remote, as its row describes it.
#[derive(Debug, Clone)]
pub(super) struct Original {
    pub(super) hash: Hash,
    pub(super) bytes: u64,
    content_type: String,
    file_name: Option<String>,
    markup: bool,
}

impl From<MediaRow> for Original {
    fn from(row: MediaRow) -> Self {
        let MediaRow { hash, bytes, content_type, file_name, markup, .. } = row;
        Self { hash, bytes, content_type, file_name, markup }
    }
}

impl From<RemoteMediaRow> for Original {
    fn from(row: RemoteMediaRow) -> Self {
        let RemoteMediaRow { hash, bytes, content_type, file_name, markup, .. } = row;
        Self { hash, bytes, content_type, file_name, markup }
    }
}

/// A file to serve.
#[derive(Debug)]
pub struct MediaFile {
    /// The content type, safe for a header.
    pub content_type: String,
    /// The file name.
    pub file_name: Option<String>,
    /// Whether a browser may display it inline.
    pub disposition: Disposition,
    /// Length in bytes.
    pub bytes: u64,
    held: Held,
}

/// Where the bytes are.
#[derive(Debug)]
enum Held {
    OnDisk(Hash),
    /// A thumbnail that was just made; with its hash if it was stored.
    InMemory(Bytes, Option<Hash>),
}

/// The bytes of a file.
pub enum Contents {
    /// The whole file.
    Whole(Bytes),
    /// The first chunk, and a stream of the others.
    Chunks {
        /// The first chunk, never empty.
        first: Bytes,
        /// The remaining chunks.
        rest: BlobStream,
    },
}

impl MediaFile {
    /// An original, as uploaded.
    pub(super) fn original(original: Original) -> Self {
        let shown = !original.markup && serving::inline_allowed(&original.content_type);
        Self {
            content_type: original.content_type,
            file_name: original.file_name,
            disposition: if shown { Disposition::Inline } else { Disposition::Attachment },
            bytes: original.bytes,
            held: Held::OnDisk(original.hash),
        }
    }

    /// A stored thumbnail. `content_type` is an image type that browsers display.
    pub(super) fn thumbnail(content_type: &str, hash: Hash, bytes: u64) -> Self {
        Self { held: Held::OnDisk(hash), ..Self::picture(content_type, bytes) }
    }

    /// A thumbnail that was just made; with its hash if it was stored.
    pub(super) fn fresh(content_type: &str, contents: Bytes, hash: Option<Hash>) -> Self {
        let bytes = contents.len() as u64;
        Self { held: Held::InMemory(contents, hash), ..Self::picture(content_type, bytes) }
    }

    fn picture(content_type: &str, bytes: u64) -> Self {
        let extension = content_type.strip_prefix("image/").unwrap_or("bin");
        Self {
            content_type: content_type.to_owned(),
            file_name: Some(format!("thumbnail.{extension}")),
            // Thumbnails are always inline (client-server API 1.12).
            disposition: Disposition::Inline,
            bytes,
            held: Held::InMemory(Bytes::new(), None),
        }
    }

    /// A strong entity tag with its quotes: the hash of the bytes. `None` for a thumbnail that is not stored.
    #[must_use]
    pub fn etag(&self) -> Option<String> {
        match &self.held {
            Held::OnDisk(hash) | Held::InMemory(_, Some(hash)) => Some(format!("\"{}\"", hex(hash))),
            Held::InMemory(_, None) => None,
        }
    }
}

impl Media {
    /// The bytes of a file, or a range of them. Reads the first chunk here, so that a read error is known before the
    /// response starts.
    #[boxed]
    pub async fn contents(&self, file: &MediaFile, range: Option<ByteRange>) -> Result<Contents> {
        let hash = match &file.held {
            Held::OnDisk(hash) => hash,
            Held::InMemory(contents, _) => return Ok(Contents::Whole(part(contents, range))),
        };
        let mut rest = self.blobs.open_expected(hash, file.bytes).await.map_err(refuse::disk)?.read(range);
        let first = rest.next().await.transpose().map_err(refuse::disk)?.unwrap_or_default();
        Ok(if rest.left_bytes() == 0 { Contents::Whole(first) } else { Contents::Chunks { first, rest } })
    }
}

fn part(contents: &Bytes, range: Option<ByteRange>) -> Bytes {
    let at = |offset: u64| usize::try_from(offset).unwrap_or(usize::MAX).min(contents.len());
    range.map_or_else(|| contents.clone(), |range| contents.slice(at(range.start())..at(range.last() + 1)))
}
