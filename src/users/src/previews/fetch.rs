//! Fetches a page and makes its preview.

use std::io::Read;

use futures_util::StreamExt;
use hearth_base::limits::users::{PREVIEW_PAGE_WAIT, PREVIEW_REDIRECTS_MAX};
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_core::ports::{Pieces, WebPages, WebResponse};
use serde_json::{Map, Value};
use tokio::time::{Instant, timeout_at};

use super::page_url::PageUrl;
use super::{Previews, charset, html, too_slow};

/// What is fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wanted {
    /// The page that a user names: its host has to be in the operator's list, at each redirect.
    Page,
    /// The image of a page, which may be at any host.
    Image,
}

impl Wanted {
    fn accept(self) -> &'static str {
        match self {
            Self::Page => "text/html,application/xhtml+xml;q=0.9,image/*;q=0.8,*/*;q=0.1",
            Self::Image => "image/png,image/jpeg,image/gif,image/webp;q=0.9",
        }
    }

    /// Pages are mostly text; images are compressed already.
    fn encoding(self) -> &'static str {
        match self {
            Self::Page => "gzip",
            Self::Image => "identity",
        }
    }
}

impl Previews {
    pub(super) async fn fetch(&self, url: PageUrl) -> Result<String> {
        let until = Instant::now() + PREVIEW_PAGE_WAIT;
        let (at, response) = timeout_at(until, self.follow(url.clone(), Wanted::Page, until)).await.map_err(late)??;
        let content_type = response.content_type.clone().unwrap_or_default();
        let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let mut preview = Map::new();
        let mut image = None;
        match kind.as_str() {
            "text/html" | "application/xhtml+xml" => {
                let bytes_max = u64::from(self.core.config.url_previews.max_page_kib) * 1024;
                let read = timeout_at(until, page(response, bytes_max)).await.map_err(late)??;
                let reading = tokio::task::spawn_blocking(move || {
                    let page = read.decompressed(bytes_max)?;
                    Ok::<_, Error>(html::read(&charset::decode(&page, &content_type)))
                });
                let summary = reading.await.map_err(|error| Error::fault("reading a page", error))??;
                preview.extend(summary.properties.into_iter().map(|(name, text)| (name.to_owned(), Value::from(text))));
                if let Some(address) = summary.image {
                    image = self.image_at(&at, &address).await;
                }
            }
            kind if kind.starts_with("image/") => image = self.image_in(response).await,
            // Nothing is known of other files; their bodies are not read.
            _ => {}
        }
        self.keep(url.hash(), preview, image).await
    }

    /// Fetches a URL, following redirects. Each is checked as the first one was.
    pub(super) async fn follow(&self, url: PageUrl, wanted: Wanted, until: Instant) -> Result<(PageUrl, WebResponse)> {
        let pages = self.pages.get().ok_or_else(|| Error::broken("previews have no connection to web pages"))?;
        let mut at = url;
        for _ in 0..=PREVIEW_REDIRECTS_MAX {
            if wanted == Wanted::Page {
                at.check_host(&self.core.config.url_previews)?;
            }
            let response = get(&**pages, &at, wanted, until).await?;
            let location = response.location.as_deref();
            let Some(location) = location.filter(|_| matches!(response.status, 301 | 302 | 303 | 307 | 308)) else {
                return match response.status {
                    200 => Ok((at, response)),
                    status => Err(failed(format!("The page answered with the HTTP status {status}."))),
                };
            };
            let next = at.join(location).map_err(|_| failed("The page redirects to what is no page."))?;
            if at.is_downgraded_by(&next) {
                return Err(failed("The page redirects from https to http."));
            }
            at = next;
        }
        Err(failed("The page redirects too often."))
    }
}

async fn get(pages: &dyn WebPages, at: &PageUrl, wanted: Wanted, until: Instant) -> Result<WebResponse> {
    let wait = until.saturating_duration_since(Instant::now());
    pages.get(at.as_str().to_owned(), wanted.accept(), wanted.encoding(), wait).await
}

/// The beginning of a page, as it was sent.
struct RawPage {
    bytes: Vec<u8>,
    is_gzip: bool,
}

/// Reads up to `bytes_max` of a page. What follows is not of interest, so a page without an end has a preview, too.
async fn page(response: WebResponse, bytes_max: u64) -> Result<RawPage> {
    let is_gzip = match response.content_encoding.as_deref().map(|encoding| encoding.trim().to_ascii_lowercase()) {
        None => false,
        Some(encoding) if encoding.is_empty() || encoding == "identity" => false,
        Some(encoding) if encoding == "gzip" || encoding == "x-gzip" => true,
        Some(_) => return Err(failed("The page is compressed in a way that was not asked for.")),
    };
    let (bytes, _) = beginning(response.body, bytes_max).await?;
    Ok(RawPage { bytes, is_gzip })
}

/// Reads up to `bytes_max` of a body, and whether that is all of it.
pub(super) async fn beginning(mut body: Pieces, bytes_max: u64) -> Result<(Vec<u8>, bool)> {
    let bytes_max = usize::try_from(bytes_max).unwrap_or(usize::MAX);
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await.transpose()? {
        let left = bytes_max - bytes.len();
        bytes.extend_from_slice(&piece[..piece.len().min(left)]);
        if piece.len() > left {
            return Ok((bytes, false));
        }
    }
    Ok((bytes, true))
}

impl RawPage {
    /// The page, of which compression may have hidden more than `bytes_max`: the rest is not decompressed.
    fn decompressed(self, bytes_max: u64) -> Result<Vec<u8>> {
        if !self.is_gzip {
            return Ok(self.bytes);
        }
        let mut page = Vec::new();
        let read = flate2::read::MultiGzDecoder::new(self.bytes.as_slice()).take(bytes_max).read_to_end(&mut page);
        // The beginning of a longer page ends in the middle of the stream.
        match read {
            Err(_) if page.is_empty() => Err(failed("The page is not compressed as it claims to be.")),
            _ => Ok(page),
        }
    }
}

fn late(_: tokio::time::error::Elapsed) -> Error {
    too_slow()
}

/// The page cannot be shown, for a reason that the user may know.
pub(super) fn failed(message: impl Into<std::borrow::Cow<'static, str>>) -> Error {
    refuse(Reason::ConnectionFailed, message)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
        encoder.write_all(bytes).expect("memory");
        encoder.finish().expect("memory")
    }

    #[test]
    fn decompression_ends_at_the_limit_and_with_what_there_is() {
        let bomb = gzip(&vec![b' '; 50_000_000]);
        assert!(bomb.len() < 100_000);
        assert_eq!(RawPage { bytes: bomb, is_gzip: true }.decompressed(1_000).expect("its beginning").len(), 1_000);
        let mut cut = gzip(b"<title>T</title>");
        cut.truncate(cut.len() - 8);
        assert_eq!(RawPage { bytes: cut, is_gzip: true }.decompressed(1_000).expect("a page"), b"<title>T</title>");
        assert!(RawPage { bytes: b"plain".to_vec(), is_gzip: true }.decompressed(1_000).is_err());
        assert_eq!(RawPage { bytes: b"plain".to_vec(), is_gzip: false }.decompressed(1).expect("read").len(), 5);
    }

    #[tokio::test]
    async fn bodies_without_an_end_are_read_up_to_the_limit() {
        let piece = || Ok(bytes::Bytes::from_static(&[b'x'; 1_000]));
        let endless: Pieces = Box::pin(futures_util::stream::repeat_with(piece));
        let (bytes, is_whole) = beginning(endless, 2_500).await.expect("read");
        assert_eq!((bytes.len(), is_whole), (2_500, false));
        let whole: Pieces = Box::pin(futures_util::stream::iter([piece()]));
        assert!(beginning(whole, 1_000).await.expect("read").1);
    }
}
