//! Finds media to serve, and waits for pending uploads.

use hearth_base::boxed;
use std::time::Duration;

use hearth_base::{Position, Reason, Result, error, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::media::MediaRow;
use tokio::time::Instant;

use super::known::{MediaState, look};
use super::{LocalMedia, Media, MediaFile, MediaId, refuse};

/// Not a real user: its waiters are woken only when the server stops.
pub(super) const NO_OWNER: UserSn = UserSn(0);

/// The user number under which a requester waits.
pub(super) fn user_of(who: Option<&Requester>) -> UserSn {
    who.map_or(NO_OWNER, |who| who.user)
}

impl LocalMedia {
    /// Media to download. Waits up to `wait_ms` for a pending upload: `M_NOT_YET_UPLOADED` if it does not complete.
    #[boxed]
    pub async fn download(&self, who: Option<&Requester>, server: &str, id: &str, wait_ms: u64) -> Result<MediaFile> {
        let (row, ()) = self.find(user_of(who), server, id, wait_ms, |_, _| Ok(())).await?;
        Ok(MediaFile::original(row.into()))
    }
}

impl Media {
    /// As [`LocalMedia::download`], for another server.
    #[boxed]
    pub async fn download_for_server(&self, id: &str, wait_ms: u64) -> Result<MediaFile> {
        let server = self.core.server_name.as_str();
        let (row, ()) = self.find(NO_OWNER, server, id, wait_ms, |_, _| Ok(())).await?;
        Ok(MediaFile::original(row.into()))
    }

    /// The row of media, and what `also` reads about it in the same transaction.
    pub(super) async fn find<T, F>(
        &self,
        who: UserSn,
        server: &str,
        id: &str,
        wait_ms: u64,
        also: F,
    ) -> Result<(MediaRow, T)>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx, &MediaRow) -> Result<T> + Copy + Send + 'static,
    {
        let id = self.own(server, id)?;
        let mut found = self.look_once(&id, also).await?;
        if found.is_none() {
            found = self.wait_for(who, &id, wait_ms, also).await?;
        }
        let (row, more) = found.ok_or_else(|| {
            error::refuse(
                Reason::NotYetUploaded,
                "This media was announced but has not been uploaded yet: try again later.",
            )
        })?;
        self.accessed.note(&row, self.core.now_ms());
        Ok((row, more))
    }

    /// `None` while the upload is pending.
    async fn look_once<T, F>(&self, id: &MediaId, also: F) -> Result<Option<(MediaRow, T)>>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx, &MediaRow) -> Result<T> + Copy + Send + 'static,
    {
        let (id, now_ms) = (id.clone(), self.core.now_ms());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| match look(tx.tx(), &id)? {
            MediaState::Uploaded(row) => {
                let more = also(tx.tx(), &row)?;
                Ok(Some((row, more)))
            }
            MediaState::Announced(announced) if announced.expires_ms > now_ms => Ok(None),
            MediaState::Announced(_) | MediaState::Nothing => Err(refuse::unknown()),
        };
        self.core.store.read("media_find", read).await
    }

    async fn wait_for<T, F>(&self, who: UserSn, id: &MediaId, wait_ms: u64, also: F) -> Result<Option<(MediaRow, T)>>
    where
        T: Send + 'static,
        F: Fn(&mut dyn Tx, &MediaRow) -> Result<T> + Copy + Send + 'static,
    {
        let until = Instant::now() + Duration::from_millis(wait_ms.min(limits::MEDIA_WAIT_MS_MAX));
        let mut arrival = self.arrivals.expect(id);
        let mut stopping = self.core.notifier.subscribe(who);
        // Read again after subscribing: an upload since the first read is found here, a later one wakes the wait below.
        let found = self.look_once(id, also).await?;
        if found.is_some() || self.core.notifier.is_closed() {
            return Ok(found);
        }
        tokio::select! {
            () = arrival.come() => self.look_once(id, also).await,
            () = tokio::time::sleep_until(until) => Ok(None),
            // This position is never reached, so it returns only when the server stops.
            () = stopping.news_after(Position(u64::MAX)) => Ok(None),
        }
    }
}
