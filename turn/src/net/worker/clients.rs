//! What comes from clients: their datagrams, data and requests. Streams are in [`super::super::streams`].

use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use mio::Interest;
use mio::unix::SourceFd;

use super::Worker;
use crate::limits::{BATCH_DATAGRAMS, BATCHES_PER_TURN, REQUESTS_PER_TURN};
use crate::net::batch::Outgoing;
use crate::net::event::About;
use crate::net::listeners::LANES;
use crate::server::{PacketOutcome, Path, Server, Transport};

impl Worker {
    /// Makes the poll report clients' datagrams.
    pub(super) fn watch_clients(&self) -> std::io::Result<()> {
        for (index, listener) in self.udp.iter().enumerate() {
            let fd = listener.data.as_raw_fd();
            self.poll.registry().register(&mut SourceFd(&fd), About::Udp(index).token(), Interest::READABLE)?;
        }
        (0..LANES).try_for_each(|lane| self.watch_requests(lane, true))
    }

    /// Makes the poll report requests of one kind, or stops that.
    fn watch_requests(&self, lane: usize, watch: bool) -> std::io::Result<()> {
        for (index, listener) in self.udp.iter().enumerate() {
            let Some(sockets) = &listener.requests else { continue };
            let (fd, registry) = (sockets[lane].as_raw_fd(), self.poll.registry());
            if watch {
                registry.register(&mut SourceFd(&fd), About::Requests(index, lane).token(), Interest::READABLE)?;
            } else {
                registry.deregister(&mut SourceFd(&fd))?;
            }
        }
        Ok(())
    }

    /// Takes data. Returns whether there may be more.
    pub(super) fn serve_data(&mut self, index: usize) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let (count, more) = self.inbox.receive(&self.udp[index].data, BATCH_DATAGRAMS);
            self.pace.served(count, self.now_ms);
            self.serve_batch(index, count);
            if !more {
                return false;
            }
        }
        true
    }

    /// Takes a handful of requests, which may turn out to be a crowd. Returns whether there may be more.
    pub(super) fn serve_requests(&mut self, index: usize, lane: usize) -> bool {
        if self.crowds[lane].is_here() {
            return false;
        }
        let (count, more) = self.take_requests(index, lane);
        if !self.crowds[lane].came(count, self.now_ms) {
            return more;
        }
        if let Err(error) = self.watch_requests(lane, false) {
            tracing::error!(%error, "The relay cannot stop waiting for requests.");
        }
        false
    }

    /// Takes a handful of a crowd's requests of each socket.
    pub(super) fn serve_client_table(&mut self, lane: usize) {
        let (mut taken, mut more) = (0, false);
        for index in 0..self.udp.len() {
            let (count, again) = self.take_requests(index, lane);
            taken += count;
            more |= again;
        }
        if self.crowds[lane].took(taken, more, self.now_ms)
            && let Err(error) = self.watch_requests(lane, true)
        {
            tracing::error!(%error, "The relay cannot wait for requests.");
        }
    }

    fn take_requests(&mut self, index: usize, lane: usize) -> (usize, bool) {
        let Some(sockets) = &self.udp[index].requests else { return (0, false) };
        let (count, more) = self.inbox.receive(&sockets[lane], REQUESTS_PER_TURN);
        self.serve_batch(index, count);
        (count, more)
    }

    /// Serves the first `count` datagrams of the inbox.
    fn serve_batch(&mut self, index: usize, count: usize) {
        for at in 0..count {
            self.serve_client(index, at);
        }
        self.flush_to_peers();
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
            PacketOutcome::Nothing => {}
            PacketOutcome::Reply => {
                let datagram = Outgoing { to: received.from, bytes: &self.reply };
                let lost = self.sender.send(&listener.data, received.to, &[datagram]);
                self.server.count_lost(lost as u64);
            }
            PacketOutcome::ToPeer { relay, peer, payload, dont_fragment } => {
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
}
