//! Peeking without `/sync`: `GET /rooms/{roomId}/initialSync` and `GET /events`. Both are deprecated, but clients
//! still use them to show world-readable rooms before a user joins.

use hearth_base::boxed;
use std::time::Duration;

use hearth_base::limits::rooms::PEEK_LOOK_EVERY;
use hearth_base::{Position, Result, limits};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::tables::events::Direction;
use ruma::events::{AnyStateEvent, AnyTimelineEvent};
use ruma::serde::Raw;
use ruma::{OwnedRoomId, RoomId};

use super::access::Access;
use super::present::{self, EventFormat};
use super::token::Token;
use super::walk::{WalkQuery, walk};
use crate::Rooms;

/// Timeline events in an initial sync.
const FIRST_LOOK_EVENTS: usize = 20;

/// The initial sync of a room.
#[derive(Debug)]
pub struct FirstLook {
    /// The reader's membership, if they have one.
    pub membership: Option<&'static str>,
    /// The last events, oldest first.
    pub chunk: Vec<Raw<AnyTimelineEvent>>,
    /// The token to page backwards.
    pub start: Token,
    /// The token to go on with.
    pub end: Token,
    /// The state.
    pub state: Vec<Raw<AnyStateEvent>>,
    /// Whether the room is in the public directory.
    pub published: bool,
}

/// The events of a room since a token.
#[derive(Debug)]
pub struct PeekPage {
    /// The events, oldest first.
    pub chunk: Vec<Raw<AnyTimelineEvent>>,
    /// The token from the request.
    pub start: Token,
    /// The token to go on with.
    pub end: Token,
}

impl Rooms {
    /// Returns the state of a room and its last events.
    #[boxed]
    pub async fn first_look(&self, who: &Requester, room_id: OwnedRoomId) -> Result<FirstLook> {
        let now = self.core.store.position();
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            // `now` is older than this snapshot, which therefore has everything up to it; `/events` continues there
            // without a gap.
            let (state, newest) = (access.state(tx)?, access.newest(tx)?.min(now.as_i64()));
            let way =
                WalkQuery { after: i64::MIN, upto: newest, direction: Direction::Backward, limit: FIRST_LOOK_EVENTS };
            let viewer = &mut access.viewer;
            let mut walked = walk(viewer, tx, way, None)?;
            walked.events.reverse();
            let first = walked.events.first().and_then(|event| event.ord).unwrap_or(newest);
            Ok(FirstLook {
                membership: viewer.membership().map(|membership| membership.name()),
                chunk: present::events(viewer, tx, &EventFormat::timeline(Some(room_id)), &walked.events)?,
                start: Token::before(first),
                end: Token::Sync(now),
                state: present::state(viewer, tx, Some(room_id), state.into_values())?,
                published: access.room.published,
            })
        };
        self.reading_list("rooms_first_look", who, room_id, look).await
    }

    /// Returns the events of a room after `from` (none for now); waits up to `wait` for the first.
    #[boxed]
    pub async fn watch(
        &self,
        who: &Requester,
        room_id: OwnedRoomId,
        from: Option<Token>,
        wait: Duration,
    ) -> Result<PeekPage> {
        let from = from.unwrap_or_else(|| Token::Sync(self.core.store.position()));
        let deadline = tokio::time::Instant::now() + wait.min(Duration::from_millis(limits::SYNC_WAIT_MS_MAX));
        let mut seen: Option<Position> = None;
        loop {
            let now = self.core.store.position();
            // Read the room again only after something has been written to the database.
            if seen != Some(now) {
                let news = self.news(who, room_id.clone(), from, now).await?;
                if !news.chunk.is_empty() || tokio::time::Instant::now() >= deadline {
                    return Ok(news);
                }
                seen = Some(now);
            }
            if tokio::time::Instant::now() >= deadline || self.core.notifier.is_closed() {
                return Ok(PeekPage { chunk: Vec::new(), start: from, end: Token::Sync(now) });
            }
            tokio::time::sleep_until(deadline.min(tokio::time::Instant::now() + PEEK_LOOK_EVERY)).await;
        }
    }

    async fn news(&self, who: &Requester, room_id: OwnedRoomId, from: Token, now: Position) -> Result<PeekPage> {
        let look = move |tx: &mut dyn Tx, room_id: &RoomId, mut access: Access<'_>| {
            let upto = access.newest(tx)?.min(now.as_i64());
            let limit = limits::PAGE_EVENTS_DEFAULT;
            let way = WalkQuery { after: from.cut(), upto, direction: Direction::Forward, limit };
            let walked = walk(&mut access.viewer, tx, way, None)?;
            let chunk = present::events(&mut access.viewer, tx, &EventFormat::timeline(Some(room_id)), &walked.events)?;
            Ok(PeekPage { chunk, start: from, end: walked.next.map_or(Token::Sync(now), Token::Timeline) })
        };
        self.reading("rooms_watch", who, room_id, look).await
    }
}
