//! Starts a relay: sockets, threads, and the state they share.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::{Poll, Waker};

use super::batch::{BatchSender, ReceiveBatch};
use super::coalescing::ReceiveCoalescing;
use super::command::Mailbox;
use super::event::EventSource;
use super::listeners::{Listeners, open_all};
use super::monitor::Discover;
use super::peer_send_queue::PeerSendQueue;
use super::relay_sockets::RelaySocketTable;
use super::reservations::Reservations;
use super::running::Running;
use super::stream_limiter::StreamLimiter;
use super::streams::Streams;
use super::worker::Worker;
use crate::credentials::Authority;
use crate::discovery;
use crate::limits::THREADS_MAX;
use crate::server::Server;
use crate::settings::{Entropy, Settings};
use crate::shared::{Counters, Shared};

/// Why a relay did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A listener could not be opened.
    #[error("failed to listen on {at} ({transport}) for TURN: {error}")]
    Listen {
        /// Address of the listener.
        at: SocketAddr,
        /// `UDP` or `TCP`.
        transport: &'static str,
        /// Error of the system call.
        error: io::Error,
    },
    /// A thread or its poll could not be created.
    #[error("failed to start the relay's threads: {0}")]
    Threads(#[from] io::Error),
    /// A TLS listener is configured, but no certificate.
    #[error("the relay has a TLS listener, but no certificate")]
    NoCertificate,
}

/// Starts a relay. Discovery of the public address continues in the background for some seconds. Until it ends, but no
/// longer than [`FIRST_DISCOVERY_MS_MAX`](crate::limits::FIRST_DISCOVERY_MS_MAX), clients wait: what they send stays in
/// the sockets. Without an address Allocate then fails with 440 (Address Family not Supported).
///
/// # Errors
/// [`StartError`], if a listener or a thread cannot be created.
pub fn start(settings: Settings, authority: Arc<dyn Authority>, entropy: Entropy) -> Result<Running, StartError> {
    start_with(settings, authority, entropy, Box::new(discovery::discover))
}

/// [`start`] with another way to discover the external address.
pub(super) fn start_with(
    settings: Settings,
    authority: Arc<dyn Authority>,
    entropy: Entropy,
    discover: Discover,
) -> Result<Running, StartError> {
    if !settings.tls.is_empty() && settings.tls_config.is_none() {
        return Err(StartError::NoCertificate);
    }
    let shared = Arc::new(Shared::new(&settings, authority, &entropy));
    let mut settings = settings;
    let count = thread_count(settings.threads);
    let threads = open_all(&mut settings, count)?;
    let mut running = Running::new(Arc::clone(&shared), &settings);
    let common = WorkerContext {
        shared,
        limiter: Arc::new(StreamLimiter::new(settings.streams_max, settings.streams_per_source_max)),
        reservations: Arc::default(),
        started: Instant::now(),
        entropy,
    };
    for (index, listeners) in threads.into_iter().enumerate() {
        start_worker(&mut running, index, listeners, &settings, &common)?;
    }
    running.start_monitor(settings, discover)?;
    Ok(running)
}

/// State that all relay threads share.
struct WorkerContext {
    shared: Arc<Shared>,
    limiter: Arc<StreamLimiter>,
    reservations: Arc<Reservations>,
    started: Instant,
    entropy: Entropy,
}

fn thread_count(wanted: usize) -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    if wanted == 0 { cores.min(4) } else { wanted.min(THREADS_MAX) }
}

fn start_worker(
    running: &mut Running,
    index: usize,
    listeners: Listeners,
    settings: &Settings,
    common: &WorkerContext,
) -> Result<(), StartError> {
    let poll = Poll::new()?;
    let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), EventSource::Mailbox.token())?));
    let counters = Arc::new(Counters::default());
    let number = u16::try_from(index).unwrap_or(0);
    let entropy = || Arc::clone(&common.entropy);
    let relays = RelaySocketTable::new(
        poll.registry().try_clone()?,
        Arc::clone(&common.shared),
        Arc::clone(&common.reservations),
        settings.ports.clone(),
        entropy(),
    );
    let mut worker = Worker {
        poll,
        mailbox: Arc::clone(&mailbox),
        started: common.started,
        now_ms: 0,
        server: Server::new(Arc::clone(&common.shared), Arc::clone(&counters), number, entropy()),
        udp: listeners.udp,
        relays,
        streams: Streams::new(listeners.streams, Arc::clone(&common.limiter), Arc::clone(&counters)),
        reservations: Arc::clone(&common.reservations),
        batch: ReceiveBatch::new(settings.batches),
        sender: BatchSender::new(settings.batches),
        peer_queue: PeerSendQueue::default(),
        reply: Vec::new(),
        unfinished: Vec::new(),
        swept: Instant::now(),
        held: Some(Vec::new()),
        coalescing: ReceiveCoalescing::new(settings.gather_us),
        request_polling: Default::default(),
    };
    worker.register()?;
    let thread = std::thread::Builder::new().name(format!("turn-{index}")).spawn(move || worker.run())?;
    running.add_worker(mailbox, counters, thread);
    Ok(())
}
