//! Fetches history while a client waits, up to the limit for clients. The work itself continues after that.

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Result, limits};
use ruma::api::Direction;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId};
use tokio::time::Instant;

use super::within;
use crate::Federation;
use hearth_store::tables::history_gaps::Gap;

/// The deadline for the response to a client that asks now.
pub fn wait_until() -> Instant {
    Instant::now() + Duration::from_millis(limits::HISTORY_WAIT_MS_MAX)
}

impl Federation {
    /// Backfills one batch at a gap. Returns whether there are new events; `None` when that takes longer than `until`.
    #[boxed]
    pub async fn fill_gap(self: &Arc<Self>, room_id: OwnedRoomId, gap: &Gap, until: Instant) -> Result<Option<bool>> {
        within(Arc::clone(self).fill(room_id, gap.floor, gap.next), until).await
    }

    /// Fetches a single event. Returns whether it is stored now.
    #[boxed]
    pub async fn fetch_past_event(
        self: &Arc<Self>,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
        until: Instant,
    ) -> Result<bool> {
        let fetched = within(Arc::clone(self).obtain_apart(room_id, event_id), until).await?;
        Ok(fetched == Some(true))
    }

    /// Fetches the event nearest to a timestamp, if another server has one nearer `than` the local one. Returns
    /// whether there is a new event.
    #[boxed]
    pub async fn fetch_past_event_near(
        self: &Arc<Self>,
        room_id: OwnedRoomId,
        at: MilliSecondsSinceUnixEpoch,
        direction: Direction,
        than: Option<MilliSecondsSinceUnixEpoch>,
        until: Instant,
    ) -> Result<bool> {
        let fetched = within(Arc::clone(self).obtain_by_time(room_id, at, direction, than), until).await?;
        Ok(fetched.flatten().is_some())
    }
}
