//! Room complexity, requested before a join: a small machine should not find out by running out of memory.

use std::time::Duration;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use ruma::{RoomId, ServerName};
use serde::Deserialize;

use super::Federation;
use crate::{legacy, request};

/// Time limit for the complexity request.
const WAIT: Duration = Duration::from_secs(10);
/// State events per unit of Synapse's complexity measure.
const EVENTS_PER_UNIT: u64 = 500;

#[derive(Deserialize)]
struct Complexity {
    v1: f64,
}

impl Federation {
    /// The number of state events of a room; `None` when the server does not return it. `M_RESOURCE_LIMIT_EXCEEDED`
    /// above this server's limit.
    pub(super) async fn check_size(&self, server: &ServerName, room_id: &RoomId) -> Result<Option<u64>> {
        if self.state_events_max().is_none() {
            // Without a limit the answer is not needed, and most servers log a request for an unknown path.
            return Ok(None);
        }
        let target = legacy::path("unstable/rooms", &[room_id.as_str()]) + "/complexity";
        let asked = self.ask_plain(server, "GET", &target, bytes::Bytes::new(), WAIT);
        let Ok(answer) = asked.await else { return Ok(None) };
        let Ok(body) = request::body(server, answer, limits::BODY_BYTES_MAX).await else { return Ok(None) };
        let Ok(Complexity { v1 }) = serde_json::from_slice(&body) else { return Ok(None) };
        // The value is untrusted; the cast saturates.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and NaN becomes 0")]
        let events = (v1 * 500.0) as u64;
        if self.state_events_max().is_some_and(|max| events > max) {
            return Err(self.too_large(room_id));
        }
        Ok(Some(events))
    }

    /// Maximum of state events in a room to join; `None` for no limit.
    pub(super) fn state_events_max(&self) -> Option<u64> {
        let limit = self.core.config.federation.complexity_limit;
        (limit > 0).then(|| limit.saturating_mul(EVENTS_PER_UNIT))
    }

    /// The error for a room above the limit.
    pub(super) fn too_large(&self, room_id: &RoomId) -> Error {
        let max = self.state_events_max().unwrap_or(u64::MAX);
        let message = format!(
            "{room_id} is too large for this server: it has more than {max} state events, most of them members. The \
             operator can raise `federation.complexity_limit`."
        );
        refuse(Reason::RoomTooLarge, message)
    }
}
