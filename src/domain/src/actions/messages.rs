//! Timeline pages and event context (client-server API, "Getting events for a room"), from the local history and, at a
//! gap, from other servers.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::limits::domain::MESSAGES_PIECES_MAX;
use hearth_base::{Reason, Result};
use hearth_core::Requester;
use hearth_federation::wait_until;
use hearth_rooms::gaps;
use hearth_rooms::read::context::Context;
use hearth_rooms::read::page::{MessagesPage, Paging};
use ruma::api::Direction;
use ruma::api::client::filter::RoomEventFilter;
use ruma::{OwnedEventId, OwnedRoomId};

use super::Actions;

impl Actions {
    /// A page of a room's timeline. See [`hearth_rooms::LocalRooms::messages`].
    ///
    /// A page that reaches a gap with less than half of its limit waits for backfill. When no server answers in time,
    /// the page skips that gap, and no other. An empty page is the last one only after all servers have answered that
    /// they have no more events.
    ///
    /// Durability: reads. A started backfill continues when the client hangs up.
    #[boxed]
    pub async fn messages(&self, who: &Requester, room_id: OwnedRoomId, paging: Paging) -> Result<MessagesPage> {
        let rooms = &self.parts.rooms;
        if paging.direction == Direction::Forward {
            return rooms.messages(who, room_id, paging).await;
        }
        let (until, mut below) = (wait_until(), i64::MAX);
        for _ in 0..MESSAGES_PIECES_MAX {
            let page = rooms.messages_to_gap(who, room_id.clone(), paging.clone(), below).await?;
            let Some(gap) = &page.gap else { return Ok(page) };
            // Enough events to answer without waiting for other servers.
            if page.chunk.len() > paging.limit / 2 {
                return Ok(page);
            }
            match self.parts.federation.fill_gap(room_id.clone(), gap, until).await? {
                Some(true) => {}
                // The gap is still being filled: the next page may have it.
                None => return Ok(page),
                // Only this one: a client that is told of what lies below does not come back for the gaps there.
                Some(false) => below = gap.floor,
            }
        }
        rooms.messages_to_gap(who, room_id, paging, below).await
    }

    /// An event and its surroundings. See [`hearth_rooms::LocalRooms::context`].
    ///
    /// Durability: reads. As [`Actions::messages`].
    #[boxed]
    pub async fn context(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
        limit: usize,
        filter: RoomEventFilter,
    ) -> Result<Context> {
        let (rooms, federation) = (&self.parts.rooms, &self.parts.federation);
        let look = || rooms.context(who, room_id.clone(), event_id.clone(), limit, filter.clone());
        let until = wait_until();
        let mut context = look().await;
        if let Err(error) = &context
            && error.reason() == Some(Reason::NotFound)
            && federation.fetch_past_event(room_id.clone(), event_id.clone(), until).await?
        {
            context = look().await;
        }
        let context = context?;
        let Some(gap) = context.gap.as_ref().filter(|gap| gaps::is_due(gap, self.core.now_ms())) else {
            return Ok(context);
        };
        match federation.fill_gap(room_id.clone(), gap, until).await? {
            Some(true) => look().await,
            _ => Ok(context),
        }
    }
}
