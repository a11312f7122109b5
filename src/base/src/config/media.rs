//! `[media]`: uploads, downloads, thumbnails.

use std::path::PathBuf;

use super::check::Checks;
use super::schema::section;

section! {
    /// Uploads, downloads, thumbnails.
    pub struct Media {
        /// The folder of media. Unset, it is `media` in the data folder.
        path: Option<PathBuf> = None => "'/mnt/disk/hearth-media'",
        /// The largest upload, in MiB.
        max_upload_mib: u32 = 50,
        /// How many thumbnails are generated at the same time.
        thumbnail_workers: u32 = 2,
        /// The largest image to decode for a thumbnail, in pixels (width times height). A decoded pixel takes 4 bytes
        /// of memory.
        thumbnail_pixels_max: u64 = 40_000_000,
        /// How long a media id created before its upload stays valid, in milliseconds.
        unused_expires_ms: u64 = 24 * 60 * 60 * 1_000,
        /// How many media ids without an upload a user may have.
        max_pending_per_user: u32 = 10,
        /// The size of the cache of remote media, in MiB. Files that were not requested for the longest time are
        /// deleted first, and fetched again on request.
        remote_cache_mib: u32 = 2_048,
        /// Whether media is also served at the paths from before Matrix 1.11 (`/_matrix/media/v3/download` and `thumbnail`),
        /// for clients that know no others. Those clients send no access token: with this, an address is enough to get
        /// a file, also one that this server has to fetch from another.
        unauthenticated_downloads: bool = false,
    }
}

impl Media {
    pub(super) fn check(&self, checks: &mut Checks) {
        checks.within("media.max_upload_mib", self.max_upload_mib, 1..=10_240);
        checks.within("media.thumbnail_workers", self.thumbnail_workers, 1..=64);
        checks.within("media.thumbnail_pixels_max", self.thumbnail_pixels_max, 1_000..=1_000_000_000);
        checks.within("media.unused_expires_ms", self.unused_expires_ms, 60_000..=30 * 24 * 60 * 60 * 1_000);
        checks.within("media.max_pending_per_user", self.max_pending_per_user, 1..=10_000);
        checks.within("media.remote_cache_mib", self.remote_cache_mib, 1..=16 * 1024 * 1024);
    }
}
