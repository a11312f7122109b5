//! Member events of ours that others have signed, brought into a room in which something else has happened meanwhile.

use std::sync::Arc;

use hearth_base::{Reason, Result, error::refuse};
use ruma::{RoomId, ServerName};

use super::Federation;
use crate::federation::admit::Candidate;

impl Federation {
    /// Brings an event of ours into a room that this server is in. `from` is who has it already.
    pub(super) async fn admit_own(
        self: &Arc<Self>,
        room_id: &RoomId,
        event: Candidate,
        from: &ServerName,
    ) -> Result<()> {
        let _ = (event, from);
        Err(refuse(Reason::BadState, format!("Something has happened in {room_id} meanwhile; try again.")))
    }
}
