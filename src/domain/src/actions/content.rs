//! Downloads and thumbnails of media of all servers (client-server API, "Content repository").

use std::sync::Arc;

use hearth_base::{Reason, Result, error::refuse};

use super::Actions;
use crate::Requester;
use crate::federation::RemoteMediaId;
use crate::media::{MediaFile, Spec};

impl Actions {
    /// Media of this server or another, to download. Waits up to `wait_ms`: `M_NOT_YET_UPLOADED` when it has not come by then.
    ///
    /// `M_NOT_FOUND` when there is no such media, `M_TOO_LARGE` when it is larger than this server takes, `M_CONNECTION_FAILED` when
    /// the other server cannot be reached.
    ///
    /// Durability: reads. A fetch from another server goes on when the client hangs up; its copy is one transaction.
    pub async fn download(
        self: &Arc<Self>,
        who: &Requester,
        server: &str,
        id: &str,
        wait_ms: u64,
    ) -> Result<MediaFile> {
        let media = &self.parts.media;
        if server == self.core.server_name.as_str() {
            return media.download(who, server, id, wait_ms).await;
        }
        let address = RemoteMediaId::parse(server, id)?;
        if let Some(file) = media.copy(&address.server, &address.id).await? {
            return Ok(file);
        }
        self.parts.federation.fetch_media(&address, wait_ms).await?;
        media.copy(&address.server, &address.id).await?.ok_or_else(gone)
    }

    /// As [`Actions::download`], a thumbnail, made here. Refuses as [`crate::media::Media::thumbnail`] does, too.
    ///
    /// Durability: reads. As [`Actions::download`].
    pub async fn thumbnail(
        self: &Arc<Self>,
        who: &Requester,
        (server, id): (&str, &str),
        spec: Spec,
        wait_ms: u64,
    ) -> Result<MediaFile> {
        let media = &self.parts.media;
        if server == self.core.server_name.as_str() {
            return media.thumbnail(who, server, id, spec, wait_ms).await;
        }
        let address = RemoteMediaId::parse(server, id)?;
        if let Some(file) = media.copy_thumbnail(&address.server, &address.id, spec).await? {
            return Ok(file);
        }
        self.parts.federation.fetch_media(&address, wait_ms).await?;
        media.copy_thumbnail(&address.server, &address.id, spec).await?.ok_or_else(gone)
    }
}

/// The disk was so full that the copy went right away.
fn gone() -> hearth_base::Error {
    refuse(Reason::NotYetUploaded, "The media was fetched and could not be kept: try again later.")
}
