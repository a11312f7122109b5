//! The outbox over a real database, with a network whose faults each test controls. Tokio's clock is paused and
//! advances when all tasks are idle.

mod away;
mod edus;
mod order;
mod poison;
mod storms;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use hearth_base::Seams;
use hearth_core::Requester;
use hearth_rooms::Message;
use hearth_rooms::RoomCore;
use hearth_rooms::testing;
use hearth_store::Lane;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{destinations, outgoing};
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, ServerName, UserId};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use wire::Wire;

use crate::tests::services::Services;

/// How long a test waits for something, in simulated time.
const PATIENCE: Duration = Duration::from_secs(4 * 60 * 60);
/// The same in real time.
const REAL_PATIENCE: Duration = Duration::from_secs(60);

/// A server with simulated remote servers.
struct World {
    services: Services,
    wire: Arc<Wire>,
    alice: Requester,
    sent: std::sync::atomic::AtomicU64,
    folder: Arc<tempfile::TempDir>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Runs work that involves the database threads. Tokio's paused clock does not see these threads and would advance by
/// hours during a disk write.
async fn really<T>(work: impl Future<Output = T>) -> T {
    tokio::time::resume();
    let done = work.await;
    tokio::time::pause();
    done
}

fn server(name: &str) -> OwnedServerName {
    ServerName::parse(name).expect("a name")
}

impl World {
    async fn new() -> Self {
        really(Self::open(Arc::new(tempfile::tempdir().expect("a folder")), Arc::default())).await
    }

    async fn open(folder: Arc<tempfile::TempDir>, wire: Arc<Wire>) -> Self {
        let core = testing::core(&folder, Seams::system(), |config| {
            config.federation.deny = vec!["denied.example".to_owned()];
        });
        let alice = testing::user(&core, "@alice:home.example").await;
        let services = Services::new(core, wire.clone());
        Self { services, wire, alice, sent: 0.into(), folder, running: None }
    }

    fn core(&self) -> &Arc<RoomCore> {
        &self.services.core
    }

    /// Starts the send loop.
    #[expect(clippy::disallowed_methods, reason = "the test ends the task itself")]
    fn run(&mut self) {
        let (stop, stopped) = oneshot::channel::<()>();
        let federation = self.services.federation.clone();
        let stopped = async { _ = stopped.await };
        let task = tokio::spawn(async move { federation.run_outbox(stopped).await });
        self.running = Some((stop, task));
    }

    /// Stops the send loop, as at shutdown.
    async fn stop(&mut self) {
        let (stop, task) = self.running.take().expect("it runs");
        drop(stop);
        really(task).await.expect("no panic");
    }

    /// Kills the server and restarts it with the data on disk.
    async fn killed(mut self) -> Self {
        if let Some((_, task)) = self.running.take() {
            task.abort();
            let _ = task.await;
        }
        self.services.core.store.close();
        really(Self::open(self.folder.clone(), self.wire.clone())).await
    }

    /// A room with Alice and a user of each of these servers.
    async fn room_with(&self, servers: &[&str]) -> OwnedRoomId {
        let wanted = testing::create_room(&json!({}));
        let id = really(self.services.rooms.create(&self.alice, wanted, |_, _| Ok(()))).await.expect("a room").0;
        for name in servers {
            self.moves(&id, &format!("@bob:{name}"), Membership::Join).await;
        }
        id
    }

    /// Sets a remote user's membership, as an event of theirs would.
    async fn moves(&self, room: &RoomId, user: &str, membership: Membership) {
        really(testing::moves(self.core(), room, user, membership)).await;
    }

    /// Alice sends a message; returns its event id.
    async fn says(&self, room: &RoomId, what: &str) -> OwnedEventId {
        let txn = self.sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let message = Message {
            room_id: room.to_owned(),
            kind: "m.room.message".to_owned(),
            content: json!({"msgtype": "m.text", "body": what}).to_string(),
            txn: format!("{txn}-{}", self.core().store.position()),
            timestamp_ms: None,
        };
        really(self.services.rooms.send(&self.alice, message)).await.expect("sent")
    }

    /// Waits until a condition holds, with growing intervals.
    async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let (began, really) = (tokio::time::Instant::now(), std::time::Instant::now());
        let mut step = Duration::from_millis(20);
        while !is_so() {
            assert!(began.elapsed() < PATIENCE && really.elapsed() < REAL_PATIENCE, "{what}: still not");
            // The database threads need real time.
            std::thread::sleep(Duration::from_micros(300));
            tokio::time::sleep(step).await;
            step = (step * 51 / 50).min(Duration::from_secs(20));
        }
    }

    /// Waits until a server has received that many messages.
    async fn until_heard(&self, name: &str, messages: usize) {
        self.until(&format!("{name} hears {messages}"), || self.wire.said_to(name).len() >= messages).await;
    }

    /// Waits until the queues are empty, and returns the number of rows left in the database.
    async fn rows_left(&self) -> u64 {
        let federation = &self.services.federation;
        self.until("all is sent", || {
            let figures = federation.outbox_figures();
            figures.queued_events + figures.queued_edus == 0
        })
        .await;
        self.settles().await;
        // A write here is queued behind the loop's own write, so that the count includes it.
        really(self.core().store.write_in(Lane::Upkeep, "test", |_| Ok(()))).await.expect("a write");
        self.rows().await
    }

    async fn settles(&self) {
        really(self.services.federation.settle_outbox()).await.expect("settled");
    }

    async fn rows(&self) -> u64 {
        really(self.core().store.read("test", |tx| outgoing::count(tx.tx()))).await.expect("a count")
    }

    async fn health(&self, name: &str) -> destinations::DestinationHealth {
        let name = name.to_owned();
        let read = really(self.core().store.read("test", move |tx| destinations::by_name(tx.tx(), &name))).await;
        read.expect("a read").expect("a server").health
    }
}

fn user(id: &str) -> OwnedUserId {
    UserId::parse(id).expect("an id")
}
