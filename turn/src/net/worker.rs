//! A thread that relays: waits for events, moves datagrams, and does what its mailbox says.

use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::unix::SourceFd;
use mio::{Events, Interest, Poll};

use super::batch::{Inbox, Outgoing, Sender};
use super::command::{Command, Mailbox, Which};
use super::event::About;
use super::pace::Pace;
use super::relays::Relays;
use super::reservations::Reservations;
use super::sending::ToPeers;
use super::streams::Streams;
use crate::limits::{BATCH_DATAGRAMS, BATCHES_PER_TURN};
use crate::server::{Outcome, Path, RelayKey, Server, Transport};

/// How often a thread with streams looks for idle ones, and for reservations that nobody took.
const SWEEP: Duration = Duration::from_secs(5);

/// A socket for clients' datagrams.
pub(super) struct UdpListener {
    pub(super) socket: UdpSocket,
    pub(super) at: SocketAddr,
}

pub(super) struct Worker {
    pub(super) poll: Poll,
    pub(super) mailbox: Arc<Mailbox>,
    pub(super) started: Instant,
    pub(super) now_ms: u64,
    pub(super) server: Server,
    pub(super) udp: Vec<UdpListener>,
    pub(super) relays: Relays,
    pub(super) streams: Streams,
    pub(super) reservations: Arc<Reservations>,
    pub(super) inbox: Inbox,
    pub(super) sender: Sender,
    pub(super) to_peers: ToPeers,
    pub(super) reply: Vec<u8>,
    /// Sockets that have had their turn and may have more.
    pub(super) unfinished: Vec<About>,
    pub(super) swept: Instant,
    pub(super) pace: Pace,
}

impl Worker {
    /// Makes the poll report datagrams of clients.
    pub(super) fn register(&mut self) -> std::io::Result<()> {
        for (index, listener) in self.udp.iter().enumerate() {
            let fd = listener.socket.as_raw_fd();
            self.poll.registry().register(&mut SourceFd(&fd), About::Udp(index).token(), Interest::READABLE)?;
        }
        self.streams.register(self.poll.registry())
    }

    /// Relays until told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut ready = Vec::new();
        loop {
            if let Some(pause) = self.pace.pause(self.now_ms).filter(|_| self.unfinished.is_empty()) {
                std::thread::sleep(pause);
            }
            match self.poll.poll(&mut events, self.timeout()) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                Err(error) => {
                    tracing::error!(%error, "A relaying thread cannot wait for events and ends.");
                    return;
                }
                Ok(()) => {}
            }
            self.now_ms = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
            ready.clear();
            ready.append(&mut self.unfinished);
            // Commands last: what they end has then had its data relayed.
            let mut mail = false;
            for event in &events {
                match About::of(event.token()) {
                    About::Mailbox => mail = true,
                    about if !ready.contains(&about) => ready.push(about),
                    _ => {}
                }
            }
            for about in &ready {
                self.serve(*about);
            }
            if mail && !self.read_mail() {
                return;
            }
            self.server.expire(self.now_ms, &mut self.relays);
            self.sweep();
        }
    }

    fn timeout(&self) -> Option<Duration> {
        if !self.unfinished.is_empty() {
            return Some(Duration::ZERO);
        }
        let next = self.server.next_timeout_ms().map(|at| Duration::from_millis(at.saturating_sub(self.now_ms)));
        let sweeping = (!self.streams.is_empty() || next.is_some()).then_some(SWEEP);
        [next, sweeping].into_iter().flatten().min()
    }

    fn sweep(&mut self) {
        if self.swept.elapsed() >= SWEEP {
            self.swept = Instant::now();
            self.reservations.expire(self.now_ms);
            self.streams.close_idle(self.now_ms, &mut self.server, &mut self.relays);
        }
    }

    fn serve(&mut self, about: About) {
        let more = match about {
            About::Mailbox => false,
            About::Udp(index) => self.serve_clients(index),
            About::Relay(key) => self.serve_peers(key),
            About::Listener(index) => self.streams.accept(index, self.now_ms, self.poll.registry()),
            About::Stream(index) => self.streams.serve(
                index,
                self.now_ms,
                &mut self.server,
                &mut self.relays,
                &mut self.sender,
                &mut self.reply,
            ),
        };
        if more {
            self.unfinished.push(about);
        }
    }

    /// Takes datagrams of clients. Returns whether there may be more.
    fn serve_clients(&mut self, index: usize) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let (count, more) = self.inbox.receive(&self.udp[index].socket);
            self.pace.served(count, self.now_ms);
            for at in 0..count {
                self.serve_client(index, at);
            }
            self.flush_to_peers();
            if !more {
                return false;
            }
        }
        true
    }

    fn serve_client(&mut self, index: usize, at: usize) {
        let received = self.inbox.get(at);
        if !self.to_peers.is_empty() && Server::may_change_sockets(self.inbox.bytes(at)) {
            self.flush_to_peers();
        }
        let listener = &self.udp[index];
        let local = SocketAddr::new(received.to.unwrap_or(listener.at.ip()), listener.at.port());
        let link = u32::try_from(index).unwrap_or(u32::MAX);
        let path = Path { transport: Transport::Udp, client: received.from, local, link };
        let packet = self.inbox.bytes(at);
        match self.server.client_sent(self.now_ms, &path, packet, &mut self.relays, &mut self.reply) {
            Outcome::Nothing => {}
            Outcome::Reply => {
                let datagram = Outgoing { to: received.from, bytes: &self.reply };
                let lost = self.sender.send(&listener.socket, received.to, &[datagram]);
                self.server.count_lost(lost as u64);
            }
            Outcome::ToPeer { relay, peer, payload, dont_fragment } => {
                self.to_peers.push(relay, peer, at, payload, dont_fragment);
            }
        }
    }

    fn flush_to_peers(&mut self) {
        if !self.to_peers.is_empty() {
            let lost = self.to_peers.flush(&self.inbox, &self.relays, &mut self.sender);
            self.server.count_lost(lost as u64);
        }
    }

    /// Takes datagrams of peers. Returns whether there may be more.
    fn serve_peers(&mut self, key: RelayKey) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let Some(socket) = self.relays.get(key) else { return false };
            let (count, more) = self.inbox.receive(socket);
            self.pace.served(count, self.now_ms);
            self.pass_to_client(key, count);
            if !more {
                return false;
            }
        }
        true
    }

    /// All of one batch goes to the same client, as the socket is one allocation's.
    fn pass_to_client(&mut self, key: RelayKey, count: usize) {
        let mut client = None;
        let mut parts = [const { 0..0 }; BATCH_DATAGRAMS];
        for (at, part) in parts.iter_mut().enumerate().take(count) {
            let from = self.inbox.get(at).from;
            let (place, payload) = self.inbox.place(at);
            if let Some((path, wrapped)) = self.server.peer_sent(self.now_ms, key, from, place, payload) {
                client = Some(path);
                *part = wrapped;
            }
        }
        let Some(path) = client else { return };
        let frames = parts.iter().enumerate().take(count).filter(|(_, part)| !part.is_empty());
        let frames = frames.map(|(at, part)| self.inbox.part(at, part.clone()));
        let lost = match (path.transport, self.udp.get(path.link as usize)) {
            (Transport::Udp, Some(listener)) => {
                let mut datagrams = [Outgoing { to: path.client, bytes: &[] }; BATCH_DATAGRAMS];
                let mut used = 0;
                for bytes in frames {
                    datagrams[used].bytes = bytes;
                    used += 1;
                }
                let from = listener.at.ip().is_unspecified().then_some(path.local.ip());
                let from = from.filter(|ip| !ip.is_unspecified());
                self.sender.send(&listener.socket, from, &datagrams[..used])
            }
            _ => self.streams.pass(path.link as usize, frames, &mut self.server, &mut self.relays),
        };
        self.server.count_lost(lost as u64);
    }

    /// Does what the mailbox says. Returns whether to go on.
    fn read_mail(&mut self) -> bool {
        for command in self.mailbox.empty() {
            // Whoever asked may have given up waiting; then nobody needs the answer.
            match command {
                Command::Adopt(accepted) => {
                    if let Some(index) = self.streams.adopt(accepted, self.now_ms, self.poll.registry()) {
                        self.serve(About::Stream(index));
                    }
                }
                Command::Show(answer) => _ = answer.send(self.server.allocations(self.now_ms)),
                Command::Disconnect(which, answer) => {
                    let matches = |id, user: &str| match &which {
                        Which::Id(wanted) => id == *wanted,
                        Which::User(wanted) => user == wanted,
                    };
                    _ = answer.send(self.server.disconnect(matches, &mut self.relays));
                }
                Command::Stop => return false,
            }
        }
        true
    }
}
