//! Remote media, requested by local users: fetched once, stored as a copy, and served like local media.
//!
//! Concurrent requests for the same file share one fetch. A fetch continues after the first client hangs up, so that a
//! large file from a slow server completes. Failed fetches have a back-off. Serving local media to other servers is in
//! `serve`.

mod failures;
mod fetch;
mod multipart;

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits::federation::MEDIA_FETCH_WAIT;
use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::detached;
use hearth_core::turns::KeyedLocks;
use hearth_users::media::MediaId;
use ruma::{OwnedServerName, ServerName};
use tokio::sync::Semaphore;

use super::Federation;
use failures::FetchFailures;

/// The address of remote media (`mxc://server/id`).
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct RemoteMediaId {
    /// Its server.
    pub server: OwnedServerName,
    /// The media id on that server.
    pub id: MediaId,
}

impl RemoteMediaId {
    /// Parses an address; `M_NOT_FOUND` for an invalid one.
    pub fn parse(server: &str, id: &str) -> Result<Self> {
        let unknown = || Error::not_found("There is no such media: this is not an address of any.");
        let server = ServerName::parse(server).map_err(|_| unknown())?;
        Ok(Self { server, id: MediaId::parse(id).ok_or_else(unknown)? })
    }
}

/// Running fetches and recent failures.
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
    /// Ensures that a copy is stored, and waits for it up to `wait_ms`, then `M_NOT_YET_UPLOADED`. The fetch
    /// continues.
    ///
    /// `M_NOT_FOUND` for unknown media, `M_TOO_LARGE` for media above this server's limit, `M_CONNECTION_FAILED` when
    /// the other server cannot be reached.
    #[boxed]
    pub async fn fetch_media(self: &Arc<Self>, address: &RemoteMediaId, wait_ms: u64) -> Result<()> {
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
        // The previous holder of the lock may have fetched the file, or cached a failure.
        if self.parts.media.copy(&address.server, &address.id).await?.is_some() {
            return Ok(());
        }
        self.fetching.failures.check(address, self.core.now_ms())?;
        // After the lock of the file, so that waiters for the same file hold no slot.
        let slot = self.fetching.slots.acquire().await;
        let _slot = slot.map_err(|error| Error::fault("waiting to fetch media", error))?;
        let fetched = tokio::time::timeout(MEDIA_FETCH_WAIT, fetch::fetch(self, address)).await;
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
