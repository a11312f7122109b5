//! Tests of the writing use cases on a real database, because the rules of events interact.

mod creating;
mod entering;
mod reading;
mod saying;
mod upgrading;
mod visibility;

use std::sync::Arc;

use hearth_base::{Reason, Result, Seams};
use hearth_core::Requester;
use hearth_store::tables::{rooms, state};
use ruma::{OwnedEventId, OwnedRoomId, RoomId};
use serde_json::Value;

use super::{LocalRooms, Message, Rooms, StateChange, find};
use crate::RoomCore;
use crate::testing;

/// A server with three users.
struct World {
    core: Arc<RoomCore>,
    rooms: LocalRooms,
    alice: Requester,
    bob: Requester,
    carol: Requester,
    _folder: tempfile::TempDir,
}

impl World {
    async fn new() -> Self {
        let folder = tempfile::tempdir().expect("a folder");
        let core = testing::core(&folder, Seams::system(), |_| {});
        let user = async |name: &str| testing::user(&core, &format!("@{name}:home.example")).await;
        let (alice, bob, carol) = (user("alice").await, user("bob").await, user("carol").await);
        Self { rooms: LocalRooms::of(&Arc::new(Rooms::new(core.clone()))), core, alice, bob, carol, _folder: folder }
    }

    /// Resolves an alias.
    async fn leads_to(&self, alias: ruma::OwnedRoomAliasId) -> Result<OwnedRoomId> {
        let core = self.core.clone();
        let read = move |tx: &mut hearth_store::ReadTx<'_>| find::id(&find::by_alias(&core, tx.tx(), &alias)?);
        self.core.store.read("alias_find", read).await
    }

    /// Alice creates a room with a request's JSON body.
    async fn makes(&self, wanted: Value) -> Result<OwnedRoomId> {
        Ok(self.rooms.create(&self.alice, testing::create_room(&wanted), |_, _| Ok(())).await?.0)
    }

    /// Returns the content of a current state event.
    async fn state(&self, room_id: &RoomId, kind: &'static str, key: &str) -> Value {
        let (core, id, key) = (self.core.clone(), room_id.to_string(), key.to_owned());
        let read = move |tx: &mut hearth_store::ReadTx<'_>| {
            let room = rooms::by_id(tx.tx(), &id)?.expect("the room is known");
            let Some(sn) = state::current_named(tx.tx(), room.sn, kind, &key)? else { return Ok(Value::Null) };
            Ok(serde_json::from_str(core.events.get(tx.tx(), sn)?.pdu.content.get()).expect("JSON"))
        };
        self.core.store.read("test", read).await.expect("a state")
    }

    async fn membership(&self, room_id: &RoomId, who: &Requester) -> Value {
        self.state(room_id, "m.room.member", who.user_id.as_str()).await["membership"].clone()
    }

    async fn send(
        &self,
        who: &Requester,
        room_id: &RoomId,
        kind: &str,
        txn: &str,
        content: Value,
    ) -> Result<OwnedEventId> {
        let message = Message {
            room_id: room_id.to_owned(),
            kind: kind.to_owned(),
            content: content.to_string(),
            txn: txn.to_owned(),
            timestamp_ms: None,
        };
        self.rooms.send(who, message).await
    }

    async fn set(&self, who: &Requester, room_id: &RoomId, kind: &str, content: Value) -> Result<OwnedEventId> {
        let change = StateChange {
            room_id: room_id.to_owned(),
            kind: kind.to_owned(),
            state_key: String::new(),
            content: content.to_string(),
            timestamp_ms: None,
        };
        self.rooms.set_state(who, change).await
    }

    async fn joins(&self, who: &Requester, room_id: &RoomId) -> Result<OwnedRoomId> {
        self.rooms.join(who, room_id.to_owned().into(), crate::JoinContent::default()).await
    }
}

/// Returns the reason of a refusal.
fn why<T: std::fmt::Debug>(result: Result<T>) -> Reason {
    result.expect_err("a refusal").reason().expect("a refusal, not a fault")
}
