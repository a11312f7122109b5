//! Thumbnails: made once per image and standard size, then served like any file (client-server API, "Thumbnails").

use bytes::Bytes;
use hearth_base::Result;
use hearth_base::boxed;
use hearth_core::Requester;
use hearth_media::blobs::{BlobError, Stored, hex};
use hearth_media::{Method, Source, Spec, Thumb, ThumbError, ThumbnailOutcome};
use hearth_store::ids::UserSn;
use hearth_store::tables::media::Hash;
use hearth_store::tables::thumbnails::{self, Thumbnail, ThumbnailKey};

use super::contents::Original;
use super::files::{self, ComingIn};
use super::find::{NO_OWNER, user_of};
use super::{LocalMedia, Media, MediaFile, refuse};

pub(super) fn key(source: Hash, spec: Spec) -> ThumbnailKey {
    let size = spec.standard();
    let crop = size.method == Method::Crop;
    ThumbnailKey { source, width: size.width, height: size.height, crop, animated: spec.animated }
}

/// A stored thumbnail, as a file to serve.
fn file(original: &Original, thumbnail: Thumbnail) -> Result<MediaFile> {
    match thumbnail {
        Thumbnail::Made { content_type, hash, bytes } => Ok(MediaFile::thumbnail(&content_type, hash, bytes)),
        Thumbnail::Original { content_type } => Ok(MediaFile::thumbnail(&content_type, original.hash, original.bytes)),
        Thumbnail::Unreadable => Err(refuse::unreadable()),
    }
}

impl LocalMedia {
    /// A thumbnail of media, or the media itself if it is small enough. Waits as [`LocalMedia::download`] does.
    ///
    /// `M_UNKNOWN` when the type has no thumbnails, `M_TOO_LARGE` when making one would take too much,
    /// `M_LIMIT_EXCEEDED` when too many are in progress.
    #[boxed]
    pub async fn thumbnail(
        &self,
        who: Option<&Requester>,
        server: &str,
        id: &str,
        spec: Spec,
        wait_ms: u64,
    ) -> Result<MediaFile> {
        self.thumbnail_of(user_of(who), server, id, spec, wait_ms).await
    }
}

impl Media {
    /// As [`LocalMedia::thumbnail`], for another server.
    #[boxed]
    pub async fn thumbnail_for_server(&self, id: &str, spec: Spec, wait_ms: u64) -> Result<MediaFile> {
        self.thumbnail_of(NO_OWNER, self.core.server_name.as_str(), id, spec, wait_ms).await
    }

    async fn thumbnail_of(&self, who: UserSn, server: &str, id: &str, spec: Spec, wait_ms: u64) -> Result<MediaFile> {
        let find = self.find(who, server, id, wait_ms, move |tx, row| thumbnails::get(tx, &key(row.hash, spec)));
        let (row, known) = find.await?;
        self.known_or_made(&row.into(), known, spec).await
    }

    /// A stored thumbnail of an image, or a new one.
    pub(super) async fn known_or_made(
        &self,
        original: &Original,
        known: Option<Thumbnail>,
        spec: Spec,
    ) -> Result<MediaFile> {
        match known {
            Some(thumbnail) => file(original, thumbnail),
            None => self.make(original, spec).await,
        }
    }

    async fn make(&self, original: &Original, spec: Spec) -> Result<MediaFile> {
        let key = key(original.hash, spec);
        // One at a time per thumbnail, so that concurrent requests do not decode the same image.
        let _turn = self.making.take(key).await;
        // The previous holder of the permit may have made it.
        let known = self.core.store.read("thumbnail_known", move |tx| thumbnails::get(tx.tx(), &key)).await?;
        if let Some(thumbnail) = known {
            return file(original, thumbnail);
        }
        let picture = self.blobs.open_expected(&original.hash, original.bytes).await.map_err(refuse::disk)?;
        match self.thumbnailer.thumbnail(Source::File(picture.into_file()), spec).await {
            Ok(ThumbnailOutcome::Made(thumb)) => Ok(self.keep(key, thumb).await),
            Ok(ThumbnailOutcome::Original { content_type }) => {
                let thumbnail = Thumbnail::Original { content_type: content_type.to_owned() };
                self.remember(key, thumbnail.clone(), None).await;
                file(original, thumbnail)
            }
            // Store this result, because it takes a decoding to find out. Other errors come from the image header
            // alone.
            Err(ThumbError::Unreadable(why)) => {
                tracing::debug!(media.hash = hex(&original.hash), %why, "Failed to decode an image.");
                self.remember(key, Thumbnail::Unreadable, None).await;
                Err(refuse::unreadable())
            }
            Err(error) => Err(refuse::thumbnail(error)),
        }
    }

    /// Stores a thumbnail. If that fails, for example on a full disk, the thumbnail is served from memory.
    async fn keep(&self, key: ThumbnailKey, thumb: Thumb) -> MediaFile {
        let (content_type, contents) = (thumb.content_type, Bytes::from(thumb.bytes));
        let coming_in = self.gate.come_in().await;
        let stored = match self.store_file(contents.clone()).await {
            Ok(stored) => stored,
            Err(error) => {
                tracing::warn!(%error, "Failed to store a thumbnail.");
                return MediaFile::fresh(content_type, contents, None);
            }
        };
        let Stored { hash, bytes, .. } = stored;
        let thumbnail = Thumbnail::Made { content_type: content_type.to_owned(), hash, bytes };
        self.remember(key, thumbnail, Some(coming_in)).await;
        MediaFile::fresh(content_type, contents, Some(hash))
    }

    pub(super) async fn store_file(&self, contents: Bytes) -> Result<Stored, BlobError> {
        let mut writer = self.blobs.writer(contents.len() as u64).await?;
        writer.write(contents).await?;
        writer.finish().await
    }

    async fn remember(&self, key: ThumbnailKey, thumbnail: Thumbnail, coming_in: Option<ComingIn>) {
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            // The image may have been deleted meanwhile; upkeep then deletes the thumbnail's file.
            if files::is_original(tx.tx(), &key.source)? {
                thumbnails::insert(tx.tx(), &key, &thumbnail)?;
            }
            tx.after_commit(move || drop(coming_in));
            Ok(())
        };
        if let Err(error) = self.core.store.write("thumbnail_add", write).await {
            tracing::warn!(%error, "Failed to record a thumbnail.");
        }
    }
}
