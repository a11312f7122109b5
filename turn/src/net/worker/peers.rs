//! What comes from peers, and what is heard of those that cannot be reached.

use super::Worker;
use crate::limits::{BATCH_DATAGRAMS, BATCHES_PER_TURN};
use crate::net::batch::{Outgoing, Sender};
use crate::net::listeners::UdpListener;
use crate::net::relays::Relays;
use crate::net::streams::Streams;
use crate::server::{Path, RelayKey, Server, Transport};

impl Worker {
    /// Takes datagrams of peers. Returns whether there may be more.
    pub(super) fn serve_peers(&mut self, key: RelayKey) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let Some(socket) = self.relays.get(key) else { return false };
            let (count, more) = self.inbox.receive(socket, BATCH_DATAGRAMS);
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
        let mut way = Way {
            udp: &self.udp,
            streams: &mut self.streams,
            server: &mut self.server,
            relays: &mut self.relays,
            sender: &mut self.sender,
        };
        way.pass(&path, frames);
    }

    /// Tells a client which of its peers cannot be reached. Returns whether there may be more to tell.
    #[cfg(target_os = "linux")]
    pub(super) fn serve_icmp_errors(&mut self, key: RelayKey) -> bool {
        for _ in 0..BATCH_DATAGRAMS {
            let Some(heard) = self.relays.get(key).and_then(crate::net::linux::hear) else { return false };
            let Some((peer, icmp)) = heard else { continue };
            let Some(path) = self.server.peer_unreachable(self.now_ms, key, peer, icmp, &mut self.reply) else {
                continue;
            };
            let mut way = Way {
                udp: &self.udp,
                streams: &mut self.streams,
                server: &mut self.server,
                relays: &mut self.relays,
                sender: &mut self.sender,
            };
            way.pass(&path, std::iter::once(self.reply.as_slice()));
        }
        true
    }

    /// Elsewhere nothing is heard.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn serve_icmp_errors(&mut self, _key: RelayKey) -> bool {
        false
    }
}

/// All that is needed to get frames to a client, which is not where they lie meanwhile.
struct Way<'a> {
    udp: &'a [UdpListener],
    streams: &'a mut Streams,
    server: &'a mut Server,
    relays: &'a mut Relays,
    sender: &'a mut Sender,
}

impl Way<'_> {
    /// Sends frames to a client, at most [`BATCH_DATAGRAMS`].
    fn pass<'f>(&mut self, path: &Path, frames: impl Iterator<Item = &'f [u8]>) {
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
                self.sender.send(&listener.data, from, &datagrams[..used])
            }
            _ => self.streams.pass(path.link as usize, frames, self.server, self.relays),
        };
        self.server.count_lost(lost as u64);
    }
}
