//! The streams of one thread and the sockets that accept them.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustls::ServerConnection;
use slab::Slab;

use super::batch::{BatchSender, OutgoingDatagram};
use super::command::AcceptedStream;
use super::event::EventSource;
use super::relay_sockets::RelaySocketTable;
use super::stream::{Stream, StreamEnd};
use super::stream_limiter::StreamLimiter;
use crate::limits::STREAM_IDLE_MS;
use crate::server::{FiveTuple, PacketOutcome, Server, Transport};
use crate::settings::TlsConfig;
use crate::shared::{Counters, Refusal};

/// Streams accepted before the thread serves its other sockets.
const ACCEPTS_PER_TURN: usize = 64;

/// A listening socket for streams.
pub(super) struct StreamListener {
    pub(super) socket: TcpListener,
    /// For TLS listeners.
    pub(super) tls: Option<TlsConfig>,
}

pub(super) struct Streams {
    listeners: Vec<StreamListener>,
    open: Slab<Stream>,
    limiter: Arc<StreamLimiter>,
    counters: Arc<Counters>,
}

impl Streams {
    pub(super) fn new(listeners: Vec<StreamListener>, limiter: Arc<StreamLimiter>, counters: Arc<Counters>) -> Self {
        Self { listeners, open: Slab::new(), limiter, counters }
    }

    pub(super) fn register(&self, registry: &Registry) -> std::io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            let fd = listener.socket.as_raw_fd();
            registry.register(&mut SourceFd(&fd), EventSource::Listener(index).token(), Interest::READABLE)?;
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Accepts pending connections; those beyond the stream limits are closed at once. Returns whether there
    /// may be more.
    pub(super) fn accept(&mut self, index: usize, now_ms: u64, registry: &Registry) -> bool {
        for _ in 0..ACCEPTS_PER_TURN {
            let listener = &self.listeners[index];
            let Ok((stream, _)) = listener.socket.accept() else { return false };
            let tls = match &listener.tls {
                None => None,
                Some(config) => match ServerConnection::new(config()) {
                    Ok(session) => Some(Box::new(session)),
                    Err(_) => continue,
                },
            };
            self.adopt(AcceptedStream { stream, tls, read: Vec::new() }, now_ms, registry);
        }
        true
    }

    /// Takes over a stream and returns its index. `None`, with the stream closed, if a limit is reached or the
    /// socket has failed.
    pub(super) fn adopt(&mut self, accepted: AcceptedStream, now_ms: u64, registry: &Registry) -> Option<usize> {
        let AcceptedStream { stream, tls, read } = accepted;
        let (client, local) = (stream.peer_addr().ok()?, stream.local_addr().ok()?);
        let Some(permit) = self.limiter.acquire(client.ip()) else {
            self.counters.refuse(Refusal::Streams, 1);
            return None;
        };
        stream.set_nonblocking(true).ok()?;
        // Media is latency-bound: no Nagle delay.
        let _ = stream.set_nodelay(true);
        let mut socket = TcpStream::from_std(stream);
        let entry = self.open.vacant_entry();
        let index = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut socket, EventSource::Stream(index).token(), interest).ok()?;
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let without_scope = |at: SocketAddr| crate::shared::external_address::without_scope(at);
        let link = u32::try_from(index).unwrap_or(u32::MAX);
        let five_tuple = FiveTuple { transport, client: without_scope(client), local: without_scope(local), link };
        entry.insert(Stream::new(socket, tls, read, five_tuple, now_ms, permit));
        self.count();
        Some(index)
    }

    fn count(&self) {
        let now = self.open.len() as u64;
        self.counters.streams.store(now, std::sync::atomic::Ordering::Relaxed);
    }

    /// Processes received frames and sends queued ones. Returns whether the socket may hold more.
    pub(super) fn serve(
        &mut self,
        index: usize,
        now_ms: u64,
        server: &mut Server,
        relays: &mut RelaySocketTable,
        sender: &mut BatchSender,
        reply: &mut Vec<u8>,
    ) -> bool {
        let Some(stream) = self.open.get_mut(index) else { return false };
        let served = stream.fill().and_then(|more| {
            serve_frames(stream, now_ms, server, relays, sender, reply)?;
            stream.flush()?;
            Ok(more)
        });
        match served {
            Ok(more) => more,
            Err(ended) => {
                // Process what arrived before the end: a last Refresh is often in the same segment as the FIN.
                if ended == StreamEnd::Closed {
                    let _ = serve_frames(stream, now_ms, server, relays, sender, reply);
                } else {
                    self.counters.refuse(Refusal::Malformed, 1);
                }
                self.close(index, server, relays);
                false
            }
        }
    }

    /// Sends frames to a client. Returns how many were dropped because the queue is full.
    pub(super) fn send_frames<'a>(
        &mut self,
        index: usize,
        frames: impl Iterator<Item = &'a [u8]>,
        server: &mut Server,
        relays: &mut RelaySocketTable,
    ) -> usize {
        let Some(stream) = self.open.get_mut(index) else { return frames.count() };
        let lost = frames.map(|frame| stream.queue(frame)).filter(|queued| !queued).count();
        if stream.flush().is_err() {
            self.close(index, server, relays);
        }
        lost
    }

    fn close(&mut self, index: usize, server: &mut Server, relays: &mut RelaySocketTable) {
        let stream = self.open.remove(index);
        server.stream_closed(&stream.five_tuple, relays);
        self.count();
    }

    /// Closes streams without an allocation after [`STREAM_IDLE_MS`]: stalled handshakes and idle connections.
    pub(super) fn close_idle(&mut self, now_ms: u64, server: &mut Server, relays: &mut RelaySocketTable) {
        let mut idle = Vec::new();
        for (index, stream) in &mut self.open {
            if server.has_allocation(&stream.five_tuple) {
                stream.since_ms = now_ms;
            } else if now_ms - stream.since_ms > STREAM_IDLE_MS {
                idle.push(index);
            }
        }
        for index in idle {
            self.close(index, server, relays);
        }
    }
}

/// Passes each complete frame to the state machine.
fn serve_frames(
    stream: &mut Stream,
    now_ms: u64,
    server: &mut Server,
    relays: &mut RelaySocketTable,
    sender: &mut BatchSender,
    reply: &mut Vec<u8>,
) -> Result<(), StreamEnd> {
    let mut at = 0;
    while let Some((range, whole)) = stream.frame(at)? {
        at += whole;
        match server.client_sent(now_ms, &stream.five_tuple, stream.bytes(range.clone()), relays, reply) {
            PacketOutcome::Nothing => {}
            PacketOutcome::Reply => {
                if !stream.queue(reply) {
                    server.count_lost(1);
                }
            }
            PacketOutcome::ToPeer { relay, peer, payload, dont_fragment: _ } => {
                let bytes = &stream.bytes(range)[payload];
                let datagram = [OutgoingDatagram { to: peer, bytes }];
                let lost = relays.get(relay).map_or(1, |socket| sender.send(socket, None, &datagram));
                server.count_lost(lost as u64);
            }
        }
    }
    stream.consume(at);
    Ok(())
}
