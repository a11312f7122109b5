//! The image of a page. If there is none to be had, the preview has none.

use bytes::Bytes;
use hearth_base::limits::users::PREVIEW_IMAGE_WAIT;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::ports::WebResponse;
use hearth_media::Thumb;
use tokio::time::{Instant, timeout_at};

use super::fetch::{Wanted, beginning, failed};
use super::page_url::PageUrl;
use super::{Previews, too_slow};

impl Previews {
    /// The image at an address that a page gives.
    pub(super) async fn image_at(&self, page: &PageUrl, address: &str) -> Option<Thumb> {
        let until = Instant::now() + PREVIEW_IMAGE_WAIT;
        let fetched = async {
            let url = page.join(address)?;
            let (_, response) = self.follow(url, Wanted::Image, until).await?;
            self.decoded(response).await
        };
        told(timeout_at(until, fetched).await.unwrap_or_else(|_| Err(too_slow())))
    }

    /// The image in a response: the URL is that of an image.
    pub(super) async fn image_in(&self, response: WebResponse) -> Option<Thumb> {
        let until = Instant::now() + PREVIEW_IMAGE_WAIT;
        told(timeout_at(until, self.decoded(response)).await.unwrap_or_else(|_| Err(too_slow())))
    }

    async fn decoded(&self, response: WebResponse) -> Result<Thumb> {
        let bytes_max = u64::from(self.core.config.url_previews.max_image_mib) * 1024 * 1024;
        let too_large = || refuse(Reason::TooLarge, "The image is too large.");
        if response.bytes.is_some_and(|bytes| bytes > bytes_max) {
            return Err(too_large());
        }
        if response.content_encoding.is_some_and(|encoding| !encoding.eq_ignore_ascii_case("identity")) {
            return Err(failed("The image is compressed in a way that was not asked for."));
        }
        // From here on it is in memory.
        let permit = self.images.acquire().await;
        let _permit = permit.map_err(|error| Error::fault("waiting to fetch an image", error))?;
        let (bytes, is_whole) = beginning(response.body, bytes_max).await?;
        if !is_whole {
            return Err(too_large());
        }
        self.media.encode_anew(Bytes::from(bytes)).await
    }
}

fn told(image: Result<Thumb>) -> Option<Thumb> {
    image.inspect_err(|error| tracing::debug!(error = error.for_operator(), "A preview has no image.")).ok()
}
