//! Downloads and thumbnails of media of all servers (client-server API, "Content repository").

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::Requester;
use hearth_federation::RemoteMediaId;
use hearth_users::media::{MediaFile, Spec};

use super::Actions;

impl Actions {
    /// Downloads media of this server or another. Waits up to `wait_ms`, then answers `M_NOT_YET_UPLOADED`. With no
    /// wait, remote media without a local copy is not fetched.
    ///
    /// `M_NOT_FOUND` for unknown media, `M_TOO_LARGE` for media above this server's limit, `M_CONNECTION_FAILED` when
    /// the other server cannot be reached.
    ///
    /// Durability: reads. A fetch from another server continues when the client hangs up; storing its copy is one
    /// transaction.
    #[boxed]
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

    /// Same as [`Actions::download`], for a thumbnail that this server generates. Has the errors of
    /// [`hearth_users::media::LocalMedia::thumbnail`] as well.
    ///
    /// Durability: reads. As [`Actions::download`].
    #[boxed]
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

/// The copy was evicted right after the fetch because the disk was full.
fn gone() -> Error {
    refuse(Reason::NotYetUploaded, "The media was fetched and could not be kept: try again later.")
}
