//! The handle of a relay that runs: to look at it, to end allocations, to hand over streams, to stop it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::Duration;

use parking_lot::Mutex;

pub use super::command::Accepted;
use super::command::{Command, Mailbox, Which};
use super::start::StartError;
use super::watch::Watch;
use crate::server::{AllocationId, AllocationView};
use crate::settings::Settings;
use crate::shared::{Counters, ExternalAddress, Shared, UserTotals};

/// How long a thread gets to answer a question. They answer within one batch.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// A relay that runs. Stops when dropped.
pub struct Running {
    shared: Arc<Shared>,
    mailboxes: Vec<Arc<Mailbox>>,
    counters: Vec<Arc<Counters>>,
    threads: Mutex<Vec<JoinHandle<()>>>,
    watch: Arc<Watch>,
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
    /// A relay without threads yet, which listens as these settings say.
    pub(super) fn new(shared: Arc<Shared>, settings: &Settings) -> Self {
        Self {
            shared,
            mailboxes: Vec::new(),
            counters: Vec::new(),
            threads: Mutex::default(),
            watch: Arc::default(),
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

    pub(super) fn start_watch(&mut self, settings: Settings) -> Result<(), StartError> {
        let thread = self.watch.start(settings, Arc::clone(&self.shared), self.counters.clone())?;
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

    /// All allocations, oldest first. Waits for the relaying threads, for less than a millisecond unless they are busy.
    #[must_use]
    pub fn allocations(&self) -> Vec<AllocationView> {
        let mut all: Vec<_> = self.ask(Command::Show).into_iter().flatten().collect();
        all.sort_by_key(|allocation| (u64::MAX - allocation.age_s, allocation.id));
        all
    }

    /// What each user has and had, by name. What is still going on is in [`allocations`](Self::allocations).
    #[must_use]
    pub fn users(&self) -> Vec<UserTotals> {
        self.shared.users.totals()
    }

    /// Allocations of everybody now. Costs nothing.
    #[must_use]
    pub fn allocation_count(&self) -> u32 {
        self.shared.users.allocations()
    }

    /// Ends one allocation. Returns whether there was one.
    pub fn disconnect(&self, id: AllocationId) -> bool {
        self.ask(|answer| Command::Disconnect(Which::Id(id), answer)).into_iter().sum::<usize>() > 0
    }

    /// Ends all allocations of a user, as given to [`crate::credentials::mint`]. Returns how many.
    pub fn disconnect_user(&self, user: &str) -> usize {
        self.ask(|answer| Command::Disconnect(Which::User(user.to_owned()), answer)).into_iter().sum()
    }

    /// Numbers of all threads together.
    #[must_use]
    pub fn counters(&self) -> Counters {
        Counters::sum(&self.counters)
    }

    /// Takes over a client's stream that has been accepted elsewhere.
    pub fn adopt(&self, accepted: Accepted) {
        let next = self.next.fetch_add(1, Ordering::Relaxed) % self.mailboxes.len();
        self.mailboxes[next].put(Command::Adopt(accepted));
    }

    /// Where datagrams of clients arrive.
    #[must_use]
    pub fn udp_addresses(&self) -> &[SocketAddr] {
        &self.udp
    }

    /// Where streams of clients arrive, those for TLS last.
    #[must_use]
    pub fn stream_addresses(&self) -> &[SocketAddr] {
        &self.streams
    }

    /// What peers see, as far as it is known.
    #[must_use]
    pub fn external_address(&self) -> Arc<ExternalAddress> {
        self.shared.external_address()
    }

    /// What is wrong, in sentences for the operator.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.watch.warnings()
    }

    /// Ends all allocations, closes all sockets and waits for the threads. Does nothing the second time.
    pub fn stop(&self) {
        self.watch.stop();
        for mailbox in &self.mailboxes {
            mailbox.put(Command::Stop);
        }
        for thread in std::mem::take(&mut *self.threads.lock()) {
            if thread.join().is_err() {
                tracing::error!("A thread of the relay had panicked.");
            }
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop();
    }
}
