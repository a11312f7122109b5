//! The summary of one remote room (`GET /hierarchy/{roomId}`), cached briefly, because a client that opens a space
//! requests its pages one after the other.

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::limits::federation::REMOTE_ROOM_SERVERS_MAX;
use hearth_base::limits::federation::REMOTE_ROOMS_OUTSIDE_WAIT;
use hearth_base::{Reason, Result, limits};
use hearth_rooms::read::hierarchy::{Child, RemoteRoom, sort};
use hearth_rooms::read::summary::Summary;
use quick_cache::sync::Cache;
use ruma::api::federation::space::get_hierarchy;
use ruma::directory::PublicRoomsChunk;
use ruma::events::space::child::HierarchySpaceChildEvent;
use ruma::room::{JoinRuleKind, RoomType};
use ruma::serde::Raw;
use ruma::{OwnedRoomId, OwnedServerName, RoomId, ServerName};
use serde::Deserialize;
use serde_json::Value;
use tokio::time::Instant;

use crate::Federation;

/// How long a response is cached.
const KNOWN_FOR: Duration = Duration::from_secs(60);
/// How long a failure is cached.
const UNKNOWN_FOR: Duration = Duration::from_secs(15);

/// Cached responses with their time; `None` when no server answered.
#[derive(Debug)]
pub(crate) struct RemoteRoomCache(Cache<OwnedRoomId, (Instant, Option<Arc<RemoteRoom>>)>);

impl Default for RemoteRoomCache {
    fn default() -> Self {
        Self(Cache::new(limits::REMOTE_ROOMS_CACHED_MAX))
    }
}

/// A room in another server's response.
#[derive(Deserialize)]
struct HierarchyRoom {
    #[serde(flatten)]
    card: PublicRoomsChunk,
    join_rule: Option<JoinRuleKind>,
    #[serde(default)]
    allowed_room_ids: Vec<OwnedRoomId>,
    encryption: Option<String>,
    room_version: Option<String>,
    #[serde(default)]
    children_state: Vec<Raw<HierarchySpaceChildEvent>>,
}

/// The response of a server.
#[derive(Deserialize)]
struct HierarchyResponse {
    room: HierarchyRoom,
    #[serde(default)]
    children: Vec<Value>,
    #[serde(default)]
    inaccessible_children: Vec<OwnedRoomId>,
}

impl Federation {
    /// The summary of a room from the first server in `via` that returns it. `None` when none does.
    #[boxed]
    pub async fn remote_room(&self, room: &RoomId, via: &[OwnedServerName]) -> Option<Arc<RemoteRoom>> {
        if let Some(known) = self.remote_room_cache.get(room) {
            return known;
        }
        let mut servers: Vec<&ServerName> = via.iter().map(|server| &**server).collect();
        servers.extend(room.server_name().filter(|server| !via.iter().any(|via| via == server)));
        servers.retain(|server| self.core.check_talks_to(server).is_ok());
        let mut is_unreachable = true;
        for server in servers.into_iter().take(REMOTE_ROOM_SERVERS_MAX) {
            match self.remote_room_of(server, room).await {
                Ok(remote_room) => return Some(remote_room),
                Err(error) => {
                    is_unreachable &= error.reason() == Some(Reason::ConnectionFailed);
                    tracing::debug!(%server, room.id = %room, %error, "Another server told nothing of a room.")
                }
            }
        }
        // Only unreachable servers are cached as failures, because they cost time; a server that answered may answer
        // differently once the room is public.
        if is_unreachable {
            self.remote_room_cache.keep(room.to_owned(), None);
        }
        None
    }

    async fn remote_room_of(&self, server: &ServerName, room: &RoomId) -> Result<Arc<RemoteRoom>> {
        let request = get_hierarchy::v1::Request::new(room.to_owned());
        let answer: HierarchyResponse =
            self.ask_loosely(server, request, REMOTE_ROOMS_OUTSIDE_WAIT, limits::REMOTE_ROOMS_BYTES_MAX).await?;
        if answer.room.card.room_id != room {
            return Err(hearth_base::Error::not_found(format!("{server} answered for another room than {room}.")));
        }
        let remote_room = Arc::new(answer.room.read());
        self.remote_room_cache.keep(room.to_owned(), Some(remote_room.clone()));
        for child in answer.children.into_iter().take(limits::HIERARCHY_ROOMS_MAX) {
            let Ok(child) = serde_json::from_value::<HierarchyRoom>(child) else { continue };
            // A child that is a space is skipped, because this response lacks its own children; rooms that are not
            // children of the space were not requested.
            let is_child = remote_room.children.iter().any(|named| named.room == child.card.room_id);
            if is_child && child.card.room_type != Some(RoomType::Space) {
                self.remote_room_cache.keep(child.card.room_id.clone(), Some(Arc::new(child.read())));
            }
        }
        for child in answer.inaccessible_children.into_iter().take(limits::HIERARCHY_ROOMS_MAX) {
            if self.remote_room_cache.get(&child).is_none()
                && remote_room.children.iter().any(|named| named.room == child)
            {
                self.remote_room_cache.keep(child, None);
            }
        }
        Ok(remote_room)
    }
}

impl RemoteRoomCache {
    /// The cached summary, if recent.
    fn get(&self, room: &RoomId) -> Option<Option<Arc<RemoteRoom>>> {
        let (at, remote_room) = self.0.get(room)?;
        let lasting = if remote_room.is_some() { KNOWN_FOR } else { UNKNOWN_FOR };
        (at.elapsed() < lasting).then_some(remote_room)
    }

    fn keep(&self, room: OwnedRoomId, remote_room: Option<Arc<RemoteRoom>>) {
        self.0.insert(room, (Instant::now(), remote_room));
    }
}

impl HierarchyRoom {
    fn read(self) -> RemoteRoom {
        let mut children: Vec<Child> = Vec::new();
        if self.card.room_type == Some(RoomType::Space) {
            let stripped = self.children_state.into_iter().take(limits::HIERARCHY_ROOMS_MAX);
            children.extend(stripped.filter_map(Child::new));
            sort(&mut children);
        }
        let summary = Summary {
            card: self.card,
            // The specification's default for a missing field.
            join_rule: self.join_rule.unwrap_or(JoinRuleKind::Public),
            allowed_room_ids: self.allowed_room_ids,
            encryption: self.encryption,
            room_version: self.room_version.unwrap_or_default(),
            membership: None,
        };
        RemoteRoom { summary, children }
    }
}
