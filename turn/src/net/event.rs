//! What an event of the poll is about, packed into its token.

use mio::Token;

use super::listeners::LANES;
use crate::server::RelayKey;

const KIND_SHIFT: u32 = 28;
const INDEX_MASK: usize = (1 << KIND_SHIFT) - 1;

/// What an event is about. Indices are below 2^28: quotas and limits keep them far below.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum About {
    /// Somebody put a command into the mailbox.
    Mailbox,
    /// A socket for clients' data, or for all their datagrams.
    Udp(usize),
    /// A socket for clients' requests: at which address, and of which kind.
    Requests(usize, usize),
    /// A socket for clients' streams.
    Listener(usize),
    /// A stream.
    Stream(usize),
    /// A relay socket.
    Relay(RelayKey),
    /// What is heard of a relay socket's datagrams.
    Outcry(RelayKey),
}

impl About {
    pub(super) fn token(self) -> Token {
        let (kind, index) = match self {
            Self::Mailbox => (0, 0),
            Self::Udp(index) => (1, index),
            Self::Listener(index) => (2, index),
            Self::Stream(index) => (3, index),
            Self::Relay(key) => (4, key.0 as usize),
            Self::Requests(index, lane) => (5, index * LANES + lane),
            Self::Outcry(key) => (6, key.0 as usize),
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
            6 => Self::Outcry(RelayKey(u32::try_from(index).unwrap_or(u32::MAX))),
            _ => Self::Mailbox,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_say_what_they_are_about() {
        let key = RelayKey(77);
        for about in [
            About::Mailbox,
            About::Udp(3),
            About::Requests(2, 1),
            About::Listener(0),
            About::Stream(999),
            About::Relay(key),
            About::Outcry(key),
        ] {
            assert_eq!(About::of(about.token()), about);
        }
    }
}
