//! How large a room is, asked before it is entered: a small machine should not learn it by running out of memory.

use std::time::Duration;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use ruma::{RoomId, ServerName};
use serde::Deserialize;

use super::Federation;
use crate::federation::{legacy, request};

/// How long a server may take to say how large a room is.
const WAIT: Duration = Duration::from_secs(10);
/// State events that make up 1 of Synapse's measure.
const EVENTS_PER_UNIT: u64 = 500;

#[derive(Deserialize)]
struct Complexity {
    v1: f64,
}

impl Federation {
    /// How many state events a room has, as far as the server can and wants to say. `M_RESOURCE_LIMIT_EXCEEDED` when those
    /// are more than this server takes on.
    pub(super) async fn check_size(&self, server: &ServerName, room_id: &RoomId) -> Result<Option<u64>> {
        if self.state_events_max().is_none() {
            // No one needs the answer, and most servers log a question for a path that they do not have.
            return Ok(None);
        }
        let target = legacy::path("unstable/rooms", &[room_id.as_str()]) + "/complexity";
        let asked = self.ask_plain(server, "GET", &target, bytes::Bytes::new(), WAIT);
        let Ok(answer) = asked.await else { return Ok(None) };
        let Ok(body) = request::body(server, answer, limits::BODY_BYTES_MAX).await else { return Ok(None) };
        let Ok(Complexity { v1 }) = serde_json::from_slice(&body) else { return Ok(None) };
        // Bounded first, as a stranger says it: the cast saturates.
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates, and NaN becomes 0")]
        let events = (v1 * 500.0) as u64;
        if self.state_events_max().is_some_and(|max| events > max) {
            return Err(self.too_large(room_id));
        }
        Ok(Some(events))
    }

    /// How many state events a room may have to be entered; none for any number.
    pub(super) fn state_events_max(&self) -> Option<u64> {
        let limit = self.core.config.federation.complexity_limit;
        (limit > 0).then(|| limit.saturating_mul(EVENTS_PER_UNIT))
    }

    /// Why a large room is not entered.
    pub(super) fn too_large(&self, room_id: &RoomId) -> Error {
        let max = self.state_events_max().unwrap_or(u64::MAX);
        let message = format!(
            "{room_id} is too large for this server: it has more than {max} state events, most of them members. The \
             operator can raise `federation.complexity_limit`."
        );
        refuse(Reason::RoomTooLarge, message)
    }
}
