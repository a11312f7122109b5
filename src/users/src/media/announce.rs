//! Media IDs reserved before the upload (client-server API, `POST /_matrix/media/v1/create`), so that a client can send
//! the message while the upload is in progress.

use hearth_base::boxed;
use hearth_base::{Millis, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_core::rates::Rate;
use hearth_store::tables::announced_media::{self, Announced};
use ruma::OwnedMxcUri;

use super::{Media, MediaId};

impl Media {
    /// Reserves an `mxc://` URI and returns the deadline of its upload. `M_LIMIT_EXCEEDED` for too many pending
    /// uploads.
    #[boxed]
    pub async fn announce(&self, who: &Requester) -> Result<(OwnedMxcUri, Millis)> {
        self.rates.take_of(Rate::MediaUpload, who)?;
        let (id, uploader, now_ms) = (MediaId::fresh(&self.core.seams), who.user, self.core.now_ms());
        let address = self.address(&id);
        let expires_ms = now_ms.saturating_add(self.core.config.media.unused_expires_ms);
        let outstanding_max = u64::from(self.core.config.media.max_pending_per_user);
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let (outstanding, next_ms) = announced_media::outstanding(tx.tx(), uploader, now_ms)?;
            if outstanding >= outstanding_max {
                return Err(refuse(
                    Reason::LimitExceeded { retry_after_ms: next_ms.saturating_sub(now_ms) },
                    format!("{outstanding} uploads were announced and have not come: finish some of them first."),
                ));
            }
            announced_media::insert(tx.tx(), id.as_str(), Announced { uploader, expires_ms })
        };
        self.core.store.write("media_announce", write).await?;
        Ok((address, expires_ms))
    }
}
