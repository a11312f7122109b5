//! Datagrams of one batch on their way to peers: collected while the batch is looked at, then sent socket by socket.

use std::net::SocketAddr;
use std::ops::Range;

use super::batch::{Inbox, Outgoing, Sender};
use super::open::dont_fragment;
use super::relays::Relays;
use crate::limits::BATCH_DATAGRAMS;
use crate::server::RelayKey;

struct Waiting {
    relay: RelayKey,
    to: SocketAddr,
    /// Which of the batch, and which part of it.
    index: usize,
    part: Range<usize>,
    whole: bool,
}

/// What waits to be sent from the current batch.
#[derive(Default)]
pub(super) struct ToPeers(Vec<Waiting>);

impl ToPeers {
    pub(super) fn push(&mut self, relay: RelayKey, to: SocketAddr, index: usize, part: Range<usize>, whole: bool) {
        self.0.push(Waiting { relay, to, index, part, whole });
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Sends all of it, each socket's datagrams together and in order. Returns how many were not taken.
    pub(super) fn flush(&mut self, inbox: &Inbox, relays: &Relays, sender: &mut Sender) -> usize {
        // Stable, so that a client's datagrams stay in order.
        self.0.sort_by_key(|waiting| (waiting.relay, waiting.whole));
        let lost = self
            .0
            .chunk_by(|a, b| (a.relay, a.whole) == (b.relay, b.whole))
            .map(|group| send_group(group, inbox, relays, sender))
            .sum();
        self.0.clear();
        lost
    }
}

fn send_group(group: &[Waiting], inbox: &Inbox, relays: &Relays, sender: &mut Sender) -> usize {
    let Some(socket) = relays.get(group[0].relay) else { return group.len() };
    let mut datagrams = [Outgoing { to: group[0].to, bytes: &[] }; BATCH_DATAGRAMS];
    for (datagram, waiting) in datagrams.iter_mut().zip(group) {
        let bytes = &inbox.bytes(waiting.index)[waiting.part.clone()];
        *datagram = Outgoing { to: waiting.to, bytes };
    }
    let datagrams = &datagrams[..group.len()];
    if !group[0].whole {
        return sender.send(socket, None, datagrams);
    }
    // Rare: a client that finds out how large its datagrams may be. Without the answers, it has to guess.
    #[cfg(target_os = "linux")]
    let _ = super::linux::listen_to_icmp(socket);
    dont_fragment(socket, group[0].to.is_ipv4(), true);
    let lost = sender.send(socket, None, datagrams);
    dont_fragment(socket, group[0].to.is_ipv4(), false);
    lost
}
