//! The outbox over a real database, with a network that a test breaks as it likes. Time is tokio's and runs by itself as soon
//! as nobody has anything to do.

mod away;
mod edus;
mod order;
mod poison;
mod storms;
mod wire;

use std::sync::Arc;
use std::time::Duration;

use hearth_base::Seams;
use hearth_store::Lane;
use hearth_store::tables::memberships::Membership;
use hearth_store::tables::{destinations, outgoing};
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, RoomId, ServerName, UserId};
use serde_json::json;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use crate::rooms::Message;
use crate::testing;
use crate::{Core, Domain, Requester};
use wire::Wire;

/// How long a test waits for something, in its own time.
const PATIENCE: Duration = Duration::from_secs(4 * 60 * 60);
/// And in everybody else's.
const REAL_PATIENCE: Duration = Duration::from_secs(60);

/// A server, and the others as far as it can tell.
struct World {
    domain: Arc<Domain>,
    wire: Arc<Wire>,
    alice: Requester,
    sent: std::sync::atomic::AtomicU64,
    folder: Arc<tempfile::TempDir>,
    running: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

/// Does something that the database's threads have a part in. Time stands still only for what is not seen by tokio: without
/// this it would run ahead by hours while a disk is waited for.
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
        let domain = Domain::new(core, wire.clone()).expect("a domain");
        Self { domain, wire, alice, sent: 0.into(), folder, running: None }
    }

    fn core(&self) -> &Arc<Core> {
        &self.domain.core
    }

    /// Starts sending.
    #[expect(clippy::disallowed_methods, reason = "the test ends the task itself")]
    fn run(&mut self) {
        let (stop, stopped) = oneshot::channel::<()>();
        let federation = self.domain.federation.clone();
        let stopped = async { _ = stopped.await };
        let task = tokio::spawn(async move { federation.run_outbox(stopped).await });
        self.running = Some((stop, task));
    }

    /// Stops it, as the server does when it stops.
    async fn stop(&mut self) {
        let (stop, task) = self.running.take().expect("it runs");
        drop(stop);
        really(task).await.expect("no panic");
    }

    /// Kills the server and starts it again with what is on disk.
    async fn killed(mut self) -> Self {
        if let Some((_, task)) = self.running.take() {
            task.abort();
            let _ = task.await;
        }
        self.domain.core.store.close();
        really(Self::open(self.folder.clone(), self.wire.clone())).await
    }

    /// A room with Alice and somebody of each of these servers.
    async fn room_with(&self, servers: &[&str]) -> OwnedRoomId {
        let wanted = testing::create_room(&json!({}));
        let id = really(self.domain.actions.create_room(&self.alice, wanted)).await.expect("a room");
        for name in servers {
            self.moves(&id, &format!("@bob:{name}"), Membership::Join).await;
        }
        id
    }

    /// Gives a user of another server a standing, as an event of theirs would.
    async fn moves(&self, room: &RoomId, user: &str, membership: Membership) {
        really(testing::moves(self.core(), room, user, membership)).await;
    }

    /// Alice says something; returns the event's id.
    async fn says(&self, room: &RoomId, what: &str) -> OwnedEventId {
        let txn = self.sent.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        let message = Message {
            room_id: room.to_owned(),
            kind: "m.room.message".to_owned(),
            content: json!({"msgtype": "m.text", "body": what}).to_string(),
            txn: format!("{txn}-{}", self.core().store.position()),
            timestamp_ms: None,
        };
        really(self.domain.rooms.send(&self.alice, message)).await.expect("sent")
    }

    /// Waits until something is so; looks less and less often.
    async fn until(&self, what: &str, mut is_so: impl FnMut() -> bool) {
        let (began, really) = (tokio::time::Instant::now(), std::time::Instant::now());
        let mut step = Duration::from_millis(20);
        while !is_so() {
            assert!(began.elapsed() < PATIENCE && really.elapsed() < REAL_PATIENCE, "{what}: still not");
            // The database's threads need time of the real kind.
            std::thread::sleep(Duration::from_micros(300));
            tokio::time::sleep(step).await;
            step = (step * 51 / 50).min(Duration::from_secs(20));
        }
    }

    /// Waits until a server has heard so many messages.
    async fn until_heard(&self, name: &str, messages: usize) {
        self.until(&format!("{name} hears {messages}"), || self.wire.said_to(name).len() >= messages).await;
    }

    /// Waits until nothing waits, and returns the rows that are left in the database then.
    async fn rows_left(&self) -> u64 {
        let federation = &self.domain.federation;
        self.until("all is sent", || {
            let figures = federation.outbox_figures();
            figures.queued_events + figures.queued_edus == 0
        })
        .await;
        self.settles().await;
        // What the loop itself is writing down at this moment comes before what is written now.
        really(self.core().store.write_in(Lane::Upkeep, "test", |_| Ok(()))).await.expect("a write");
        self.rows().await
    }

    async fn settles(&self) {
        really(self.domain.federation.settle_outbox()).await.expect("settled");
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
