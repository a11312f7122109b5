//! Single events, by id and by time (client-server API, "Getting events for a room").

use hearth_base::boxed;
use hearth_base::{Reason, Result};
use hearth_core::Requester;
use hearth_federation::wait_until;
use ruma::api::Direction;
use ruma::events::AnyTimelineEvent;
use ruma::serde::Raw;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId};

use super::Actions;

impl Actions {
    /// One event; asks other servers if it is not stored here. See [`hearth_rooms::LocalRooms::event`].
    ///
    /// Durability: reads. As [`Actions::messages`].
    #[boxed]
    pub async fn event(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
    ) -> Result<Raw<AnyTimelineEvent>> {
        let rooms = &self.parts.rooms;
        match rooms.event(who, room_id.clone(), event_id.clone()).await {
            Err(error) if error.reason() == Some(Reason::NotFound) && rooms.may_read(who, room_id.clone()).await? => {
                match self.parts.federation.fetch_past_event(room_id.clone(), event_id.clone(), wait_until()).await? {
                    true => rooms.event(who, room_id, event_id).await,
                    false => Err(error),
                }
            }
            answer => answer,
        }
    }

    /// The event nearest to a timestamp, in one direction. `M_NOT_FOUND` when no server knows one that the user may
    /// see.
    ///
    /// Durability: reads. As [`Actions::messages`].
    #[boxed]
    pub async fn event_at(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        at: MilliSecondsSinceUnixEpoch,
        direction: Direction,
    ) -> Result<(OwnedEventId, MilliSecondsSinceUnixEpoch)> {
        let rooms = &self.parts.rooms;
        let near = rooms.event_at(who, room_id.clone(), at, direction).await?;
        if near.gap.is_none() {
            return near.found();
        }
        let than = near.found.as_ref().map(|(_, at)| *at);
        let federation = &self.parts.federation;
        match federation.fetch_past_event_near(room_id.clone(), at, direction, than, wait_until()).await? {
            // The event is stored now: check again whether the user may see it, and whether it is the nearest one.
            true => rooms.event_at(who, room_id, at, direction).await?.found(),
            false => near.found(),
        }
    }
}
