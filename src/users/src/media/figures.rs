//! Media statistics for administrators.

use hearth_base::boxed;
use hearth_base::{Result, limits};
use hearth_store::tables::{media, users};
use ruma::UserId;

use super::{Media, MediaId, MediaRow, Usage, refuse};

impl Media {
    /// One upload; `None` if there is none.
    #[boxed]
    pub async fn about(&self, id: &MediaId) -> Result<Option<MediaRow>> {
        let id = id.clone();
        self.core.store.read("media_about", move |tx| media::get(tx.tx(), id.as_str())).await
    }

    /// Up to `limit` uploads of a user after the first `from`, newest first, and the user's totals.
    #[boxed]
    pub async fn of_user(&self, user: &UserId, from: u64, limit: u64) -> Result<(Vec<MediaRow>, Usage)> {
        let (user, limit) = (user.to_string(), limit.min(limits::MEDIA_PAGE_MAX));
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let Some(user) = users::find(tx.tx(), &user)? else { return Ok(Default::default()) };
            Ok((media::of_user(tx.tx(), user, from, limit)?, media::usage_of(tx.tx(), user)?))
        };
        self.core.store.read("media_of_user", read).await
    }

    /// Totals of all uploads. Counts each upload, even of the same bytes; excludes thumbnails.
    #[boxed]
    pub async fn usage(&self) -> Result<Usage> {
        self.core.store.read("media_usage", |tx| media::usage(tx.tx())).await
    }

    /// Totals by user ID, most bytes first.
    #[boxed]
    pub async fn usage_by_user(&self) -> Result<Vec<(String, Usage)>> {
        self.core.store.read("media_usage_by_user", |tx| media::usage_by_user(tx.tx())).await
    }

    /// Disk usage of all files with thumbnails. Reads the metadata of every file, so it is only for a page that an
    /// administrator opens.
    #[boxed]
    pub async fn stored(&self) -> Result<Usage> {
        let usage = self.blobs.usage().await.map_err(refuse::disk)?;
        Ok(Usage { files: usage.files, bytes: usage.bytes })
    }
}
