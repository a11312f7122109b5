//! Batched datagram I/O: receives into fixed slots, sends from wherever the bytes are. [`linux`] needs one
//! system call per batch, [`portable`] one per datagram. On Linux a setting selects the implementation, so that
//! the tests cover both.

mod portable;

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::ops::Range;

#[cfg(target_os = "linux")]
use super::linux;
use crate::limits::{BATCH_DATAGRAMS, DATAGRAM_BYTES_MAX, HEADROOM_BYTES, TAILROOM_BYTES};

/// Consecutive receive errors after which the socket waits for its next turn. Each error consumes one pending
/// ICMP error, so retrying makes progress; the bound keeps a stream of ICMP errors from holding up the thread.
#[cfg(target_os = "linux")]
const ERRORS_MAX: usize = 4;
/// Bytes of one slot. Not a multiple of the page size: the first bytes of all slots would otherwise compete for
/// the same cache lines.
pub(super) const SLOT_BYTES: usize = HEADROOM_BYTES + DATAGRAM_BYTES_MAX + TAILROOM_BYTES + 60;

/// A datagram in the batch.
#[derive(Debug, Clone, Copy)]
pub(super) struct ReceivedDatagram {
    pub(super) from: SocketAddr,
    /// The local address it was sent to, if the socket reports it.
    pub(super) to: Option<IpAddr>,
    pub(super) bytes: usize,
}

/// A datagram to send.
#[derive(Debug, Clone, Copy)]
pub(super) struct OutgoingDatagram<'a> {
    pub(super) to: SocketAddr,
    pub(super) bytes: &'a [u8],
}

/// Slots for one batch of received datagrams.
pub(super) struct ReceiveBatch {
    memory: Box<[u8]>,
    received: Vec<ReceivedDatagram>,
    #[cfg(target_os = "linux")]
    system: Option<linux::MmsgReceiver>,
}

impl ReceiveBatch {
    pub(super) fn new(batches: bool) -> Self {
        let _ = batches;
        Self {
            memory: vec![0; SLOT_BYTES * BATCH_DATAGRAMS].into(),
            received: Vec::with_capacity(BATCH_DATAGRAMS),
            #[cfg(target_os = "linux")]
            system: batches.then(linux::MmsgReceiver::new),
        }
    }

    /// Receives at most `max` datagrams and at most one batch, without blocking. Returns their number and
    /// whether the socket may hold more. Datagrams longer than a slot are dropped.
    pub(super) fn receive(&mut self, socket: &UdpSocket, max: usize) -> (usize, bool) {
        self.received.clear();
        let max = max.min(BATCH_DATAGRAMS);
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            for _ in 0..ERRORS_MAX {
                match system.receive(socket, max, &mut self.memory, &mut self.received) {
                    Ok(got) => return (got, got == max),
                    Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return (0, false),
                    // A pending ICMP error for an earlier datagram of ours. Nothing has been received; try again.
                    Err(_) => {}
                }
            }
            return (0, true);
        }
        let more = portable::receive(socket, max, &mut self.memory, &mut self.received);
        (self.received.len(), more)
    }

    pub(super) fn get(&self, index: usize) -> ReceivedDatagram {
        self.received[index]
    }

    /// The payload of a received datagram.
    pub(super) fn bytes(&self, index: usize) -> &[u8] {
        let start = index * SLOT_BYTES + HEADROOM_BYTES;
        &self.memory[start..start + self.received[index].bytes]
    }

    /// The whole slot of a received datagram, and the range of the datagram within it.
    pub(super) fn slot(&mut self, index: usize) -> (&mut [u8], Range<usize>) {
        let range = HEADROOM_BYTES..HEADROOM_BYTES + self.received[index].bytes;
        (&mut self.memory[index * SLOT_BYTES..(index + 1) * SLOT_BYTES], range)
    }

    /// A range of a slot.
    pub(super) fn part(&self, index: usize, range: Range<usize>) -> &[u8] {
        &self.memory[index * SLOT_BYTES + range.start..index * SLOT_BYTES + range.end]
    }
}

/// Sends datagrams in batches.
pub(super) struct BatchSender {
    #[cfg(target_os = "linux")]
    system: Option<linux::MmsgSender>,
}

impl BatchSender {
    pub(super) fn new(batches: bool) -> Self {
        let _ = batches;
        Self {
            #[cfg(target_os = "linux")]
            system: batches.then(linux::MmsgSender::new),
        }
    }

    /// Sends at most [`BATCH_DATAGRAMS`] datagrams without blocking. `from` is the source address, for sockets
    /// bound to all addresses. Returns how many the kernel did not take, because its queue is full or the
    /// destination is unreachable.
    pub(super) fn send(
        &mut self,
        socket: &UdpSocket,
        from: Option<IpAddr>,
        datagrams: &[OutgoingDatagram<'_>],
    ) -> usize {
        #[cfg(target_os = "linux")]
        if let Some(system) = &mut self.system {
            return system.send(socket, from, datagrams);
        }
        let _ = from;
        portable::send(socket, datagrams)
    }
}
