//! The handle of a relay that runs: to look at it, to end allocations, to hand over streams, to stop it.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, sync_channel};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use mio::{Poll, Waker};
use parking_lot::{Condvar, Mutex};

use super::batch::{Inbox, Sender};
pub use super::command::Accepted;
use super::command::{Command, Mailbox, Which};
use super::event::About;
use super::gate::Gate;
use super::open::{tcp_listener, udp_listener};
use super::pace::Pace;
use super::relays::Relays;
use super::reservations::Reservations;
use super::sending::ToPeers;
use super::streams::{StreamListener, Streams};
use super::worker::{UdpListener, Worker};
use crate::credentials::Authority;
use crate::limits::{LOG_EVERY_MS, THREADS_MAX};
use crate::reach;
use crate::server::{AllocationId, AllocationView, Server};
use crate::settings::{Entropy, Settings};
use crate::shared::{Counters, Refusal, Shared, UserTotals, Whereabouts};

/// How often to find out whether this machine has got other addresses.
const LOOK_EVERY: Duration = Duration::from_secs(120);
/// How long a thread gets to answer a question. They answer within one batch.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Why a relay does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// An address cannot be listened on.
    #[error("the relay cannot listen on {at} ({transport}): {error}")]
    Listen {
        /// Which one.
        at: SocketAddr,
        /// For what.
        transport: &'static str,
        /// What the system said.
        error: io::Error,
    },
    /// Threads, or the means to wait for events, are not to be had.
    #[error("the relay's threads cannot be started: {0}")]
    Threads(#[from] io::Error),
    /// A TLS address without a certificate.
    #[error("the relay shall listen for TLS, but has no certificate")]
    NoCertificate,
}

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

/// What the thread that looks after addresses waits for, and what it found.
#[derive(Default)]
struct Watch {
    stopping: Mutex<bool>,
    changed: Condvar,
    warnings: Mutex<Vec<String>>,
}

impl std::fmt::Debug for Running {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Running").field("udp", &self.udp).field("streams", &self.streams).finish_non_exhaustive()
    }
}

/// Starts a relay. Finding out its public address may go on for some seconds longer; until then, Allocate is refused with 440.
///
/// # Errors
/// [`StartError`], if nothing can be listened on or run.
pub fn start(settings: Settings, authority: Arc<dyn Authority>, entropy: Entropy) -> Result<Running, StartError> {
    if !settings.tls.is_empty() && settings.tls_config.is_none() {
        return Err(StartError::NoCertificate);
    }
    let threads = thread_count(settings.threads);
    let shared = Arc::new(Shared::new(&settings, authority, &entropy));
    let mut running = Running {
        shared,
        mailboxes: Vec::new(),
        counters: Vec::new(),
        threads: Mutex::default(),
        watch: Arc::default(),
        next: AtomicUsize::new(0),
        udp: settings.udp.clone(),
        streams: Vec::new(),
    };
    let common = Common {
        gate: Arc::new(Gate::new(settings.streams_max, settings.streams_per_source_max)),
        reservations: Arc::default(),
        started: Instant::now(),
        entropy,
        shared: threads > 1,
    };
    // Port 0 is for tests: the first thread chooses, the others share its choice.
    let mut chosen = settings.clone();
    for index in 0..threads {
        running.start_worker(index, &mut chosen, &common)?;
    }
    running.udp.clone_from(&chosen.udp);
    running.streams = chosen.tcp.iter().chain(&chosen.tls).copied().collect();
    running.start_watch(chosen, common.entropy)?;
    Ok(running)
}

/// What all threads of a relay are given.
struct Common {
    gate: Arc<Gate>,
    reservations: Arc<Reservations>,
    started: Instant,
    entropy: Entropy,
    shared: bool,
}

fn thread_count(wanted: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if wanted == 0 { cores.min(4) } else { wanted.min(THREADS_MAX) }
}

/// Opens all sockets of one thread, and writes the ports that the system chose back into the settings.
fn listeners(settings: &mut Settings, shared: bool) -> Result<(Vec<UdpListener>, Vec<StreamListener>), StartError> {
    let fail = |at: SocketAddr, transport| move |error| StartError::Listen { at, transport, error };
    let (mut udp, mut streams) = (Vec::new(), Vec::new());
    for at in &mut settings.udp {
        let socket = udp_listener(*at, shared).map_err(fail(*at, "UDP"))?;
        *at = socket.local_addr().map_err(fail(*at, "UDP"))?;
        udp.push(UdpListener { socket, at: *at });
    }
    let tls_config = settings.tls_config.clone();
    let tcp = settings.tcp.iter_mut().map(|at| (at, None));
    for (at, tls) in tcp.chain(settings.tls.iter_mut().map(|at| (at, tls_config.clone()))) {
        let socket = tcp_listener(*at, shared).map_err(fail(*at, "TCP"))?;
        *at = socket.local_addr().map_err(fail(*at, "TCP"))?;
        streams.push(StreamListener { socket, tls });
    }
    Ok((udp, streams))
}

impl Running {
    fn start_worker(&mut self, index: usize, settings: &mut Settings, common: &Common) -> Result<(), StartError> {
        let (udp, streams) = listeners(settings, common.shared)?;
        let poll = Poll::new()?;
        let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), About::Mailbox.token())?));
        let counters = Arc::new(Counters::default());
        let number = u16::try_from(index).unwrap_or(0);
        let server = Server::new(Arc::clone(&self.shared), Arc::clone(&counters), number, Arc::clone(&common.entropy));
        let relays = Relays::new(
            poll.registry().try_clone()?,
            Arc::clone(&self.shared),
            Arc::clone(&common.reservations),
            settings.ports.clone(),
            Arc::clone(&common.entropy),
        );
        let mut worker = Worker {
            poll,
            mailbox: Arc::clone(&mailbox),
            started: common.started,
            now_ms: 0,
            server,
            udp,
            relays,
            streams: Streams::new(streams, Arc::clone(&common.gate), Arc::clone(&counters)),
            reservations: Arc::clone(&common.reservations),
            inbox: Inbox::new(settings.batches),
            sender: Sender::new(settings.batches),
            to_peers: ToPeers::default(),
            reply: Vec::new(),
            unfinished: Vec::new(),
            swept: Instant::now(),
            pace: Pace::new(settings.gather_us),
        };
        worker.register()?;
        let thread = std::thread::Builder::new().name(format!("turn-{index}")).spawn(move || worker.run())?;
        self.mailboxes.push(mailbox);
        self.counters.push(counters);
        self.threads.lock().push(thread);
        Ok(())
    }

    /// Starts the thread that follows this machine's addresses and writes about refusals, at most a line every ten seconds.
    fn start_watch(&mut self, settings: Settings, entropy: Entropy) -> Result<(), StartError> {
        let (shared, watch, counters) = (Arc::clone(&self.shared), Arc::clone(&self.watch), self.counters.clone());
        let thread = std::thread::Builder::new().name("turn-watch".to_owned()).spawn(move || {
            let mut looked: Option<Instant> = None;
            let mut told = Counters::default();
            loop {
                if looked.is_none_or(|at| at.elapsed() >= LOOK_EVERY) {
                    look(&settings, &entropy, &shared, &watch);
                    looked = Some(Instant::now());
                }
                let mut stopping = watch.stopping.lock();
                if !*stopping {
                    watch.changed.wait_for(&mut stopping, Duration::from_millis(LOG_EVERY_MS));
                }
                if *stopping {
                    return;
                }
                drop(stopping);
                told = tell_refusals(&counters, &told);
            }
        })?;
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
        sum(&self.counters)
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
    pub fn whereabouts(&self) -> Arc<Whereabouts> {
        self.shared.whereabouts()
    }

    /// What is wrong, in sentences for the operator.
    #[must_use]
    pub fn warnings(&self) -> Vec<String> {
        self.watch.warnings.lock().clone()
    }

    /// Ends all allocations, closes all sockets and waits for the threads. Does nothing the second time.
    pub fn stop(&self) {
        *self.watch.stopping.lock() = true;
        self.watch.changed.notify_all();
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

fn sum(counters: &[Arc<Counters>]) -> Counters {
    let all = Counters::default();
    counters.iter().for_each(|each| all.merge(each));
    all
}

/// Finds out where we are and tells the operator what is new.
fn look(settings: &Settings, entropy: &Entropy, shared: &Shared, watch: &Watch) {
    let found = reach::find(settings, entropy);
    let mut warnings = watch.warnings.lock();
    for warning in found.warnings.iter().filter(|warning| !warnings.contains(warning)) {
        tracing::warn!("{warning}");
    }
    *warnings = found.warnings;
    if shared.locate(found.whereabouts) {
        let new = shared.whereabouts();
        let public = |at: Option<crate::shared::RelayAddress>| at.map_or("none".to_owned(), |at| at.public.to_string());
        tracing::info!(v4 = public(new.v4), v6 = public(new.v6), "The relay knows how it is reached.");
    }
}

/// Writes one line about what was refused since `told`. Returns what has been told now.
fn tell_refusals(counters: &[Arc<Counters>], told: &Counters) -> Counters {
    let now = sum(counters);
    let new = Refusal::ALL.iter().map(|why| (why, now.refused(*why).wrapping_sub(told.refused(*why))));
    let new: Vec<String> = new.filter(|(_, count)| *count > 0).map(|(why, n)| format!("{}={n}", why.label())).collect();
    if !new.is_empty() {
        tracing::info!(refused = new.join(" "), "The relay has refused some requests or data.");
    }
    now
}
