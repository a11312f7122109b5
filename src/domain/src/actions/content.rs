//! Downloads and thumbnails of media of all servers (client-server API, "Content repository").

use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse};

use super::Actions;
use crate::Requester;
use crate::federation::RemoteMediaId;
use crate::media::{MediaFile, Spec};

impl Actions {
    /// Media of this server or another, to download. Waits up to `wait_ms`: `M_NOT_YET_UPLOADED` when it has not come by then;
    /// with none, media that is not here is not fetched.
    ///
    /// `M_NOT_FOUND` when there is no such media, `M_TOO_LARGE` when it is larger than this server takes, `M_CONNECTION_FAILED` when
    /// the other server cannot be reached.
    ///
    /// Durability: reads. A fetch from another server goes on when the client hangs up; its copy is one transaction.
    pub async fn download(
        self: &Arc<Self>,
        who: Option<&Requester>,
        server: &str,
        id: &str,
        wait_ms: Option<u64>,
    ) -> Result<MediaFile> {
        let media = &self.parts.media;
        if server == self.core.server_name.as_str() {
            return media.download(who, server, id, wait_ms.unwrap_or(0)).await;
        }
        let address = RemoteMediaId::parse(server, id)?;
        if let Some(file) = media.copy(&address.server, &address.id).await? {
            return Ok(file);
        }
        self.parts.federation.fetch_media(&address, wait_ms.ok_or_else(not_here)?).await?;
        media.copy(&address.server, &address.id).await?.ok_or_else(gone)
    }

    /// As [`Actions::download`], a thumbnail, made here. Refuses as [`crate::media::Media::thumbnail`] does, too.
    ///
    /// Durability: reads. As [`Actions::download`].
    pub async fn thumbnail(
        self: &Arc<Self>,
        who: Option<&Requester>,
        (server, id): (&str, &str),
        spec: Spec,
        wait_ms: Option<u64>,
    ) -> Result<MediaFile> {
        let media = &self.parts.media;
        if server == self.core.server_name.as_str() {
            return media.thumbnail(who, server, id, spec, wait_ms.unwrap_or(0)).await;
        }
        let address = RemoteMediaId::parse(server, id)?;
        if let Some(file) = media.copy_thumbnail(&address.server, &address.id, spec).await? {
            return Ok(file);
        }
        self.parts.federation.fetch_media(&address, wait_ms.ok_or_else(not_here)?).await?;
        media.copy_thumbnail(&address.server, &address.id, spec).await?.ok_or_else(gone)
    }
}

fn not_here() -> Error {
    Error::not_found("This server has no copy of the media, and the request does not allow asking its server.")
}

/// The disk was so full that the copy went right away.
fn gone() -> Error {
    refuse(Reason::NotYetUploaded, "The media was fetched and could not be kept: try again later.")
}
