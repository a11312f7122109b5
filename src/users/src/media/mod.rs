//! Uploads, downloads and thumbnails (client-server API, "Content repository").
//!
//! This module maps `mxc://` URIs to files and checks who may upload; `hearth-media` stores bytes and makes thumbnails.
//! A file is written before its row is committed and deleted after its last row, so that a row never lacks its file. A
//! crash between the two leaves a file without a row, which upkeep deletes.
//!
//! Copies of remote media are cached as well ([`Media::copy`]); `federation/media` fetches them. Images of URL previews belong to
//! no user; `previews` fetches them.

mod accessed;
mod announce;
mod arrivals;
mod contents;
mod figures;
mod files;
mod find;
mod id;
mod known;
mod preview_image;
mod refuse;
mod remote;
mod remove;
mod reserve;
#[cfg(test)]
mod tests;
mod thumbnail;
mod upkeep;
mod upload;

pub use contents::{Contents, MediaFile};
pub use hearth_media::{BlobError, Method, Spec, ranges, serving};
pub use hearth_store::tables::media::{MediaRow, Usage};
pub use id::MediaId;
pub use remote::CopyUpload;
pub use upload::{Described, MediaUpload};

use std::num::NonZeroUsize;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::AtomicU8;

use hearth_base::{Result, limits};
use hearth_core::rates::Rates;
use hearth_core::turns::KeyedLocks;
use hearth_media::{Blobs, Thumbnailer};
use hearth_rooms::RoomCore;
use hearth_store::tables::thumbnails;

/// The media use cases.
pub struct Media {
    core: Arc<RoomCore>,
    rates: Arc<Rates>,
    blobs: Blobs,
    thumbnailer: Thumbnailer,
    gate: files::FileGuard,
    arrivals: Arc<arrivals::Arrivals>,
    making: KeyedLocks<thumbnails::ThumbnailKey>,
    accessed: accessed::Accessed,
    reserved: Arc<reserve::ReservedSpace>,
    /// The part of the store that the next sweep checks.
    sweep_next: AtomicU8,
}

impl Media {
    /// Creates the service. Creates the media folder if it is missing, and blocks while it does.
    pub fn new(core: Arc<RoomCore>, rates: Arc<Rates>) -> Result<Self> {
        let config = &core.config.media;
        let blobs = Blobs::open(core.config.media_dir()).map_err(refuse::disk)?;
        let workers = usize::try_from(config.thumbnail_workers).ok().and_then(NonZeroUsize::new);
        let thumbnailer = Thumbnailer::new(
            workers.unwrap_or(NonZeroUsize::MIN),
            config.thumbnail_pixels_max,
            limits::THUMBNAILS_WAITING_MAX,
        );
        Ok(Self {
            core,
            rates,
            blobs,
            thumbnailer,
            gate: files::FileGuard::default(),
            arrivals: Arc::default(),
            making: KeyedLocks::default(),
            accessed: accessed::Accessed::default(),
            reserved: Arc::default(),
            sweep_next: AtomicU8::new(0),
        })
    }

    /// The largest upload, in bytes.
    #[must_use]
    pub fn upload_bytes_max(&self) -> u64 {
        u64::from(self.core.config.media.max_upload_mib) * 1024 * 1024
    }
}

impl std::fmt::Debug for Media {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Media").field("blobs", &self.blobs).finish_non_exhaustive()
    }
}

/// Media that this server stores: the half of downloads that it answers by itself. Only the actions of `hearth-domain`
/// hold it.
#[derive(Debug, Clone)]
pub struct LocalMedia(Arc<Media>);

impl LocalMedia {
    /// The local half of `whole`.
    #[must_use]
    pub fn of(whole: &Arc<Media>) -> Self {
        Self(Arc::clone(whole))
    }
}

impl Deref for LocalMedia {
    type Target = Media;

    fn deref(&self) -> &Media {
        &self.0
    }
}
