//! Datagrams from clients: data and requests. Streams are in [`super::super::streams`].

use std::net::SocketAddr;
use std::os::fd::AsRawFd;

use mio::Interest;
use mio::unix::SourceFd;

use super::Worker;
use crate::limits::{BATCH_DATAGRAMS, BATCHES_PER_TURN, REQUESTS_PER_TURN};
use crate::net::batch::OutgoingDatagram;
use crate::net::event::EventSource;
use crate::net::listeners::LANES;
use crate::server::{FiveTuple, PacketOutcome, Server, Transport};

impl Worker {
    /// Registers the client sockets with the poll.
    pub(super) fn register_clients(&self) -> std::io::Result<()> {
        for (index, listener) in self.udp.iter().enumerate() {
            let fd = listener.data.as_raw_fd();
            self.poll.registry().register(&mut SourceFd(&fd), EventSource::Udp(index).token(), Interest::READABLE)?;
        }
        (0..LANES).try_for_each(|lane| self.register_requests(lane, true))
    }

    /// Registers the request sockets of one lane with the poll, or deregisters them.
    fn register_requests(&self, lane: usize, register: bool) -> std::io::Result<()> {
        for (index, listener) in self.udp.iter().enumerate() {
            let Some(sockets) = &listener.requests else { continue };
            let (fd, registry) = (sockets[lane].as_raw_fd(), self.poll.registry());
            if register {
                registry.register(
                    &mut SourceFd(&fd),
                    EventSource::Requests(index, lane).token(),
                    Interest::READABLE,
                )?;
            } else {
                registry.deregister(&mut SourceFd(&fd))?;
            }
        }
        Ok(())
    }

    /// Serves data. Returns whether the socket may hold more.
    pub(super) fn serve_data(&mut self, index: usize) -> bool {
        for _ in 0..BATCHES_PER_TURN {
            let (count, more) = self.batch.receive(&self.udp[index].data, BATCH_DATAGRAMS);
            self.coalescing.served(count, self.now_ms);
            self.serve_batch(index, count);
            if !more {
                return false;
            }
        }
        true
    }

    /// Serves a small group of requests, and switches to polling if there are too many. Returns whether the
    /// socket may hold more.
    pub(super) fn serve_requests(&mut self, index: usize, lane: usize) -> bool {
        if self.request_polling[lane].is_active() {
            return false;
        }
        let (count, more) = self.take_requests(index, lane);
        if !self.request_polling[lane].count_arrivals(count, self.now_ms) {
            return more;
        }
        if let Err(error) = self.register_requests(lane, false) {
            tracing::error!(%error, "Failed to deregister the request sockets.");
        }
        false
    }

    /// One step of a poll: serves a small group of requests of each socket. Data is served between two steps.
    pub(super) fn poll_requests(&mut self, lane: usize) {
        let (mut taken, mut more) = (0, false);
        for index in 0..self.udp.len() {
            let (count, again) = self.take_requests(index, lane);
            taken += count;
            more |= again;
        }
        if self.request_polling[lane].count_polled(taken, more, self.now_ms)
            && let Err(error) = self.register_requests(lane, true)
        {
            tracing::error!(%error, "Failed to register the request sockets.");
        }
    }

    fn take_requests(&mut self, index: usize, lane: usize) -> (usize, bool) {
        let Some(sockets) = &self.udp[index].requests else { return (0, false) };
        let (count, more) = self.batch.receive(&sockets[lane], REQUESTS_PER_TURN);
        self.serve_batch(index, count);
        (count, more)
    }

    /// Serves the first `count` datagrams of the batch.
    fn serve_batch(&mut self, index: usize, count: usize) {
        for at in 0..count {
            self.serve_client(index, at);
        }
        self.flush_to_peers();
    }

    fn serve_client(&mut self, index: usize, at: usize) {
        let received = self.batch.get(at);
        if !self.peer_queue.is_empty() && Server::may_change_sockets(self.batch.bytes(at)) {
            self.flush_to_peers();
        }
        let listener = &self.udp[index];
        let local = SocketAddr::new(received.to.unwrap_or(listener.at.ip()), listener.at.port());
        let link = u32::try_from(index).unwrap_or(u32::MAX);
        let five_tuple = FiveTuple { transport: Transport::Udp, client: received.from, local, link };
        let packet = self.batch.bytes(at);
        match self.server.client_sent(self.now_ms, &five_tuple, packet, &mut self.relays, &mut self.reply) {
            PacketOutcome::Nothing => {}
            PacketOutcome::Reply => {
                let datagram = OutgoingDatagram { to: received.from, bytes: &self.reply };
                let lost = self.sender.send(&listener.data, received.to, &[datagram]);
                self.server.count_lost(lost as u64);
            }
            PacketOutcome::ToPeer { relay, peer, payload, dont_fragment } => {
                self.peer_queue.push(relay, peer, at, payload, dont_fragment);
            }
        }
    }

    fn flush_to_peers(&mut self) {
        if !self.peer_queue.is_empty() {
            let lost = self.peer_queue.flush(&self.batch, &self.relays, &mut self.sender);
            self.server.count_lost(lost as u64);
        }
    }
}
