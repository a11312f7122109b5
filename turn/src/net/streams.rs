//! One thread's streams and the sockets on which they are accepted.

use std::net::{SocketAddr, TcpListener};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::net::TcpStream;
use mio::unix::SourceFd;
use mio::{Interest, Registry};
use rustls::ServerConnection;
use slab::Slab;

use super::batch::{Outgoing, Sender};
use super::command::Accepted;
use super::event::About;
use super::gate::Gate;
use super::relays::Relays;
use super::stream::{Ended, Stream};
use crate::limits::STREAM_IDLE_MS;
use crate::server::{PacketOutcome, Path, Server, Transport};
use crate::settings::TlsConfig;
use crate::shared::{Counters, Refusal};

/// Streams accepted before other sockets get their turn.
const ACCEPTS_PER_TURN: usize = 64;

/// A socket for clients' streams.
pub(super) struct StreamListener {
    pub(super) socket: TcpListener,
    /// For TLS.
    pub(super) tls: Option<TlsConfig>,
}

pub(super) struct Streams {
    listeners: Vec<StreamListener>,
    open: Slab<Stream>,
    gate: Arc<Gate>,
    counters: Arc<Counters>,
}

impl Streams {
    pub(super) fn new(listeners: Vec<StreamListener>, gate: Arc<Gate>, counters: Arc<Counters>) -> Self {
        Self { listeners, open: Slab::new(), gate, counters }
    }

    pub(super) fn register(&self, registry: &Registry) -> std::io::Result<()> {
        for (index, listener) in self.listeners.iter().enumerate() {
            let fd = listener.socket.as_raw_fd();
            registry.register(&mut SourceFd(&fd), About::Listener(index).token(), Interest::READABLE)?;
        }
        Ok(())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.open.is_empty()
    }

    /// Accepts what is there. Who finds no place is turned away by closing. Returns whether there may be more.
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
            self.adopt(Accepted { stream, tls, read: Vec::new() }, now_ms, registry);
        }
        true
    }

    /// Takes over a stream. Returns its index.
    pub(super) fn adopt(&mut self, accepted: Accepted, now_ms: u64, registry: &Registry) -> Option<usize> {
        let Accepted { stream, tls, read } = accepted;
        let (client, local) = (stream.peer_addr().ok()?, stream.local_addr().ok()?);
        let Some(place) = self.gate.enter(client.ip()) else {
            self.counters.refuse(Refusal::Streams, 1);
            return None;
        };
        stream.set_nonblocking(true).ok()?;
        // Calls want each frame now.
        let _ = stream.set_nodelay(true);
        let mut socket = TcpStream::from_std(stream);
        let entry = self.open.vacant_entry();
        let index = entry.key();
        let interest = Interest::READABLE | Interest::WRITABLE;
        registry.register(&mut socket, About::Stream(index).token(), interest).ok()?;
        let transport = if tls.is_some() { Transport::Tls } else { Transport::Tcp };
        let plain = |at: SocketAddr| crate::shared::external_address::plain(at);
        let link = u32::try_from(index).unwrap_or(u32::MAX);
        let path = Path { transport, client: plain(client), local: plain(local), link };
        entry.insert(Stream::new(socket, tls, read, path, now_ms, place));
        self.count();
        Some(index)
    }

    fn count(&self) {
        let now = self.open.len() as u64;
        self.counters.streams.store(now, std::sync::atomic::Ordering::Relaxed);
    }

    /// Takes what a client sent and sends what it is owed. Returns whether there may be more.
    pub(super) fn serve(
        &mut self,
        index: usize,
        now_ms: u64,
        server: &mut Server,
        relays: &mut Relays,
        sender: &mut Sender,
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
                // What came before the end counts: a last Refresh is in the same segment as the FIN.
                if ended == Ended::Closed {
                    let _ = serve_frames(stream, now_ms, server, relays, sender, reply);
                } else {
                    self.counters.refuse(Refusal::Malformed, 1);
                }
                self.close(index, server, relays);
                false
            }
        }
    }

    /// Sends frames to a client. Returns how many found no room.
    pub(super) fn pass<'a>(
        &mut self,
        index: usize,
        frames: impl Iterator<Item = &'a [u8]>,
        server: &mut Server,
        relays: &mut Relays,
    ) -> usize {
        let Some(stream) = self.open.get_mut(index) else { return frames.count() };
        let lost = frames.map(|frame| stream.queue(frame)).filter(|queued| !queued).count();
        if stream.flush().is_err() {
            self.close(index, server, relays);
        }
        lost
    }

    fn close(&mut self, index: usize, server: &mut Server, relays: &mut Relays) {
        let stream = self.open.remove(index);
        server.closed(&stream.path, relays);
        self.count();
    }

    /// Closes streams that have become nothing: no handshake, no allocation.
    pub(super) fn close_idle(&mut self, now_ms: u64, server: &mut Server, relays: &mut Relays) {
        let mut idle = Vec::new();
        for (index, stream) in &mut self.open {
            if server.has_allocation(&stream.path) {
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

/// Gives each whole frame to the machine.
fn serve_frames(
    stream: &mut Stream,
    now_ms: u64,
    server: &mut Server,
    relays: &mut Relays,
    sender: &mut Sender,
    reply: &mut Vec<u8>,
) -> Result<(), Ended> {
    let mut at = 0;
    while let Some((range, whole)) = stream.frame(at)? {
        at += whole;
        match server.client_sent(now_ms, &stream.path, stream.bytes(range.clone()), relays, reply) {
            PacketOutcome::Nothing => {}
            PacketOutcome::Reply => {
                if !stream.queue(reply) {
                    server.count_lost(1);
                }
            }
            PacketOutcome::ToPeer { relay, peer, payload, dont_fragment: _ } => {
                let bytes = &stream.bytes(range)[payload];
                let datagram = [Outgoing { to: peer, bytes }];
                let lost = relays.get(relay).map_or(1, |socket| sender.send(socket, None, &datagram));
                server.count_lost(lost as u64);
            }
        }
    }
    stream.consume(at);
    Ok(())
}
