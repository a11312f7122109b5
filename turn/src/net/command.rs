//! What other threads ask of a relaying thread: put into its mailbox, which wakes it.

use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::SyncSender;

use parking_lot::Mutex;
use rustls::ServerConnection;

use crate::server::{AllocationId, AllocationView};

/// A client's stream that somebody else has accepted, for example on the port of HTTPS.
pub struct Accepted {
    /// The connection. The relay makes it non-blocking.
    pub stream: TcpStream,
    /// Its TLS session, if it has one, after the handshake.
    pub tls: Option<Box<ServerConnection>>,
    /// What has been received (and decrypted) already.
    pub read: Vec<u8>,
}

impl std::fmt::Debug for Accepted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let peer: Option<SocketAddr> = self.stream.peer_addr().ok();
        f.debug_struct("Accepted").field("peer", &peer).field("tls", &self.tls.is_some()).finish_non_exhaustive()
    }
}

/// Which allocations to end.
#[derive(Debug, Clone)]
pub(super) enum Which {
    Id(AllocationId),
    User(String),
}

pub(super) enum Command {
    Adopt(Accepted),
    Show(SyncSender<Vec<AllocationView>>),
    Disconnect(Which, SyncSender<usize>),
    Stop,
}

/// A thread's mailbox.
pub(super) struct Mailbox {
    letters: Mutex<Vec<Command>>,
    waker: mio::Waker,
}

impl Mailbox {
    pub(super) fn new(waker: mio::Waker) -> Self {
        Self { letters: Mutex::default(), waker }
    }

    pub(super) fn put(&self, command: Command) {
        self.letters.lock().push(command);
        // If this fails the thread reads it at its next event.
        let _ = self.waker.wake();
    }

    pub(super) fn empty(&self) -> Vec<Command> {
        std::mem::take(&mut *self.letters.lock())
    }
}
