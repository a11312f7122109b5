//! Commands from other threads to a relay thread. Sending one wakes the thread.

use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::SyncSender;

use parking_lot::Mutex;
use rustls::ServerConnection;

use crate::server::{AllocationId, AllocationView};

/// A client's stream that was accepted outside of the relay, for example on the HTTPS port.
pub struct AcceptedStream {
    /// The TCP connection. The relay makes it non-blocking.
    pub stream: TcpStream,
    /// The TLS session after the handshake. `None` for plain TCP.
    pub tls: Option<Box<ServerConnection>>,
    /// Bytes already received, after decryption.
    pub read: Vec<u8>,
}

impl std::fmt::Debug for AcceptedStream {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peer: Option<SocketAddr> = self.stream.peer_addr().ok();
        f.debug_struct("AcceptedStream").field("peer", &peer).field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// The allocations to end.
#[derive(Debug, Clone)]
pub(super) enum DisconnectTarget {
    Id(AllocationId),
    User(String),
}

pub(super) enum Command {
    Adopt(AcceptedStream),
    ListAllocations(SyncSender<Vec<AllocationView>>),
    Disconnect(DisconnectTarget, SyncSender<usize>),
    /// The first discovery of the external address has ended: serve what clients have sent.
    ServeClients,
    Stop,
}

/// The command queue of one relay thread.
pub(super) struct Mailbox {
    commands: Mutex<Vec<Command>>,
    waker: mio::Waker,
}

impl Mailbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self { commands: Mutex::default(), waker }
    }

    pub(super) fn put(&self, command: Command) {
        self.commands.lock().push(command);
        // A failed wake-up delays the command until the thread's next event; it is not lost.
        let _ = self.waker.wake();
    }

    pub(super) fn empty(&self) -> Vec<Command> {
        std::mem::take(&mut *self.commands.lock())
    }
}
