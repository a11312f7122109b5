//! What clients ask of a room's past, answered with what is here and, where a gap is in the way, with what others have.

use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Reason, Result, limits};
use ruma::api::Direction;
use ruma::api::client::filter::RoomEventFilter;
use ruma::events::AnyTimelineEvent;
use ruma::serde::Raw;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId};
use tokio::time::Instant;

use super::within;
use crate::Requester;
use crate::federation::Federation;
use crate::rooms::gaps;
use crate::rooms::read::context::Context;
use crate::rooms::read::page::{MessagesPage, Paging};

/// Pieces of history fetched for one page: hidden events, or a filter, may use up a whole piece.
const PIECES_MAX: usize = 4;

impl Federation {
    /// A page of a room's timeline. See [`crate::rooms::Rooms::messages`].
    ///
    /// A page that comes to a gap with less than half of what it may have waits for the gap to be filled. When nobody fills it
    /// in time, it passes over it; when there is nothing beyond, it is not the last one until everybody has said that there
    /// is nothing more.
    pub async fn messages(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        paging: Paging,
    ) -> Result<MessagesPage> {
        let rooms = &self.parts.rooms;
        if paging.direction == Direction::Forward {
            return rooms.messages(who, room_id, paging).await;
        }
        let until = patience();
        for _ in 0..PIECES_MAX {
            let page = rooms.messages_to_gap(who, room_id.clone(), paging.clone()).await?;
            let Some(gap) = &page.gap else { return Ok(page) };
            if page.chunk.len() > paging.limit / 2 {
                return Ok(page);
            }
            let filling = Arc::clone(self).fill(room_id.clone(), gap.floor, gap.next);
            match within(filling, until).await? {
                Some(true) => {}
                // It is still being filled: the next page may have it.
                None => return Ok(page),
                Some(false) => return rooms.messages(who, room_id, paging).await,
            }
        }
        rooms.messages_to_gap(who, room_id, paging).await
    }

    /// An event and its surroundings. See [`crate::rooms::Rooms::context`].
    pub async fn context(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
        limit: usize,
        filter: RoomEventFilter,
    ) -> Result<Context> {
        let rooms = &self.parts.rooms;
        let look = || rooms.context(who, room_id.clone(), event_id.clone(), limit, filter.clone());
        let until = patience();
        let mut context = look().await;
        if let Err(error) = &context
            && error.reason() == Some(Reason::NotFound)
            && within(Arc::clone(self).obtain_apart(room_id.clone(), event_id.clone()), until).await? == Some(true)
        {
            context = look().await;
        }
        let context = context?;
        let Some(gap) = context.gap.as_ref().filter(|gap| gaps::is_due(gap, self.core.now_ms())) else {
            return Ok(context);
        };
        let filling = Arc::clone(self).fill(room_id.clone(), gap.floor, gap.next);
        match within(filling, until).await? {
            Some(true) => look().await,
            _ => Ok(context),
        }
    }

    /// One event. See [`crate::rooms::Rooms::event`].
    pub async fn event(
        self: &Arc<Self>,
        who: &Requester,
        room_id: OwnedRoomId,
        event_id: OwnedEventId,
    ) -> Result<Raw<AnyTimelineEvent>> {
        let rooms = &self.parts.rooms;
        match rooms.event(who, room_id.clone(), event_id.clone()).await {
            Err(error) if error.reason() == Some(Reason::NotFound) && rooms.may_read(who, room_id.clone()).await? => {
                let obtaining = Arc::clone(self).obtain_apart(room_id.clone(), event_id.clone());
                match within(obtaining, patience()).await? {
                    Some(true) => rooms.event(who, room_id, event_id).await,
                    _ => Err(error),
                }
            }
            answer => answer,
        }
    }

    /// The event nearest to a point in time, on one side of it. `M_NOT_FOUND` when nobody knows one that the reader may see.
    pub async fn event_at(
        self: &Arc<Self>,
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
        let obtaining = Arc::clone(self).obtain_by_time(room_id.clone(), at, direction, than);
        match within(obtaining, patience()).await? {
            // Now that it is here: whether the reader may see it, and whether it is the nearest.
            Some(Some(_)) => rooms.event_at(who, room_id, at, direction).await?.found(),
            _ => near.found(),
        }
    }
}

/// Until when somebody may be kept waiting who asks now.
fn patience() -> Instant {
    Instant::now() + Duration::from_millis(limits::HISTORY_WAIT_MS_MAX)
}
