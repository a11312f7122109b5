//! The source of an event, packed into the `mio` token.

use mio::Token;

use super::listeners::LANES;
use crate::server::RelayKey;

const KIND_SHIFT: u32 = 28;
const INDEX_MASK: usize = (1 << KIND_SHIFT) - 1;

/// The source of an event. Indices stay below 2^28: the limits on allocations and streams keep them far
/// smaller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EventSource {
    /// The command queue.
    Mailbox,
    /// A client socket for data, or for all datagrams where data and requests share one. The index is that of
    /// the listener.
    Udp(usize),
    /// A client socket for requests: index of the listener, and lane.
    Requests(usize, usize),
    /// A listening socket for streams.
    Listener(usize),
    /// A client's stream.
    Stream(usize),
    /// A relay socket, with a datagram of a peer.
    Relay(RelayKey),
    /// The error queue of a relay socket.
    IcmpErrors(RelayKey),
}

impl EventSource {
    /// Whether it is a socket at which clients arrive, or a client's stream.
    pub(super) fn is_client(self) -> bool {
        matches!(self, Self::Udp(_) | Self::Requests(..) | Self::Listener(_) | Self::Stream(_))
    }

    pub(super) fn token(self) -> Token {
        let (kind, index) = match self {
            Self::Mailbox => (0, 0),
            Self::Udp(index) => (1, index),
            Self::Listener(index) => (2, index),
            Self::Stream(index) => (3, index),
            Self::Relay(key) => (4, key.0 as usize),
            Self::Requests(index, lane) => (5, index * LANES + lane),
            Self::IcmpErrors(key) => (6, key.0 as usize),
        };
        Token(kind << KIND_SHIFT | index & INDEX_MASK)
    }

    pub(super) fn of(token: Token) -> Self {
        let index = token.0 & INDEX_MASK;
        match token.0 >> KIND_SHIFT {
            1 => Self::Udp(index),
            2 => Self::Listener(index),
            3 => Self::Stream(index),
            4 => Self::Relay(RelayKey(u32::try_from(index).unwrap_or(u32::MAX))),
            5 => Self::Requests(index / LANES, index % LANES),
            6 => Self::IcmpErrors(RelayKey(u32::try_from(index).unwrap_or(u32::MAX))),
            _ => Self::Mailbox,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_round_trip() {
        let key = RelayKey(77);
        for source in [
            EventSource::Mailbox,
            EventSource::Udp(3),
            EventSource::Requests(2, 1),
            EventSource::Listener(0),
            EventSource::Stream(999),
            EventSource::Relay(key),
            EventSource::IcmpErrors(key),
        ] {
            assert_eq!(EventSource::of(source.token()), source);
        }
    }
}
