//! Pages of timelines: messages, and what surrounds an event (client-server API, "Getting events for a room"), answered with what is
//! here and, where a gap is in the way, with what other servers have.

use std::sync::Arc;

use hearth_base::{Reason, Result};
use ruma::api::Direction;
use ruma::api::client::filter::RoomEventFilter;
use ruma::{OwnedEventId, OwnedRoomId};

use super::Actions;
use crate::Requester;
use crate::federation::wait_until;
use crate::rooms::gaps;
use crate::rooms::read::context::Context;
use crate::rooms::read::page::{MessagesPage, Paging};

/// Pieces of history fetched for one page: hidden events, or a filter, may use up a whole piece.
const PIECES_MAX: usize = 4;

impl Actions {
    /// A page of a room's timeline. See [`crate::rooms::Rooms::messages`].
    ///
    /// A page that comes to a gap with less than half of what it may have waits for the gap to be filled. When no server fills it in
    /// time, it passes over it, and over no other gap; when there is nothing beyond, it is not the last one until all servers have said
    /// that there is nothing more.
    ///
    /// Durability: reads. What is fetched from other servers is fetched when the client hangs up, too.
    pub async fn messages(&self, who: &Requester, room_id: OwnedRoomId, paging: Paging) -> Result<MessagesPage> {
        let rooms = &self.parts.rooms;
        if paging.direction == Direction::Forward {
            return rooms.messages(who, room_id, paging).await;
        }
        let (until, mut below) = (wait_until(), i64::MAX);
        for _ in 0..PIECES_MAX {
            let page = rooms.messages_to_gap(who, room_id.clone(), paging.clone(), below).await?;
            let Some(gap) = &page.gap else { return Ok(page) };
            if page.chunk.len() > paging.limit / 2 {
                return Ok(page);
            }
            match self.parts.federation.fill_gap(room_id.clone(), gap, until).await? {
                Some(true) => {}
                // It is still being filled: the next page may have it.
                None => return Ok(page),
                // Only this one: a client that is told of what lies below does not come back for the gaps there.
                Some(false) => below = gap.floor,
            }
        }
        rooms.messages_to_gap(who, room_id, paging, below).await
    }

    /// An event and its surroundings. See [`crate::rooms::Rooms::context`].
    ///
    /// Durability: reads. As [`Actions::messages`].
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
