//! Numbers for metrics. Each thread has its own and is the only one to write them, so that counting costs no more than adding.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident => $label:literal,)+) => {
        /// Why something was not done.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Refusal {
            $($(#[$doc])* $name,)+
        }

        impl Refusal {
            /// All of them.
            pub const ALL: &'static [Self] = &[$(Self::$name,)+];

            /// Its name in metrics and logs.
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
    /// A packet that is neither STUN nor ChannelData, or not a sound one.
    Malformed => "malformed",
    /// A source asked too often without credentials.
    RateLimited => "rate_limited",
    /// A user that we do not know, a wrong password, or credentials that have expired (401).
    Credentials => "credentials",
    /// A nonce that is too old or not ours (438).
    StaleNonce => "stale_nonce",
    /// Something in the request is wrong (400, 420, 440, 442, 443).
    BadRequest => "bad_request",
    /// There is no allocation, or one already, or somebody else's (437, 441).
    Mismatch => "mismatch",
    /// A peer that may not be reached (403).
    Peer => "peer",
    /// Too many allocations (486).
    Quota => "quota",
    /// No port, too many permissions or channels (508).
    Capacity => "capacity",
    /// Data for or from a peer without a permission.
    Permission => "permission",
    /// Data beyond the user's bandwidth.
    Bandwidth => "bandwidth",
    /// Data that the network did not take, or that a slow stream had no room for.
    Backpressure => "backpressure",
    /// A stream that was one too many.
    Streams => "streams",
}

/// One thread's numbers. Since the start, except where a comment says otherwise.
#[derive(Debug, Default)]
pub struct Counters {
    /// Allocations made.
    pub allocations: AtomicU64,
    /// Binding requests answered.
    pub bindings: AtomicU64,
    /// Challenges sent (the first 401, which every client gets).
    pub challenges: AtomicU64,
    /// Datagrams relayed to peers.
    pub packets_to_peers: AtomicU64,
    /// Their payload, in bytes.
    pub bytes_to_peers: AtomicU64,
    /// Datagrams relayed to clients.
    pub packets_to_clients: AtomicU64,
    /// Their payload, in bytes.
    pub bytes_to_clients: AtomicU64,
    /// Streams open now.
    pub streams: AtomicU64,
    refusals: [AtomicU64; Refusal::ALL.len()],
}

impl Counters {
    /// How often something was refused for this reason.
    #[must_use]
    pub fn refused(&self, why: Refusal) -> u64 {
        self.refusals[why as usize].load(Ordering::Relaxed)
    }

    pub(crate) fn refuse(&self, why: Refusal, times: u64) {
        add(&self.refusals[why as usize], times);
    }

    /// The numbers of several threads together.
    pub(crate) fn sum(threads: &[Arc<Self>]) -> Self {
        let all = Self::default();
        threads.iter().for_each(|each| all.merge(each));
        all
    }

    /// Adds another thread's numbers to these.
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

/// Adds to a number that only this thread writes: no locked instruction needed.
pub(crate) fn add(counter: &AtomicU64, by: u64) {
    counter.store(counter.load(Ordering::Relaxed).wrapping_add(by), Ordering::Relaxed);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn refusals_are_counted_by_reason_and_added_up() {
        let (one, other) = (Counters::default(), Counters::default());
        one.refuse(Refusal::Peer, 2);
        other.refuse(Refusal::Peer, 3);
        add(&other.bindings, 7);
        one.merge(&other);
        assert_eq!((one.refused(Refusal::Peer), one.refused(Refusal::Quota)), (5, 0));
        assert_eq!(one.bindings.load(Ordering::Relaxed), 7);
    }
}
