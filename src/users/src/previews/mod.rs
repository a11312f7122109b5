//! Previews of web pages (client-server API, `GET /_matrix/client/v1/media/preview_url`): what a page says about itself, and its
//! image as local media.
//!
//! Everything that comes from a page is hostile: time, bytes, redirects and the number of fetches are bounded, each address
//! goes through the guard of outgoing requests, and images are encoded anew. Requests for the same URL share one fetch, which
//! goes on when the client hangs up. Nothing counts against the user's quotas. There are no previews of videos, and oEmbed is
//! not asked.

mod cache;
mod charset;
mod fetch;
mod html;
mod image;
mod page_url;

use hearth_base::boxed;
use std::sync::{Arc, OnceLock};

use hearth_base::limits::users::{
    PREVIEW_FAILURE_MS, PREVIEW_FAILURES_MAX, PREVIEW_IMAGES_AT_ONCE_MAX, PREVIEW_WAIT, PREVIEWS_AT_ONCE_MAX,
    PREVIEWS_PER_USER_MAX,
};
use hearth_base::{Error, Millis, Reason, Result, error::refuse};
use hearth_core::ports::WebPages;
use hearth_core::rates::{Rate, Rates};
use hearth_core::turns::{InUse, KeyedLocks};
use hearth_core::{Requester, detached};
use hearth_rooms::RoomCore;
use hearth_store::ids::UserSn;
use hearth_store::tables::media::Hash;
use quick_cache::sync::Cache;
use tokio::sync::Semaphore;

use crate::media::Media;
use page_url::PageUrl;

/// The URL preview use cases.
pub struct Previews {
    core: Arc<RoomCore>,
    rates: Arc<Rates>,
    media: Arc<Media>,
    pages: OnceLock<Arc<dyn WebPages>>,
    /// One fetch at a time for each URL.
    turns: KeyedLocks<Hash>,
    permits: Semaphore,
    permits_of_user: InUse<UserSn, Semaphore>,
    /// For images in memory.
    images: Semaphore,
    /// URLs without a preview: why, and until when.
    failures: Cache<Hash, (Millis, Reason, String)>,
}

impl Previews {
    /// Creates the service.
    #[must_use]
    pub fn new(core: Arc<RoomCore>, rates: Arc<Rates>, media: Arc<Media>) -> Arc<Self> {
        Arc::new(Self {
            core,
            rates,
            media,
            pages: OnceLock::new(),
            turns: KeyedLocks::default(),
            permits: Semaphore::new(PREVIEWS_AT_ONCE_MAX),
            permits_of_user: InUse::default(),
            images: Semaphore::new(PREVIEW_IMAGES_AT_ONCE_MAX),
            failures: Cache::new(PREVIEW_FAILURES_MAX),
        })
    }

    /// Sets the connection to web pages, once.
    pub fn reached_by(&self, pages: Arc<dyn WebPages>) {
        // A second call would be a mistake of the composition root; the first connection stays.
        let _ = self.pages.set(pages);
    }

    /// Whether there are previews on this server.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.core.config.url_previews.is_on()
    }

    /// The preview of a URL: a JSON object, empty if the page says nothing about itself.
    ///
    /// `M_FORBIDDEN` when there are no previews here, or none of that host; `M_INVALID_PARAM` for what is no URL of a page;
    /// `M_LIMIT_EXCEEDED`; `M_CONNECTION_FAILED` when the page cannot be fetched.
    #[boxed]
    pub async fn preview(self: &Arc<Self>, who: &Requester, url: &str) -> Result<String> {
        let config = &self.core.config.url_previews;
        if !config.is_on() {
            return Err(Error::forbidden("There are no URL previews on this server."));
        }
        let url = PageUrl::parse(url)?;
        url.check_host(config)?;
        if let Some(known) = self.known(url.hash()).await? {
            return Ok(known);
        }
        self.check_failure(url.hash())?;
        self.rates.take_of(Rate::UrlPreview, who)?;
        let (this, user) = (Arc::clone(self), who.user);
        let fetching = detached::go_on(async move {
            // Waiting for a permit included: so no more tasks wait than the rate limits allow to come in that time.
            tokio::time::timeout(PREVIEW_WAIT, this.fetch_in_turn(user, url)).await.unwrap_or_else(|_| Err(too_slow()))
        });
        fetching.await.map_err(|error| Error::fault("fetching a page for a preview", error))?
    }

    async fn fetch_in_turn(&self, user: UserSn, url: PageUrl) -> Result<String> {
        let turn = self.turns.take(url.hash()).await;
        // The previous holder of the lock may have fetched the page, or failed to.
        if turn.waited {
            self.check_failure(url.hash())?;
            if let Some(known) = self.known(url.hash()).await? {
                return Ok(known);
            }
        }
        // First the user's own limit, so that one user's requests do not wait in the way of others.
        let of_user = self.permits_of_user.get(user, || Semaphore::new(PREVIEWS_PER_USER_MAX));
        let closed = |error| Error::fault("waiting to fetch a page", error);
        let _of_user = of_user.acquire().await.map_err(closed)?;
        let _permit = self.permits.acquire().await.map_err(closed)?;
        let hash = url.hash();
        let fetched = self.fetch(url).await;
        if let Err(error) = &fetched {
            self.note_failure(hash, error);
        }
        fetched
    }

    fn check_failure(&self, url: Hash) -> Result<()> {
        match self.failures.get(&url) {
            Some((until_ms, reason, message)) if until_ms > self.core.now_ms() => Err(refuse(reason, message)),
            _ => Ok(()),
        }
    }

    /// Remembers a failure, unless its cause is this server.
    fn note_failure(&self, url: Hash, error: &Error) {
        let Some(reason) = error.reason().filter(|reason| *reason != Reason::OutOfSpace) else { return };
        tracing::debug!(error = error.for_operator(), "There is no preview of a page.");
        let until_ms = self.core.now_ms().saturating_add(PREVIEW_FAILURE_MS);
        self.failures.insert(url, (until_ms, reason, error.to_string()));
    }
}

fn too_slow() -> Error {
    refuse(Reason::ConnectionFailed, "The page takes too long to answer.")
}

impl std::fmt::Debug for Previews {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Previews").field("pages", &self.pages).finish_non_exhaustive()
    }
}
