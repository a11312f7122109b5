//! Many datagrams in one step: received into fixed places, sent from wherever they lie. [`linux`] needs one system call for a
//! batch, [`portable`] one for each datagram; on Linux a setting chooses, so that both are tested there.

mod portable;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;

#[cfg(target_os = "linux")]
use super::linux;
use crate::limits::{BATCH_DATAGRAMS, DATAGRAM_BYTES_MAX, HEADROOM_BYTES, TAILROOM_BYTES};

/// Errors in a row after which a socket has to wait for its next turn.
#[cfg(target_os = "linux")]
const ERRORS_MAX: usize = 4;
/// Bytes of one place. Not a multiple of a page, so that the first bytes of all places do not compete for the same cache lines.
pub(super) const PLACE_BYTES: usize = HEADROOM_BYTES + DATAGRAM_BYTES_MAX + TAILROOM_BYTES + 60;

/// A datagram that has been received.
#[derive(Debug, Clone, Copy)]
pub(super) struct Received {
    pub(super) from: SocketAddr,
    /// Which of our addresses it was sent to, if the socket says so.
    pub(super) to: Option<IpAddr>,
    pub(super) bytes: usize,
}

/// A datagram to be sent.
#[derive(Debug, Clone, Copy)]
pub(super) struct Outgoing<'a> {
    pub(super) to: SocketAddr,
    pub(super) bytes: &'a [u8],
}

/// Places for one batch.
pub(super) struct Inbox {
    memory: Box<[u8]>,
    received: Vec<Received>,
    #[cfg(target_os = "linux")]
    system: Option<linux::Receiver>,
}

impl Inbox {
    pub(super) fn new(batches: bool) -> Self {
        let _ = batches;
        Self {
            memory: vec![0; PLACE_BYTES * BATCH_DATAGRAMS].into(),
            received: Vec::with_capacity(BATCH_DATAGRAMS),
            #[cfg(target_os = "linux")]
            system: batches.then(linux::Receiver::new),
        }
    }

    /// Receives what is there, at most `max` and at most one batch, without waiting. Returns how many datagrams, and whether
    /// more may be there. Datagrams that are larger than a place are dropped.
    pub(super) fn receive(&mut self, socket: &UdpSocket, max: usize) -> (usize, bool) {
        self.received.clear();
        let max = max.min(BATCH_DATAGRAMS);
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            for _ in 0..ERRORS_MAX {
                match system.receive(socket, max, &mut self.memory, &mut self.received) {
                    Ok(got) => return (got, got == max),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return (0, false),
                    // About a datagram that we sent: not about what is there to be received.
                    Err(_) => {}
                }
            }
            return (0, true);
        }
        let more = portable::receive(socket, max, &mut self.memory, &mut self.received);
        (self.received.len(), more)
    }

    pub(super) fn get(&self, index: usize) -> Received {
        self.received[index]
    }

    /// A received datagram.
    pub(super) fn bytes(&self, index: usize) -> &[u8] {
        let start = index * PLACE_BYTES + HEADROOM_BYTES;
        &self.memory[start..start + self.received[index].bytes]
    }

    /// A received datagram's whole place, and where in it the datagram lies.
    pub(super) fn place(&mut self, index: usize) -> (&mut [u8], Range<usize>) {
        let range = HEADROOM_BYTES..HEADROOM_BYTES + self.received[index].bytes;
        (&mut self.memory[index * PLACE_BYTES..(index + 1) * PLACE_BYTES], range)
    }

    /// A part of a place.
    pub(super) fn part(&self, index: usize, range: Range<usize>) -> &[u8] {
        &self.memory[index * PLACE_BYTES + range.start..index * PLACE_BYTES + range.end]
    }
}

/// Sends batches.
pub(super) struct Sender {
    #[cfg(target_os = "linux")]
    system: Option<linux::Sender>,
}

impl Sender {
    pub(super) fn new(batches: bool) -> Self {
        let _ = batches;
        Self {
            #[cfg(target_os = "linux")]
            system: batches.then(linux::Sender::new),
        }
    }

    /// Sends without waiting; at most [`BATCH_DATAGRAMS`]. `from` is the address that they leave from, if the socket has
    /// several. Returns how many were not taken: the network is slower than we are, or does not reach there.
    pub(super) fn send(&mut self, socket: &UdpSocket, from: Option<IpAddr>, datagrams: &[Outgoing<'_>]) -> usize {
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            return system.send(socket, from, datagrams);
        }
        let _ = from;
        portable::send(socket, datagrams)
    }
}
