//! Space hierarchies with rooms of all servers (client-server API, "Spaces").

use hearth_base::boxed;
use std::sync::Arc;

use futures_util::StreamExt;
use futures_util::stream;
use hearth_base::Result;
use hearth_base::limits::domain::{HIERARCHY_PAGE_WAIT, ROOMS_AT_ONCE_MAX};
use hearth_core::Requester;
use hearth_rooms::read::hierarchy::{Hierarchy, HierarchyQuery, RemoteRooms};
use ruma::OwnedRoomId;

use super::Actions;

impl Actions {
    /// A page of a space's hierarchy, as [`hearth_rooms::LocalRooms::hierarchy`]. Asks other servers about rooms without
    /// members of this server.
    ///
    /// Durability: reads.
    #[boxed]
    pub async fn hierarchy(
        &self,
        who: &Requester,
        space: OwnedRoomId,
        question: HierarchyQuery,
        from: Option<String>,
        limit: usize,
    ) -> Result<Hierarchy> {
        let began = tokio::time::Instant::now();
        let mut told = Arc::new(RemoteRooms::new());
        loop {
            let (space, page) = (space.clone(), (from.as_deref(), limit));
            let (page, missing) = self.parts.rooms.hierarchy(who, space, question, page, told.clone()).await?;
            let left = HIERARCHY_PAGE_WAIT.saturating_sub(began.elapsed());
            if missing.is_empty() || left.is_zero() {
                return Ok(page);
            }
            let asked = stream::iter(missing).map(|missing| async move {
                let remote_room =
                    tokio::time::timeout(left, self.parts.federation.remote_room(&missing.room, &missing.via)).await;
                (missing.room, remote_room.unwrap_or_default())
            });
            let answers: Vec<_> = asked.buffer_unordered(ROOMS_AT_ONCE_MAX).collect().await;
            Arc::make_mut(&mut told).extend(answers);
        }
    }
}
