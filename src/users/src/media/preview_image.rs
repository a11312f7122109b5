//! Images of URL previews: local media that belong to the server and to no user.

use bytes::Bytes;
use hearth_base::Result;
use hearth_media::blobs::Stored;
use hearth_media::{Method, Source, Spec, Thumb};
use hearth_store::WriteTx;
use hearth_store::tables::media::{self, MediaRow};
use ruma::OwnedMxcUri;

use super::find::NO_OWNER;
use super::{Media, MediaId, refuse};

/// The size of such images: the largest that thumbnails have. A first frame stands for an animation.
const SIZE: Spec = Spec { width: 800, height: 600, method: Method::Scale, animated: false };

impl Media {
    /// Decodes an image from the web and encodes it anew, in a moderate size: nothing of the original's bytes is left.
    ///
    /// Refuses as [`super::LocalMedia::thumbnail`] does.
    pub(crate) async fn encode_anew(&self, image: Bytes) -> Result<Thumb> {
        self.thumbnailer.encode_anew(Source::Bytes(image), SIZE).await.map_err(refuse::thumbnail)
    }

    /// An unused media ID and its URI.
    pub(crate) fn fresh_address(&self) -> (MediaId, OwnedMxcUri) {
        let id = MediaId::fresh(&self.core.seams);
        let address = self.address(&id);
        (id, address)
    }

    /// Stores an image without an owner. `also` runs in the same transaction. [`hearth_base::Reason::OutOfSpace`] when the disk
    /// is nearly full.
    pub(crate) async fn keep_image(
        &self,
        id: MediaId,
        content_type: &'static str,
        image: Bytes,
        also: impl FnOnce(&mut WriteTx<'_>) -> Result<()> + Send + 'static,
    ) -> Result<()> {
        let bytes = image.len() as u64;
        let mut writer = self.reserved_writer(bytes, bytes).await?;
        writer.write(image).await?;
        // As with uploads: held until the row is committed.
        let coming_in = self.gate.come_in().await;
        let Stored { hash, bytes, .. } = writer.finish().await?;
        let now_ms = self.core.now_ms();
        let row = MediaRow {
            id: id.as_str().to_owned(),
            uploader: NO_OWNER,
            created_ms: now_ms,
            accessed_ms: now_ms,
            hash,
            bytes,
            content_type: content_type.to_owned(),
            file_name: None,
            markup: false,
        };
        let write = move |tx: &mut WriteTx<'_>| {
            media::insert(tx.tx(), &row)?;
            also(tx)?;
            tx.after_commit(move || drop(coming_in));
            Ok(())
        };
        self.core.store.write("media_add_image", write).await
    }
}
