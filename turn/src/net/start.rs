//! Starting a relay: sockets, threads, and what they have in common.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use mio::{Poll, Waker};

use super::batch::{Inbox, Sender};
use super::command::Mailbox;
use super::event::About;
use super::gate::Gate;
use super::listeners::{Listeners, open_all};
use super::pace::Pace;
use super::relays::Relays;
use super::reservations::Reservations;
use super::running::Running;
use super::sending::ToPeers;
use super::streams::Streams;
use super::worker::Worker;
use crate::credentials::Authority;
use crate::limits::THREADS_MAX;
use crate::server::Server;
use crate::settings::{Entropy, Settings};
use crate::shared::{Counters, Shared};

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

/// Starts a relay. Finding out its public address may go on for some seconds longer; until then, Allocate is refused with 440.
///
/// # Errors
/// [`StartError`], if nothing can be listened on or run.
pub fn start(settings: Settings, authority: Arc<dyn Authority>, entropy: Entropy) -> Result<Running, StartError> {
    if !settings.tls.is_empty() && settings.tls_config.is_none() {
        return Err(StartError::NoCertificate);
    }
    let shared = Arc::new(Shared::new(&settings, authority, &entropy));
    let mut settings = settings;
    let count = thread_count(settings.threads);
    let threads = open_all(&mut settings, count)?;
    let mut running = Running::new(Arc::clone(&shared), &settings);
    let common = Common {
        shared,
        gate: Arc::new(Gate::new(settings.streams_max, settings.streams_per_source_max)),
        reservations: Arc::default(),
        started: Instant::now(),
        entropy,
    };
    for (index, listeners) in threads.into_iter().enumerate() {
        start_worker(&mut running, index, listeners, &settings, &common)?;
    }
    running.start_watch(settings)?;
    Ok(running)
}

/// What all threads of a relay are given.
struct Common {
    shared: Arc<Shared>,
    gate: Arc<Gate>,
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
    common: &Common,
) -> Result<(), StartError> {
    let poll = Poll::new()?;
    let mailbox = Arc::new(Mailbox::new(Waker::new(poll.registry(), About::Mailbox.token())?));
    let counters = Arc::new(Counters::default());
    let number = u16::try_from(index).unwrap_or(0);
    let entropy = || Arc::clone(&common.entropy);
    let relays = Relays::new(
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
        streams: Streams::new(listeners.streams, Arc::clone(&common.gate), Arc::clone(&counters)),
        reservations: Arc::clone(&common.reservations),
        inbox: Inbox::new(settings.batches),
        sender: Sender::new(settings.batches),
        to_peers: ToPeers::default(),
        reply: Vec::new(),
        unfinished: Vec::new(),
        swept: Instant::now(),
        pace: Pace::new(settings.gather_us),
        crowds: Default::default(),
    };
    worker.register()?;
    let thread = std::thread::Builder::new().name(format!("turn-{index}")).spawn(move || worker.run())?;
    running.add_worker(mailbox, counters, thread);
    Ok(())
}
