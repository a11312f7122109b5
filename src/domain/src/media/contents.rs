//! A file as it is served: what it is, how it may be shown, and its bytes.

use bytes::Bytes;
use hearth_base::Result;
use hearth_media::blobs::{BlobStream, hex};
use hearth_media::ranges::ByteRange;
use hearth_media::serving::{self, Disposition};
use hearth_store::tables::media::{Hash, MediaRow};
use hearth_store::tables::remote_media::RemoteMediaRow;

use super::{Media, refuse};

/// A file that was uploaded, here or elsewhere, as its row describes it.
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
    /// What it is; text that may stand in a header.
    pub content_type: String,
    /// What it is called.
    pub file_name: Option<String>,
    /// Whether a browser may show it.
    pub disposition: Disposition,
    /// Its length.
    pub bytes: u64,
    held: Held,
}

/// Where the bytes are.
#[derive(Debug)]
enum Held {
    OnDisk(Hash),
    /// A thumbnail that could not be kept, or was made a moment ago.
    InMemory(Bytes, Option<Hash>),
}

/// The bytes of a file.
pub enum Contents {
    /// All of them.
    Whole(Bytes),
    /// The first of them, and the rest in pieces.
    Chunks {
        /// The first piece, never empty.
        first: Bytes,
        /// The pieces after it.
        rest: BlobStream,
    },
}

impl MediaFile {
    /// What was uploaded.
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

    /// A thumbnail on disk. `content_type` is of a picture that browsers show.
    pub(super) fn thumbnail(content_type: &str, hash: Hash, bytes: u64) -> Self {
        Self { held: Held::OnDisk(hash), ..Self::picture(content_type, bytes) }
    }

    /// A thumbnail that was just made; with its hash if it was kept.
    pub(super) fn fresh(content_type: &str, contents: Bytes, hash: Option<Hash>) -> Self {
        let bytes = contents.len() as u64;
        Self { held: Held::InMemory(contents, hash), ..Self::picture(content_type, bytes) }
    }

    fn picture(content_type: &str, bytes: u64) -> Self {
        let extension = content_type.strip_prefix("image/").unwrap_or("bin");
        Self {
            content_type: content_type.to_owned(),
            file_name: Some(format!("thumbnail.{extension}")),
            // What a thumbnail must always be (client-server API 1.12).
            disposition: Disposition::Inline,
            bytes,
            held: Held::InMemory(Bytes::new(), None),
        }
    }

    /// A strong entity tag, in its quotes: the hash of the bytes. None for what will not be there again.
    #[must_use]
    pub fn etag(&self) -> Option<String> {
        match &self.held {
            Held::OnDisk(hash) | Held::InMemory(_, Some(hash)) => Some(format!("\"{}\"", hex(hash))),
            Held::InMemory(_, None) => None,
        }
    }
}

impl Media {
    /// The bytes of a file, or a part of them. The first are read here, so that what goes wrong with the file is known
    /// before the answer begins.
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
