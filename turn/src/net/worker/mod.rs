//! A thread that relays: waits for events, moves datagrams, and does what its mailbox says.

mod clients;
mod peers;

use std::sync::Arc;
use std::time::{Duration, Instant};

use mio::{Events, Poll};

use super::batch::{Inbox, Sender};
use super::client_table::ClientTable;
use super::command::{Command, Mailbox, Which};
use super::event::About;
use super::listeners::{LANES, UdpListener};
use super::pace::Pace;
use super::relays::Relays;
use super::reservations::Reservations;
use super::sending::ToPeers;
use super::streams::Streams;
use crate::server::Server;

/// How often a thread with streams looks for idle ones, and for reservations that nobody took.
const SWEEP: Duration = Duration::from_secs(5);

/// A relaying thread's belongings.
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
    /// For each kind of requests.
    pub(super) crowds: [ClientTable; LANES],
}

impl Worker {
    /// Makes the poll report what comes from clients.
    pub(super) fn register(&mut self) -> std::io::Result<()> {
        self.watch_clients()?;
        self.streams.register(self.poll.registry())
    }

    /// Relays until told to stop.
    pub(super) fn run(mut self) {
        let mut events = Events::with_capacity(256);
        let mut ready = Vec::new();
        loop {
            if let Some(pause) = self.pace.pause(self.now_ms).filter(|_| !self.has_work()) {
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
            let mail = note_events(&events, &mut ready);
            for about in &ready {
                self.serve(*about);
            }
            for lane in 0..LANES {
                if self.crowds[lane].wait(self.now_ms) == Some(Duration::ZERO) {
                    self.serve_client_table(lane);
                }
            }
            // Commands last: what they end has then had its data relayed.
            if mail && !self.read_mail() {
                return;
            }
            self.server.expire(self.now_ms, &mut self.relays);
            self.sweep();
        }
    }

    /// Whether there is something to do without waiting for it.
    fn has_work(&self) -> bool {
        let is_full = |client_table: &ClientTable| client_table.wait(self.now_ms) == Some(Duration::ZERO);
        !self.unfinished.is_empty() || self.crowds.iter().any(is_full)
    }

    fn timeout(&self) -> Option<Duration> {
        if self.has_work() {
            return Some(Duration::ZERO);
        }
        let next = self.server.next_timeout_ms().map(|at| Duration::from_millis(at.saturating_sub(self.now_ms)));
        let sweeping = (!self.streams.is_empty() || next.is_some()).then_some(SWEEP);
        let looking = self.crowds.iter().map(|client_table| client_table.wait(self.now_ms));
        [next, sweeping].into_iter().chain(looking).flatten().min()
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
            About::Udp(index) => self.serve_data(index),
            About::Requests(index, lane) => self.serve_requests(index, lane),
            About::Relay(key) => self.serve_peers(key),
            About::Outcry(key) => self.serve_icmp_errors(key),
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

/// Notes what events are about, each once. Returns whether there is mail.
fn note_events(events: &Events, ready: &mut Vec<About>) -> bool {
    let mut mail = false;
    for event in events {
        let about = About::of(event.token());
        // First, as the socket's other calls fail until it has been heard.
        if let About::Relay(key) = about
            && event.is_error()
        {
            ready.push(About::Outcry(key));
        }
        match about {
            About::Mailbox => mail = true,
            about if !ready.contains(&about) => ready.push(about),
            _ => {}
        }
    }
    mail
}
