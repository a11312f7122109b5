//! Test fixtures of the domain: a server over a real database in its own folder, and its users.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::config::Config;
use hearth_base::{Position, Seams};
use hearth_core::Requester;
use hearth_store::ids::{DeviceSn, EventSn, UserSn};
use hearth_store::tables::memberships::{self, Membership, MembershipRow};
use hearth_store::tables::{rooms, users};
use hearth_store::{Options, Store};
use ruma::api::IncomingRequestExt;
use ruma::api::client::room::create_room::v3::Request;
use ruma::{RoomId, UserId};
use serde_json::Value;
use tempfile::TempDir;

use crate::RoomCore;

/// The shared services of `home.example`, with all data in `folder`. Opening the folder again restarts the same
/// server.
pub fn core(folder: &TempDir, seams: Seams, change: impl FnOnce(&mut Config)) -> Arc<RoomCore> {
    let options = Options { ballast: None, ..Options::sqlite(folder.path().join("test.db")) };
    let mut config = Config::default();
    config.server.name = "home.example".to_owned();
    config.server.data_dir = folder.path().to_owned();
    change(&mut config);
    let store = Store::open(options, seams.clone()).expect("a store");
    RoomCore::new(store, seams, Arc::new(config)).expect("a core")
}

/// An ordinary user on a device.
pub fn requester(user: UserSn, user_id: &str, device: DeviceSn, device_id: &str) -> Requester {
    Requester {
        user,
        user_id: UserId::parse(user_id).expect("an id"),
        device,
        device_id: device_id.into(),
        admin: false,
        guest: false,
        locked: false,
        suspended: false,
        appservice: None,
    }
}

/// A user without an account, on a device that is not in the database: enough for code behind authentication.
#[boxed]
pub async fn user(core: &RoomCore, user_id: &str) -> Requester {
    let name = user_id.to_owned();
    let user = core.store.write("test", move |tx| users::intern(tx, &name)).await.expect("a user");
    requester(user, user_id, DeviceSn(user.0), "DEVICE")
}

/// A room creation request, parsed as from a client.
pub fn create_room(wanted: &Value) -> Request {
    let body = wanted.to_string();
    let http = http::Request::post("/_matrix/client/v3/createRoom").body(body.as_bytes()).expect("a request");
    Request::try_from_http_request(http, &[]).expect("a createRoom")
}

/// Sets a remote user's membership, as an event of theirs would.
#[boxed]
pub async fn moves(core: &Arc<RoomCore>, room: &RoomId, user: &str, membership: Membership) {
    let (cores, room, user) = (core.clone(), room.to_string(), user.to_owned());
    let write = move |tx: &mut hearth_store::WriteTx<'_>| {
        let room = rooms::by_id(tx.tx(), &room)?.expect("the room is known").sn;
        let (user, position) = (users::intern(tx, &user)?, tx.position());
        let event = EventSn::from(Position(1));
        let (local, since, forgotten) = (false, position, false);
        let row = MembershipRow { room, user, membership, local, event, position, since, forgotten };
        memberships::set(tx.tx(), &row, None)?;
        tx.after_commit(move || cores.locals.forget(room));
        Ok(())
    };
    core.store.write("test", write).await.expect("a membership");
}
