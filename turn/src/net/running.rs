//! The handle of a running relay: status, disconnecting clients, handing over streams, stopping.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

pub use super::command::AcceptedStream;
use super::command::{Command, DisconnectTarget, Mailbox};
use super::monitor::{Discover, Monitor};
use super::start::StartError;
use crate::server::{AllocationId, AllocationView};
use crate::settings::Settings;
use crate::shared::{Counters, ExternalAddress, Shared, UserTotals};

/// How long to wait for a relay thread's answer. Threads answer within one batch; a thread that has died never
/// does.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A running relay. Dropping it stops the relay.
pub struct Running {
    shared: Arc<Shared>,
    mailboxes: Vec<Arc<Mailbox>>,
    counters: Vec<Arc<Counters>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    monitor: Arc<Monitor>,
    next: AtomicUsize,
    udp: Vec<SocketAddr>,
    streams: Vec<SocketAddr>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("udp", &self.udp).field("streams", &self.streams).finish_non_exhaustive()
    }
}

impl Running {
    /// A relay without threads, with the addresses of `settings`.
    pub(super) fn new(shared: Arc<Shared>, settings: &Settings) -> Self {
        Self {
            shared,
            mailboxes: Vec::new(),
            counters: Vec::new(),
            threads: Mutex::default(),
            monitor: Arc::default(),
            next: AtomicUsize::new(0),
            udp: settings.udp.clone(),
            streams: settings.tcp.iter().chain(&settings.tls).copied().collect(),
        }
    }

    pub(super) fn add_worker(&mut self, mailbox: Arc<Mailbox>, counters: Arc<Counters>, thread: JoinHandle<()>) {
        self.mailboxes.push(mailbox);
        self.counters.push(counters);
        self.threads.lock().push(thread);
    }

    pub(super) fn start_monitor(&mut self, settings: Settings, discover: Discover) -> Result<(), StartError> {
        let mailboxes = self.mailboxes.clone();
        let discovered = move || mailboxes.iter().for_each(|mailbox| mailbox.put(Command::ServeClients));
        let (shared, counters) = (Arc::clone(&self.shared), self.counters.clone());
        let thread = self.monitor.start(settings, discover, discovered, shared, counters)?;
        self.threads.lock().push(thread);
        Ok(())
    }

    fn ask<T>(&self, command: impl Fn(std::sync::mpsc::SyncSender<T>) -> Command) -> Vec<T> {
        let asked: Vec<Receiver<T>> = self
            .mailboxes
            .iter()
            .map(|mailbox| {
                let (answer, answered) = sync_channel(1);
                mailbox.put(command(answer));
                answered
            })
            .collect();
        asked.into_iter().filter_map(|answered| answered.recv_timeout(ANSWER_MAX).ok()).collect()
    }

    /// All allocations, oldest first. Blocks until every relay thread has answered, usually less than a millisecond.
    #[must_use]
    pub fn allocations(&self) -> Vec<AllocationView> {
        let mut all: Vec<_> = self.ask(Command::ListAllocations).into_iter().flatten().collect();
        all.sort_by_key(|allocation| (u64::MAX - allocation.age_s, allocation.id));
        all
    }

    /// Totals per user, by name, of allocations that have ended. Those in progress are in
    /// [`allocations`](Self::allocations).
    #[must_use]
    pub fn users(&self) -> Vec<UserTotals> {
        self.shared.users.totals()
    }

    /// Current allocations of all users. Reads one atomic.
    #[must_use]
    pub fn allocation_count(&self) -> u32 {
        self.shared.users.allocations()
    }

    /// Ends one allocation. Returns whether it existed.
    pub fn disconnect(&self, id: AllocationId) -> bool {
        self.ask(|answer| Command::Disconnect(DisconnectTarget::Id(id), answer)).into_iter().sum::<usize>() > 0
    }

    /// Ends all allocations of a user, as given to [`crate::credentials::mint`]. Returns their number.
    pub fn disconnect_user(&self, user: &str) -> usize {
        self.ask(|answer| Command::Disconnect(DisconnectTarget::User(user.to_owned()), answer)).into_iter().sum()
    }

    /// The sum of all threads' counters.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::sum(&self.counters)
    }

    /// Takes over a client's stream that was accepted outside of the relay. Streams go to the threads in turn.
    pub fn adopt(&self, accepted: AcceptedStream) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.mailboxes.len();
        self.mailboxes[next].put(Command::Adopt(accepted));
    }

    /// Addresses of the UDP listeners.
    #[must_use]
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.udp
    }

    /// Addresses of the TCP listeners, then those of the TLS listeners.
    #[must_use]
    pub fn stream_addresses(&self) -> &[SocketAddr] {
        &self.streams
    }

    /// The external addresses discovered so far.
    #[must_use]
    pub fn external_address(&self) -> Arc<ExternalAddress> {
        self.shared.external_address()
    }

    /// Current problems, in sentences for the operator.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.monitor.warnings()
    }

    /// Ends all allocations, closes all sockets and waits for the threads. Further calls do nothing.
    pub fn stop(&self) {
        self.monitor.stop();
        for mailbox in &self.mailboxes {
            mailbox.put(Command::Stop);
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("A relay thread panicked.");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
