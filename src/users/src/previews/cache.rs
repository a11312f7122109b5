//! Stored previews. They expire, and then their images some time later.

use bytes::Bytes;
use hearth_base::boxed;
use hearth_base::limits::users::{PREVIEW_IMAGE_MS, PREVIEWS_PER_WRITE_MAX};
use hearth_base::{Error, Result};
use hearth_media::Thumb;
use hearth_store::tables::media::Hash;
use hearth_store::tables::url_previews::{self, NewPreview, PreviewRow};
use hearth_store::{Lane, ReadTx, WriteTx};
use serde_json::{Map, Value};

use super::Previews;

const HOUR_MS: u64 = 60 * 60 * 1_000;

impl Previews {
    /// The stored preview of a URL, if it has not expired.
    pub(super) async fn known(&self, url: Hash) -> Result<Option<String>> {
        let after_ms = self.core.now_ms().saturating_sub(self.lifetime_ms());
        self.core.store.read("url_preview", move |tx| url_previews::get(tx.tx(), &url, after_ms)).await
    }

    fn lifetime_ms(&self) -> u64 {
        u64::from(self.core.config.url_previews.cache_hours) * HOUR_MS
    }

    /// Stores a preview, with its image as local media, and returns it as JSON.
    pub(super) async fn keep(
        &self,
        url: Hash,
        mut preview: Map<String, Value>,
        image: Option<Thumb>,
    ) -> Result<String> {
        let fresh = image.map(|image| (self.media.fresh_address(), image));
        if let Some(((_, address), image)) = &fresh {
            preview.insert("og:image".to_owned(), address.as_str().into());
            preview.insert("og:image:type".to_owned(), image.content_type.into());
            preview.insert("og:image:width".to_owned(), image.width.into());
            preview.insert("og:image:height".to_owned(), image.height.into());
            preview.insert("matrix:image:size".to_owned(), image.bytes.len().into());
        } else {
            preview.remove("og:image:alt");
        }
        let json = serde_json::to_string(&preview).map_err(|error| Error::fault("writing a preview", error))?;
        let image_bytes = fresh.as_ref().map_or(0, |(_, image)| image.bytes.len());
        let new = NewPreview {
            url,
            fetched_ms: self.core.now_ms(),
            json: json.clone(),
            image: fresh.as_ref().map(|((id, _), _)| id.to_string()),
            bytes: (json.len() + image_bytes) as u64,
        };
        let add = move |tx: &mut WriteTx<'_>| url_previews::insert(tx, &new);
        match fresh {
            Some(((id, _), image)) => {
                self.media.keep_image(id, image.content_type, Bytes::from(image.bytes), add).await?;
            }
            None => self.core.store.write("url_preview_add", add).await?,
        }
        Ok(json)
    }

    /// Deletes previews that have expired, or the oldest beyond the size of the cache. Called by upkeep.
    #[boxed]
    pub async fn forget_expired(&self) -> Result<()> {
        let before_ms = self.core.now_ms().saturating_sub(self.lifetime_ms() + PREVIEW_IMAGE_MS);
        let bytes_max = u64::from(self.core.config.url_previews.cache_mib) * 1024 * 1024;
        loop {
            let read = move |tx: &mut ReadTx<'_>| {
                let mut over = url_previews::bytes(tx.tx())?.saturating_sub(bytes_max);
                let mut gone = url_previews::oldest(tx.tx(), PREVIEWS_PER_WRITE_MAX)?;
                gone.retain(|row| {
                    let goes = row.fetched_ms < before_ms || over > 0;
                    over = over.saturating_sub(row.bytes);
                    goes
                });
                Ok(gone)
            };
            let gone: Vec<PreviewRow> = self.core.store.read("url_previews_old", read).await?;
            if gone.is_empty() {
                return Ok(());
            }
            // The images first: after a crash in between, the rows still tell of them, and this is done again.
            self.media.delete(gone.iter().filter_map(|row| row.image.clone()).collect()).await?;
            let delete =
                move |tx: &mut WriteTx<'_>| gone.iter().try_for_each(|row| url_previews::delete(tx.tx(), row.sn));
            self.core.store.write_in(Lane::Upkeep, "url_previews_delete", delete).await?;
        }
    }
}
