//! Datagrams to peers, collected while a batch is processed and then sent socket by socket.

use std::net::SocketAddr;
use std::ops::Range;

use super::batch::{BatchSender, OutgoingDatagram, ReceiveBatch};
use super::open::dont_fragment;
use super::relay_sockets::RelaySocketTable;
use crate::limits::BATCH_DATAGRAMS;
use crate::server::RelayKey;

struct QueuedDatagram {
    relay: RelayKey,
    to: SocketAddr,
    /// Index of the datagram in the batch, and the range of its payload.
    index: usize,
    part: Range<usize>,
    whole: bool,
}

/// Datagrams to peers from the current batch. Refers to the batch by index, so no payload is copied.
#[derive(Default)]
pub(super) struct PeerSendQueue(Vec<QueuedDatagram>);

impl PeerSendQueue {
    pub(super) fn push(&mut self, relay: RelayKey, to: SocketAddr, index: usize, part: Range<usize>, whole: bool) {
        self.0.push(QueuedDatagram { relay, to, index, part, whole });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends all of them, grouped by socket. Returns how many the kernel did not take.
    pub(super) fn flush(&mut self, batch: &ReceiveBatch, relays: &RelaySocketTable, sender: &mut BatchSender) -> usize {
        // A stable sort: datagrams of one client must stay in order.
        self.0.sort_by_key(|queued| (queued.relay, queued.whole));
        let lost = self
            .0
            .chunk_by(|a, b| (a.relay, a.whole) == (b.relay, b.whole))
            .map(|group| send_group(group, batch, relays, sender))
            .sum();
        self.0.clear();
        lost
    }
}

fn send_group(
    group: &[QueuedDatagram],
    batch: &ReceiveBatch,
    relays: &RelaySocketTable,
    sender: &mut BatchSender,
) -> usize {
    let Some(socket) = relays.get(group[0].relay) else { return group.len() };
    let mut datagrams = [OutgoingDatagram { to: group[0].to, bytes: &[] }; BATCH_DATAGRAMS];
    for (datagram, queued) in datagrams.iter_mut().zip(group) {
        let bytes = &batch.bytes(queued.index)[queued.part.clone()];
        *datagram = OutgoingDatagram { to: queued.to, bytes };
    }
    let datagrams = &datagrams[..group.len()];
    if !group[0].whole {
        return sender.send(socket, None, datagrams);
    }
    // Rare: a client that runs path MTU discovery. It needs the ICMP errors to do so, hence the error queue.
    // The option is per socket, not per datagram, so it is reset after this group.
    #[cfg(target_os = "linux")]
    let _ = super::linux::enable_icmp_errors(socket);
    dont_fragment(socket, group[0].to.is_ipv4(), true);
    let lost = sender.send(socket, None, datagrams);
    dont_fragment(socket, group[0].to.is_ipv4(), false);
    lost
}
