//! Datagrams from peers, and ICMP errors about datagrams to them.

use super::Worker;
use crate::limits::{BATCH_DATAGRAMS, BATCHES_PER_TURN};
use crate::net::batch::{BatchSender, OutgoingDatagram};
use crate::net::listeners::UdpListener;
use crate::net::relay_sockets::RelaySocketTable;
use crate::net::streams::Streams;
use crate::server::{FiveTuple, RelayKey, Server, Transport};

impl Worker {
    /// Serves datagrams of peers. Returns whether the socket may hold more.
    pub(super) fn serve_peers(&mut self, key: RelayKey) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let Some(socket) = self.relays.get(key) else { return false };
            let (count, more) = self.batch.receive(socket, BATCH_DATAGRAMS);
            self.coalescing.served(count, self.now_ms);
            self.pass_to_client(key, count);
            if !more {
                return false;
            }
        }
        true
    }

    /// Relays a batch to its client. A relay socket belongs to one allocation, so the whole batch has one
    /// client and leaves in one system call.
    fn pass_to_client(&mut self, key: RelayKey, count: usize) {
        let mut client = None;
        let mut parts = [const { 0..0 }; BATCH_DATAGRAMS];
        for (at, part) in parts.iter_mut().enumerate().take(count) {
            let from = self.batch.get(at).from;
            let (slot, payload) = self.batch.slot(at);
            if let Some((five_tuple, wrapped)) = self.server.peer_sent(self.now_ms, key, from, slot, payload) {
                client = Some(five_tuple);
                *part = wrapped;
            }
        }
        let Some(five_tuple) = client else { return };
        let frames = parts.iter().enumerate().take(count).filter(|(_, part)| !part.is_empty());
        let frames = frames.map(|(at, part)| self.batch.part(at, part.clone()));
        let mut output = ClientOutput {
            udp: &self.udp,
            streams: &mut self.streams,
            server: &mut self.server,
            relays: &mut self.relays,
            sender: &mut self.sender,
        };
        output.send(&five_tuple, frames);
    }

    /// Reports ICMP errors to the client. Returns whether the error queue may hold more.
    #[cfg(target_os = "linux")]
    pub(super) fn serve_icmp_errors(&mut self, key: RelayKey) -> bool {
        for _ in 0..BATCH_DATAGRAMS {
            let Some(entry) = self.relays.get(key).and_then(crate::net::linux::next_icmp_error) else { return false };
            let Some((peer, icmp)) = entry else { continue };
            let Some(five_tuple) = self.server.peer_unreachable(self.now_ms, key, peer, icmp, &mut self.reply) else {
                continue;
            };
            let mut output = ClientOutput {
                udp: &self.udp,
                streams: &mut self.streams,
                server: &mut self.server,
                relays: &mut self.relays,
                sender: &mut self.sender,
            };
            output.send(&five_tuple, std::iter::once(self.reply.as_slice()));
        }
        true
    }

    /// Other systems have no error queue.
    #[cfg(not(target_os = "linux"))]
    pub(super) fn serve_icmp_errors(&mut self, _key: RelayKey) -> bool {
        false
    }
}

/// What is needed to send to a client. Separate from [`Worker`], because the frames borrow its receive batch or
/// reply buffer.
struct ClientOutput<'a> {
    udp: &'a [UdpListener],
    streams: &'a mut Streams,
    server: &'a mut Server,
    relays: &'a mut RelaySocketTable,
    sender: &'a mut BatchSender,
}

impl ClientOutput<'_> {
    /// Sends at most [`BATCH_DATAGRAMS`] frames to a client.
    fn send<'f>(&mut self, five_tuple: &FiveTuple, frames: impl Iterator<Item = &'f [u8]>) {
        let lost = match (five_tuple.transport, self.udp.get(five_tuple.link as usize)) {
            (Transport::Udp, Some(listener)) => {
                let mut datagrams = [OutgoingDatagram { to: five_tuple.client, bytes: &[] }; BATCH_DATAGRAMS];
                let mut used = 0;
                for bytes in frames {
                    datagrams[used].bytes = bytes;
                    used += 1;
                }
                let from = listener.at.ip().is_unspecified().then_some(five_tuple.local.ip());
                let from = from.filter(|ip| !ip.is_unspecified());
                self.sender.send(&listener.data, from, &datagrams[..used])
            }
            _ => self.streams.send_frames(five_tuple.link as usize, frames, self.server, self.relays),
        };
        self.server.count_lost(lost as u64);
    }
}
