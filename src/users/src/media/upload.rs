//! Uploads: write the bytes as they arrive, then commit the row, then return the URI (client-server API, `POST
//! /_matrix/media/v3/upload` and `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`).

use bytes::Bytes;
use hearth_base::boxed;
use hearth_base::{Millis, Result, limits};
use hearth_core::Requester;
use hearth_core::quotas::Quota;
use hearth_core::rates::Rate;
use hearth_media::blobs::Stored;
use hearth_media::serving::clean_file_name;
use hearth_media::sniff::{FileKind, sniff};
use hearth_store::ReadTx;
use hearth_store::ids::UserSn;
use hearth_store::tables::announced_media;
use hearth_store::tables::media::{self, MediaRow};
use ruma::OwnedMxcUri;

use super::known::look;
use super::reserve::ReservedWriter;
use super::{Media, MediaId, refuse};

/// The content type if the client sends none or an invalid one.
const UNKNOWN_TYPE: &str = "application/octet-stream";

/// The client's description of an upload. It is not trusted.
#[derive(Debug, Clone, Default)]
pub struct Described {
    /// `Content-Type`.
    pub content_type: Option<String>,
    /// `filename`.
    pub file_name: Option<String>,
    /// `Content-Length`, if present.
    pub bytes: Option<u64>,
}

/// An upload in progress. Dropping it leaves nothing behind.
#[derive(Debug)]
pub struct MediaUpload<'a> {
    media: &'a Media,
    writer: ReservedWriter,
    id: MediaId,
    uploader: UserSn,
    /// Whether it counts against the uploader's quota.
    is_counted: bool,
    /// When it was permitted, if its ID was reserved.
    announced_ms: Option<Millis>,
    content_type: String,
    file_name: Option<String>,
}

impl Media {
    /// Begins an upload that gets its URI at the end.
    ///
    /// `M_TOO_LARGE` when it exceeds the limit, `M_LIMIT_EXCEEDED` after too many uploads, `M_USER_LIMIT_EXCEEDED` at the
    /// user's quota, and
    /// [`hearth_base::Reason::OutOfSpace`] when the disk is nearly full.
    #[boxed]
    pub async fn upload(&self, who: &Requester, described: Described) -> Result<MediaUpload<'_>> {
        self.rates.take_of(Rate::MediaUpload, who)?;
        self.begin(who, MediaId::fresh(&self.core.seams), None, described).await
    }

    /// Begins an upload to a reserved URI; also refuses as the state of the ID demands.
    #[boxed]
    pub async fn upload_to(
        &self,
        who: &Requester,
        server: &str,
        id: &str,
        described: Described,
    ) -> Result<MediaUpload<'_>> {
        self.rates.take_of(Rate::MediaUpload, who)?;
        let (id, now_ms) = (self.own(server, id)?, self.core.now_ms());
        let (wanted, uploader) = (id.clone(), who.user);
        let read = move |tx: &mut hearth_store::ReadTx<'_>| look(tx.tx(), &wanted)?.may_be_uploaded(uploader, now_ms);
        self.core.store.read("media_announced", read).await?;
        self.begin(who, id, Some(now_ms), described).await
    }

    async fn begin(
        &self,
        who: &Requester,
        id: MediaId,
        announced_ms: Option<Millis>,
        described: Described,
    ) -> Result<MediaUpload<'_>> {
        let bytes_max = self.upload_bytes_max();
        let bytes = described.bytes.unwrap_or(0);
        if bytes > bytes_max {
            return Err(refuse::too_large(bytes_max));
        }
        let is_counted = who.appservice.is_none();
        if is_counted {
            // Checked again at the end, with the others that end meanwhile.
            let (core, user) = (self.core.clone(), who.user);
            let check = move |tx: &mut ReadTx<'_>| Quota::MediaBytes.check(&core.config.quotas, tx.tx(), user, bytes);
            self.core.store.read("media_quota", check).await?;
        }
        let file_name = described.file_name.as_deref().map(clean_file_name);
        Ok(MediaUpload {
            media: self,
            writer: self.reserved_writer(bytes, bytes_max).await?,
            id,
            uploader: who.user,
            is_counted,
            announced_ms,
            content_type: content_type(described.content_type.as_deref()),
            file_name: file_name.filter(|name| !name.is_empty()),
        })
    }
}

/// The content type if it is safe for a header, and the default otherwise.
pub(super) fn content_type(described: Option<&str>) -> String {
    let described = described.unwrap_or_default().trim();
    let fits = described.len() <= limits::MEDIA_TYPE_BYTES_MAX && described.contains('/');
    let good = fits && described.bytes().all(|byte| (0x20..0x7f).contains(&byte));
    if good { described } else { UNKNOWN_TYPE }.to_owned()
}

impl MediaUpload<'_> {
    /// Writes the next chunk. `M_TOO_LARGE` as soon as the limit is exceeded, and
    /// [`hearth_base::Reason::OutOfSpace`] when the disk is nearly full; after any error the upload is over.
    pub async fn write(&mut self, chunk: Bytes) -> Result<()> {
        self.writer.write(chunk).await
    }

    /// Completes the upload and returns its URI. When this returns, file and row are on disk. `M_USER_LIMIT_EXCEEDED` at
    /// the user's quota.
    pub async fn finish(self) -> Result<OwnedMxcUri> {
        let Self { media, writer, id, uploader, is_counted, announced_ms, content_type, file_name } = self;
        let address = media.address(&id);
        // Take the lock before the file gets its name, and hold it until the row is committed: `delete_unused` must not
        // run in between.
        let coming_in = media.gate.come_in().await;
        let Stored { hash, bytes, head, .. } = writer.finish().await?;
        let (now_ms, arrivals) = (media.core.now_ms(), media.arrivals.clone());
        let row = MediaRow {
            id: id.as_str().to_owned(),
            uploader,
            created_ms: now_ms,
            accessed_ms: now_ms,
            hash,
            bytes,
            content_type,
            file_name,
            markup: sniff(&head) == Some(FileKind::Markup),
        };
        let core = media.core.clone();
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            if is_counted {
                Quota::MediaBytes.check(&core.config.quotas, tx.tx(), uploader, bytes)?;
            }
            if let Some(allowed_ms) = announced_ms {
                // Check again: of two concurrent uploads the first to finish wins. The deadline counts from the start
                // of the upload.
                look(tx.tx(), &id)?.may_be_uploaded(uploader, allowed_ms)?;
                announced_media::delete(tx.tx(), id.as_str())?;
            }
            media::insert(tx.tx(), &row)?;
            // Wake waiting downloads after the commit, when they can read the row.
            tx.after_commit(move || {
                arrivals.came(&id);
                drop(coming_in);
            });
            Ok(())
        };
        let written = media.core.store.write("media_add", write).await;
        // After a fault it is unknown whether the row was committed, so leave the file to upkeep.
        if written.as_ref().is_err_and(|error| error.reason().is_some()) {
            media.delete_unused(hash).await?;
        }
        written.map(|()| address)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_types_can_stand_in_headers() {
        for good in ["image/png", "text/plain; charset=utf-8"] {
            assert_eq!(content_type(Some(good)), good);
        }
        let long = format!("text/{}", "x".repeat(300));
        for bad in ["", "png", "image/png\r\nSet-Cookie: x", "text/ä", long.as_str()] {
            assert_eq!(content_type(Some(bad)), UNKNOWN_TYPE, "{bad:?}");
        }
        assert_eq!(content_type(None), UNKNOWN_TYPE);
    }
}
