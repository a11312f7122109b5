//! Remote users, over a real database, with scripted servers.

mod lists;
mod news;
mod outside;
mod wire;

use std::sync::Arc;

use crate::Domain;
use hearth_base::{Position, Seams};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::testing;
use hearth_store::ids::UserSn;
use hearth_store::tables::accounts::{self, AccountKind, AccountRow};
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{devices, to_device, users};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, ServerName, UserId};
use serde_json::{Value, json};

use wire::Wire;

/// A server with Alice, who has one device.
struct World {
    domain: Arc<Domain>,
    wire: Arc<Wire>,
    alice: Requester,
    _folder: tempfile::TempDir,
}

fn id(user: &str) -> OwnedUserId {
    UserId::parse(user).expect("a user id")
}

/// Identity keys of a device; `what` marks the version.
fn device_keys(user: &str, device: &str, what: &str) -> Value {
    json!({
        "user_id": user, "device_id": device, "algorithms": ["m.megolm.v1.aes-sha2"],
        "keys": { format!("ed25519:{device}"): "A".repeat(43), format!("curve25519:{device}"): what },
        "signatures": { user: { format!("ed25519:{device}"): "s".repeat(86) } },
    })
}

impl World {
    async fn new() -> Self {
        let (folder, wire) = (tempfile::tempdir().expect("a folder"), Arc::<Wire>::default());
        let core = testing::core(&folder, Seams::system(), |config| config.presence.federated = true);
        let born = core.store.write("test", |tx| {
            let user = users::intern(tx, "@alice:home.example")?;
            let account = AccountRow {
                user,
                localpart: "alice".to_owned(),
                password: None,
                created_ms: 0,
                kind: AccountKind::Person,
                flags: 0,
                deactivated_ms: None,
            };
            accounts::insert(tx.tx(), &account)?;
            Ok((user, devices::insert(tx, user, "PHONE", None, 0)?))
        });
        let (user, device) = born.await.expect("a user");
        let alice = testing::requester(user, "@alice:home.example", device, "PHONE");
        let domain = Domain::new(core, wire.clone()).expect("a domain");
        Self { domain, wire, alice, _folder: folder }
    }

    fn core(&self) -> &Arc<RoomCore> {
        &self.domain.core
    }

    /// A room of Alice's with these remote users.
    async fn room_with(&self, people: &[&str]) -> OwnedRoomId {
        let wanted = testing::create_room(&json!({}));
        let room = self.domain.actions.create_room(&self.alice, wanted).await.expect("a room");
        for user in people {
            self.moves(&room, user, Membership::Join).await;
        }
        room
    }

    /// Sets a remote user's membership, as an event of theirs would.
    async fn moves(&self, room: &RoomId, user: &str, membership: Membership) {
        testing::moves(self.core(), room, user, membership).await;
    }

    /// Receives EDUs of one kind from a server.
    async fn hears(&self, server: &str, kind: &str, contents: &[Value]) {
        let origin = ServerName::parse(server).expect("a name");
        let edus: Vec<_> = contents
            .iter()
            .map(|content| {
                let edu = json!({ "edu_type": kind, "content": content }).to_string();
                serde_json::value::RawValue::from_string(edu).expect("JSON")
            })
            .collect();
        self.domain.federation.edus(&origin, edus.iter().map(|edu| &**edu)).await.expect("no fault");
    }

    /// A user's devices as Alice sees them: the version of the keys of each device.
    async fn devices_of(&self, user: &str) -> Vec<(String, String)> {
        let query = [(id(user), Vec::new())].into();
        let found = self.domain.actions.query_keys(&self.alice, query, None).await.expect("an answer");
        assert!(found.elsewhere.is_empty());
        let devices = found.device_keys.get(&id(user)).into_iter().flatten();
        let shown = devices.map(|(device, keys)| {
            let keys: Value = serde_json::from_str(keys.json().get()).expect("JSON");
            (device.to_string(), keys["keys"][format!("curve25519:{device}")].as_str().expect("a key").to_owned())
        });
        shown.collect()
    }

    /// The `changed` users of Alice's device lists since a position.
    async fn changed_since(&self, position: Position) -> Vec<String> {
        let (changed, _) = self.domain.crypto.key_changes(&self.alice, position).await.expect("changes");
        changed.into_iter().map(|user| user.to_string()).filter(|user| user != "@alice:home.example").collect()
    }

    /// The to-device messages that wait for Alice's device.
    async fn inbox(&self) -> Vec<Value> {
        let device = self.alice.device;
        let read = self.core().store.read("test", move |tx| {
            let upto = tx.position();
            to_device::batch(tx.tx(), device, Position::ZERO, upto, 1_000)
        });
        let messages = read.await.expect("messages").into_iter();
        messages.map(|(_, json)| serde_json::from_str(&json).expect("JSON")).collect()
    }

    /// How many writes of this name there were.
    fn writes(&self, name: &str) -> u64 {
        let operations = self.core().store.operations();
        operations.iter().find(|operation| operation.name == name).map_or(0, |operation| operation.count)
    }

    async fn sn(&self, user: &str) -> UserSn {
        let user = user.to_owned();
        let found = self.core().store.read("test", move |tx| users::find(tx.tx(), &user)).await;
        found.expect("a read").expect("a known user")
    }
}
