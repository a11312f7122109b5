//! Counters for metrics. Each thread has its own set and is its only writer, so that counting is a plain
//! addition.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident => $label:literal,)+) => {
        /// Why the relay refused a packet or dropped data.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)+
        }

        impl Refusal {
            /// All reasons, in the order of the discriminants.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// The label in metrics and logs.
            #[must_use]
            pub fn label(self) -> &'static str {
                match self {
                    $(Self::$name => $label,)+
                }
            }
        }
    };
}

refusals! {
    /// A packet that is neither STUN nor ChannelData, or is malformed.
    Malformed => "malformed",
    /// Too many unauthenticated requests from one source.
    RateLimited => "rate_limited",
    /// An unknown user, a wrong password, or expired credentials (401).
    Credentials => "credentials",
    /// A nonce that has expired or is from elsewhere (438).
    StaleNonce => "stale_nonce",
    /// An invalid request (400, 420, 440, 442, 443).
    BadRequest => "bad_request",
    /// No allocation, a second one on the same five-tuple, or one of another user (437, 441).
    Mismatch => "mismatch",
    /// A peer address that the rules forbid (403).
    Peer => "peer",
    /// The allocation quota of the user or of the relay is used up (486).
    Quota => "quota",
    /// No free port, or too many permissions or channels (508).
    Capacity => "capacity",
    /// Data to or from a peer without a permission.
    Permission => "permission",
    /// Data beyond the user's bandwidth limit.
    Bandwidth => "bandwidth",
    /// Data that a socket did not take, or that exceeds a stream's queue.
    Backpressure => "backpressure",
    /// A stream beyond the limit in total or per source.
    Streams => "streams",
}

/// The counters of one thread, since the start unless stated otherwise.
#[derive(Debug, Default)]
pub struct Counters {
    /// Allocations created.
    pub allocations: AtomicU64,
    /// Binding requests answered.
    pub bindings: AtomicU64,
    /// Challenges sent (401 to a request without credentials, which is every client's first).
    pub challenges: AtomicU64,
    /// Datagrams relayed to peers.
    pub packets_to_peers: AtomicU64,
    /// Payload relayed to peers, in bytes.
    pub bytes_to_peers: AtomicU64,
    /// Datagrams relayed to clients.
    pub packets_to_clients: AtomicU64,
    /// Payload relayed to clients, in bytes.
    pub bytes_to_clients: AtomicU64,
    /// Open streams: a gauge, not a counter.
    pub streams: AtomicU64,
    refusals: [AtomicU64; Refusal::ALL.len()],
}

impl Counters {
    /// Packets and datagrams refused for this reason.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> u64 {
        self.refusals[why as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn refuse(&self, why: Refusal, times: u64) {
        add(&self.refusals[why as usize], times);
    }

    /// The sum over several threads. Threads keep counting meanwhile, so the values are not a consistent
    /// snapshot.
    pub(crate) fn sum(threads: &[Arc<Self>]) -> Self {
        let all = Self::default();
        threads.iter().for_each(|each| all.merge(each));
        all
    }

    /// Adds another thread's counters to these.
    fn merge(&self, other: &Self) {
        let pairs = [
            (&self.allocations, &other.allocations),
            (&self.bindings, &other.bindings),
            (&self.challenges, &other.challenges),
            (&self.packets_to_peers, &other.packets_to_peers),
            (&self.bytes_to_peers, &other.bytes_to_peers),
            (&self.packets_to_clients, &other.packets_to_clients),
            (&self.bytes_to_clients, &other.bytes_to_clients),
            (&self.streams, &other.streams),
        ];
        for (to, from) in pairs.into_iter().chain(self.refusals.iter().zip(&other.refusals)) {
            add(to, from.load(Ordering::Relaxed));
        }
    }
}

/// Adds to a counter that only the current thread writes. A load and a store suffice then, without an atomic
/// read-modify-write.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_reason_and_summed() {
        let (one, other) = (Counters::default(), Counters::default());
        one.refuse(Refusal::Peer, 2);
        other.refuse(Refusal::Peer, 3);
        add(&other.bindings, 7);
        one.merge(&other);
        assert_eq!((one.refused(Refusal::Peer), one.refused(Refusal::Quota)), (5, 0));
        assert_eq!(one.bindings.load(Ordering::Relaxed), 7);
    }
}
