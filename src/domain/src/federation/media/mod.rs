//! Media of other servers, for people here who want to see it: fetched once, kept as a copy, served like one's own.
//!
//! Of several who want the same, one fetches it and the others find it fetched. A fetch goes on when whoever asked first has
//! gone away, so that a slow server's large file comes in the end. What could not be fetched is not asked for again right
//! away. Serving our own media to others is `serve`'s.

mod failures;
mod fetch;
mod multipart;

use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use ruma::{OwnedServerName, ServerName};
use tokio::sync::Semaphore;

use super::Federation;
use crate::detached;
use crate::media::MediaId;
use crate::turns::KeyedLocks;
use failures::FetchFailures;

/// How long one fetch may take in all.
const FETCH_WAIT: Duration = Duration::from_secs(600);

/// Media of another server.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct RemoteMediaId {
    /// Its server.
    pub(crate) server: OwnedServerName,
    /// The media id there.
    pub(crate) id: MediaId,
}

impl RemoteMediaId {
    /// The media of an address; `M_NOT_FOUND` for what cannot be one.
    pub(crate) fn parse(server: &str, id: &str) -> Result<Self> {
        let unknown = || Error::not_found("There is no such media: this is not an address of any.");
        let server = ServerName::parse(server).map_err(|_| unknown())?;
        Ok(Self { server, id: MediaId::parse(id).ok_or_else(unknown)? })
    }
}

/// What is being fetched, and what could not be.
#[derive(Debug)]
pub(super) struct Fetching {
    turns: KeyedLocks<RemoteMediaId>,
    failures: FetchFailures,
    slots: Semaphore,
}

impl Default for Fetching {
    fn default() -> Self {
        let slots = Semaphore::new(limits::MEDIA_FETCHES_MAX);
        Self { turns: KeyedLocks::default(), failures: FetchFailures::default(), slots }
    }
}

impl Federation {
    /// Sees to it that there is a copy, and waits for it up to `wait_ms`: `M_NOT_YET_UPLOADED` when it has not come by then. The fetch
    /// goes on.
    ///
    /// `M_NOT_FOUND` when there is no such media, `M_TOO_LARGE` when it is larger than this server takes, `M_CONNECTION_FAILED` when
    /// the other server cannot be reached.
    pub(crate) async fn fetch_media(self: &Arc<Self>, address: &RemoteMediaId, wait_ms: u64) -> Result<()> {
        let (this, address) = (self.clone(), address.clone());
        let fetching = detached::go_on(async move { this.fetch_in_turn(&address).await });
        let wait = Duration::from_millis(wait_ms.min(limits::MEDIA_WAIT_MS_MAX));
        match tokio::time::timeout(wait, fetching).await {
            Ok(fetched) => fetched.map_err(|error| Error::fault("fetching media of another server", error))?,
            Err(_) => {
                Err(refuse(Reason::NotYetUploaded, "The media is still on its way from its server: try again later."))
            }
        }
    }

    async fn fetch_in_turn(&self, address: &RemoteMediaId) -> Result<()> {
        let _turn = self.fetching.turns.take(address.clone()).await;
        // Whoever had the turn before may have fetched it, or found that it cannot be.
        if self.parts.media.copy(&address.server, &address.id).await?.is_some() {
            return Ok(());
        }
        self.fetching.failures.check(address, self.core.now_ms())?;
        let slot = self.fetching.slots.acquire().await;
        let _slot = slot.map_err(|error| Error::fault("waiting to fetch media", error))?;
        let fetched = tokio::time::timeout(FETCH_WAIT, fetch::fetch(self, address)).await;
        let fetched = fetched.unwrap_or_else(|_| {
            Err(refuse(Reason::ConnectionFailed, format!("{} was too slow to send the media.", address.server)))
        });
        match &fetched {
            Ok(()) => self.fetching.failures.forget(address),
            Err(error) => {
                self.fetching.failures.note(address, error, self.core.now_ms(), self.core.seams.random.chance());
            }
        }
        fetched
    }
}
