//! A relay thread: waits for events, moves datagrams, executes commands.

mod clients;
mod peers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::batch::{BatchSender, ReceiveBatch};
use super::coalescing::ReceiveCoalescing;
use super::command::{Command, DisconnectTarget, Mailbox};
use super::event::EventSource;
use super::listeners::{LANES, UdpListener};
use super::peer_send_queue::PeerSendQueue;
use super::relay_sockets::RelaySocketTable;
use super::request_polling::RequestPolling;
use super::reservations::Reservations;
use super::streams::Streams;
use crate::limits::FIRST_DISCOVERY_MS_MAX;
use crate::server::Server;

/// Interval for closing idle streams and expired reservations.
const SWEEP: Duration = Duration::from_secs(5);

/// State of a relay thread. No other thread touches it, except through the command queue.
pub(super) struct Worker {
    pub(super) poll: Poll,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) started: Instant,
    pub(super) now_ms: u64,
    pub(super) server: Server,
    pub(super) udp: Vec<UdpListener>,
    pub(super) relays: RelaySocketTable,
    pub(super) streams: Streams,
    pub(super) reservations: Arc<Reservations>,
    pub(super) batch: ReceiveBatch,
    pub(super) sender: BatchSender,
    pub(super) peer_queue: PeerSendQueue,
    pub(super) reply: Vec<u8>,
    /// Sockets that used up their turn and may hold more. They are served again before the next wait.
    pub(super) unfinished: Vec<EventSource>,
    pub(super) swept: Instant,
    pub(super) coalescing: ReceiveCoalescing,
    /// Client sockets and streams with something to read that wait for the first discovery of the external address; `None`
    /// after it.
    pub(super) held: Option<Vec<EventSource>>,
    /// One per lane.
    pub(super) request_polling: [RequestPolling; LANES],
}

impl Worker {
    /// Registers all client sockets with the poll.
    pub(super) fn register(&mut self) -> std::io::Result<()> {
        self.register_clients()?;
        self.streams.register(self.poll.registry())
    }

    /// Runs until [`Command::Stop`].
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut ready = Vec::new();
        loop {
            if let Some(pause) = self.coalescing.pause(self.now_ms).filter(|_| !self.has_pending_work()) {
                std::thread::sleep(pause);
            }
            match self.poll.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "A relay thread failed to wait for events and stops.");
                    return;
                }
                Ok(()) => {}
            }
            self.now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            if self.held.is_some() && self.now_ms >= FIRST_DISCOVERY_MS_MAX {
                self.serve_held();
            }
            ready.clear();
            ready.append(&mut self.unfinished);
            let mail = collect_sources(&events, &mut ready);
            for source in &ready {
                self.serve(*source);
            }
            for lane in 0..LANES {
                if self.request_polling[lane].until_next_poll(self.now_ms) == Some(Duration::ZERO) {
                    self.poll_requests(lane);
                }
            }
            // Commands last: data that arrived before a disconnect is still relayed.
            if mail && !self.execute_commands() {
                return;
            }
            self.server.expire(self.now_ms, &mut self.relays);
            self.sweep();
        }
    }

    /// Whether there is work that needs no event.
    fn has_pending_work(&self) -> bool {
        let is_full =
            |request_polling: &RequestPolling| request_polling.until_next_poll(self.now_ms) == Some(Duration::ZERO);
        !self.unfinished.is_empty() || self.request_polling.iter().any(is_full)
    }

    fn timeout(&self) -> Option<Duration> {
        if self.has_pending_work() {
            return Some(Duration::ZERO);
        }
        let next = self.server.next_timeout_ms().map(|at| Duration::from_millis(at.saturating_sub(self.now_ms)));
        let sweeping = (!self.streams.is_empty() || next.is_some()).then_some(SWEEP);
        let polling = self.request_polling.iter().map(|request_polling| request_polling.until_next_poll(self.now_ms));
        let held =
            self.held.as_ref().map(|_| Duration::from_millis(FIRST_DISCOVERY_MS_MAX.saturating_sub(self.now_ms)));
        [next, sweeping, held].into_iter().chain(polling).flatten().min()
    }

    fn sweep(&mut self) {
        if self.swept.elapsed() >= SWEEP {
            self.swept = Instant::now();
            self.reservations.expire(self.now_ms);
            self.streams.close_idle(self.now_ms, &mut self.server, &mut self.relays);
        }
    }

    /// Serves clients from now on, those that have waited first. What they sent is still in the sockets: a service manager
    /// hands over sockets with requests in them, and these must not be refused for an address that is known a moment later.
    fn serve_held(&mut self) {
        self.unfinished.extend(self.held.take().unwrap_or_default());
    }

    fn serve(&mut self, source: EventSource) {
        if let Some(held) = &mut self.held
            && source.is_client()
        {
            // The poll reports an edge, so this is the only event of what has arrived so far.
            if !held.contains(&source) {
                held.push(source);
            }
            return;
        }
        let more = match source {
            EventSource::Mailbox => false,
            EventSource::Udp(index) => self.serve_data(index),
            EventSource::Requests(index, lane) => self.serve_requests(index, lane),
            EventSource::Relay(key) => self.serve_peers(key),
            EventSource::IcmpErrors(key) => self.serve_icmp_errors(key),
            EventSource::Listener(index) => self.streams.accept(index, self.now_ms, self.poll.registry()),
            EventSource::Stream(index) => self.streams.serve(
                index,
                self.now_ms,
                &mut self.server,
                &mut self.relays,
                &mut self.sender,
                &mut self.reply,
            ),
        };
        if more {
            self.unfinished.push(source);
        }
    }

    /// Executes queued commands. Returns whether to continue.
    fn execute_commands(&mut self) -> bool {
        for command in self.mailbox.empty() {
            // The caller may have stopped waiting; a failed `send` is then harmless.
            match command {
                Command::Adopt(accepted) => {
                    if let Some(index) = self.streams.adopt(accepted, self.now_ms, self.poll.registry()) {
                        self.serve(EventSource::Stream(index));
                    }
                }
                Command::ListAllocations(answer) => _ = answer.send(self.server.allocations(self.now_ms)),
                Command::Disconnect(target, answer) => {
                    let matches = |id, user: &str| match &target {
                        DisconnectTarget::Id(wanted) => id == *wanted,
                        DisconnectTarget::User(wanted) => user == wanted,
                    };
                    _ = answer.send(self.server.disconnect(matches, &mut self.relays));
                }
                Command::ServeClients => self.serve_held(),
                Command::Stop => return false,
            }
        }
        true
    }
}

/// Collects the sources of events, each once. Returns whether there are commands.
fn collect_sources(events: &Events, ready: &mut Vec<EventSource>) -> bool {
    let mut mail = false;
    for event in events {
        let source = EventSource::of(event.token());
        // Error queue first: the socket's other calls fail until the pending error has been read.
        if let EventSource::Relay(key) = source
            && event.is_error()
        {
            ready.push(EventSource::IcmpErrors(key));
        }
        match source {
            EventSource::Mailbox => mail = true,
            source if !ready.contains(&source) => ready.push(source),
            _ => {}
        }
    }
    mail
}
