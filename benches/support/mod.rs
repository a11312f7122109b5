//! Shared by the benchmarks: an in-process server without its network, and users in rooms.

use std::sync::Arc;
use std::time::Duration;

use hearth::Running;
use hearth_base::Seams;
use hearth_base::config::{Address, Config, Passwords, RegistrationMode, Synchronous};
use hearth_domain::accounts::{Authority, DeviceRequest, NewAccount};
use hearth_domain::devices::RequestSource;
use hearth_domain::rooms::Message;
use hearth_domain::{Domain, Requester};
use ruma::OwnedRoomId;
use ruma::api::client::room::create_room::v3::{Request as CreateRoom, RoomPreset};
use tempfile::TempDir;
use tokio::runtime::Runtime;

/// A server to measure. Its data is in the system's temporary folder: if that is in memory, syncing to disk costs
/// nothing, and the figures omit that cost.
pub(crate) struct Bench {
    /// The runtime that runs the measured code.
    pub(crate) runtime: Runtime,
    running: Option<Running>,
    _folder: TempDir,
}

impl Bench {
    /// Starts a new server.
    pub(crate) fn new(synchronous: Synchronous) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut config = Config::default();
        config.server.data_dir = folder.path().join("data");
        config.listeners[0].address = Address::Tcp(([127, 0, 0, 1], 0).into());
        config.registration.mode = RegistrationMode::Open;
        config.passwords = Passwords::cheap();
        config.database.ballast_mib = 0;
        config.database.synchronous = synchronous;
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build();
        let runtime = runtime.expect("threads can be started");
        let running = runtime.block_on(hearth::start(config, Seams::system())).expect("the server starts");
        Self { runtime, running: Some(running), _folder: folder }
    }

    /// The use cases.
    pub(crate) fn domain(&self) -> Arc<Domain> {
        Arc::clone(&self.running.as_ref().expect("it runs until it is dropped").domain)
    }

    /// Registers a user and logs in.
    pub(crate) fn person(&self, name: &str) -> Requester {
        let domain = self.domain();
        let new = NewAccount {
            localpart: Some(name.to_owned()),
            displayname: None,
            password: Some("correct horse battery staple".to_owned()),
            admin: false,
            authority: Authority::Anyone,
        };
        self.runtime.block_on(async {
            let made = domain.accounts.register(new, Some(DeviceRequest::default())).await.expect("an account");
            let token = made.1.expect("logged in").tokens.access_token;
            let whence = RequestSource { address: None, agent: None };
            domain.accounts.authenticate(&token, whence).await.expect("a session")
        })
    }

    /// Creates a public room.
    pub(crate) fn room(&self, creator: &Requester) -> OwnedRoomId {
        let mut wanted = CreateRoom::new();
        wanted.preset = Some(RoomPreset::PublicChat);
        self.runtime.block_on(self.domain().actions.create_room(creator, wanted)).expect("a room")
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        if let Some(running) = self.running.take() {
            self.runtime.block_on(running.stop(Duration::from_secs(5)));
        }
    }
}

/// A text message of typical length; `number` determines the transaction id.
pub(crate) fn message(room: &OwnedRoomId, number: u64) -> Message {
    let body = "Shall we have tea at four, or is that too early for all of you?";
    Message {
        room_id: room.clone(),
        kind: "m.room.message".to_owned(),
        content: format!(r#"{{"msgtype":"m.text","body":"{body}"}}"#),
        txn: format!("bench {number}"),
        timestamp_ms: None,
    }
}
