//! How much of the queues to other servers each local user fills with to-device messages.
//!
//! What is queued stays until its server has it: a dropped room key makes messages permanently undecryptable. Instead,
//! a user who has used up their share of the queue for a server that is away is refused.
//!
//! Kept in memory, so that a message costs no further write: rows carry their share, and the outbox counts those that
//! it finds at the start. An entry begins inside the transaction that inserts its row, because the next closure of the
//! same batch must see it; [`Reservation`] takes it back if that transaction fails.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::hash::Hash;
use std::sync::Arc;

use hearth_base::{Position, Reason, Result, error::refuse, limits};
use hearth_store::ids::DestinationSn;
use hearth_store::tables::outgoing::OutgoingShare;
use parking_lot::Mutex;
use ruma::ServerName;

/// Bytes of waiting to-device messages.
#[derive(Debug, Default)]
pub struct OutgoingShares(Mutex<Counts>);

/// Sums of the rows. A sum of zero has no entry.
#[derive(Debug, Default)]
struct Counts {
    rows: HashMap<(Position, DestinationSn), OutgoingShare>,
    by_sender_and_destination: HashMap<(i64, DestinationSn), u64>,
    by_sender: HashMap<i64, u64>,
    by_destination: HashMap<DestinationSn, u64>,
}

/// A counted row whose transaction has not ended. Dropping it takes the row back.
#[derive(Debug)]
pub(super) struct Reservation {
    shares: Arc<OutgoingShares>,
    at: Position,
    destination: DestinationSn,
    committed: bool,
}

impl OutgoingShares {
    /// Counts a row for one server, before its transaction commits. `M_LIMIT_EXCEEDED` when the sender's share of that
    /// server's queue, the queue, or the sender's share of all queues is full.
    pub(super) fn reserve(
        self: &Arc<Self>,
        at: Position,
        (destination, server): (DestinationSn, &ServerName),
        share: OutgoingShare,
    ) -> Result<Reservation> {
        let mut counts = self.0.lock();
        let fits = |sum: Option<&u64>, bytes_max: u64| {
            sum.copied().unwrap_or(0).saturating_add(charged_bytes(share)) <= bytes_max
        };
        if !fits(
            counts.by_sender_and_destination.get(&(share.sender, destination)),
            limits::OUTGOING_SENDER_DESTINATION_BYTES_MAX,
        ) {
            let message = format!(
                "{server} is away, and too many of your messages to its users wait for it already. They are kept; send \
                 more when it is back."
            );
            return Err(full(message));
        }
        if !fits(counts.by_destination.get(&destination), limits::OUTGOING_DESTINATION_BYTES_MAX) {
            let message = format!(
                "{server} is away, and too many messages to its users wait for it already. They are kept; send more \
                 when it is back."
            );
            return Err(full(message));
        }
        if !fits(counts.by_sender.get(&share.sender), limits::OUTGOING_SENDER_BYTES_MAX) {
            let message = "Several servers are away, and too many of your messages wait for them already. They are kept; \
                           send more when the servers are back.";
            return Err(full(message.to_owned()));
        }
        counts.add(at, destination, share);
        Ok(Reservation { shares: Arc::clone(self), at, destination, committed: false })
    }

    /// Counts a row that the database has. A row that is counted already stays so.
    pub fn count(&self, at: Position, destination: DestinationSn, share: OutgoingShare) {
        self.0.lock().add(at, destination, share);
    }

    /// The server has the row, or never gets it.
    pub fn release(&self, at: Position, destination: DestinationSn) {
        self.0.lock().remove(at, destination);
    }
}

impl Counts {
    fn add(&mut self, at: Position, destination: DestinationSn, share: OutgoingShare) {
        let Entry::Vacant(place) = self.rows.entry((at, destination)) else { return };
        place.insert(share);
        let bytes = charged_bytes(share);
        *self.by_sender_and_destination.entry((share.sender, destination)).or_default() += bytes;
        *self.by_sender.entry(share.sender).or_default() += bytes;
        *self.by_destination.entry(destination).or_default() += bytes;
    }

    fn remove(&mut self, at: Position, destination: DestinationSn) {
        let Some(share) = self.rows.remove(&(at, destination)) else { return };
        let bytes = charged_bytes(share);
        subtract(&mut self.by_sender_and_destination, (share.sender, destination), bytes);
        subtract(&mut self.by_sender, share.sender, bytes);
        subtract(&mut self.by_destination, destination, bytes);
    }
}

impl Reservation {
    /// The row is on disk: it counts until it is released.
    pub(super) fn commit(mut self) {
        self.committed = true;
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        if !self.committed {
            self.shares.release(self.at, self.destination);
        }
    }
}

/// What a row costs: its JSON, and what its row costs on disk and in memory. Without the latter, tiny messages could be
/// far more rows than their bytes tell.
fn charged_bytes(share: OutgoingShare) -> u64 {
    share.bytes.saturating_add(limits::OUTGOING_EDU_OVERHEAD_BYTES)
}

fn subtract<K: Eq + Hash>(sums: &mut HashMap<K, u64>, key: K, bytes: u64) {
    if let Entry::Occupied(mut sum) = sums.entry(key) {
        *sum.get_mut() = sum.get().saturating_sub(bytes);
        if *sum.get() == 0 {
            sum.remove();
        }
    }
}

fn full(message: String) -> hearth_base::Error {
    refuse(Reason::LimitExceeded { retry_after_ms: limits::TO_DEVICE_RETRY_MS }, message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::server_name;

    const MIB: usize = 1024 * 1024;

    fn put(shares: &Arc<OutgoingShares>, at: u64, destination: i64, who: &str, bytes: usize) -> bool {
        let to = (DestinationSn(destination), server_name!("a.example"));
        let reserved = shares.reserve(Position(at), to, OutgoingShare::of(who, bytes));
        reserved.map(Reservation::commit).is_ok()
    }

    #[test]
    fn each_share_ends_at_its_own_bound() {
        let shares = Arc::default();
        assert!((0..7).all(|at| put(&shares, at, 1, "@a:x", MIB)));
        assert!(!put(&shares, 7, 1, "@a:x", MIB), "8 MiB a user and server, with what the rows cost");
        assert!(put(&shares, 8, 2, "@a:x", MIB), "another server has another queue");
        assert!((0..24).all(|at| put(&shares, 100 + at, 1, &format!("@u{at}:x"), MIB)));
        assert!(!put(&shares, 200, 1, "@late:x", MIB), "32 MiB a server");
        let last =
            (0..).take_while(|at| put(&shares, 1_000 + at, 10 + i64::try_from(*at / 7).unwrap(), "@a:x", MIB)).count();
        assert!((240..256).contains(&(8 + last)), "256 MiB a user, not {last}");
    }

    #[test]
    fn what_is_sent_or_rolled_back_makes_room() {
        let shares: Arc<OutgoingShares> = Arc::default();
        let (to, share) = ((DestinationSn(1), server_name!("a.example")), OutgoingShare::of("@a:x", 5 * MIB));
        drop(shares.reserve(Position(1), to, share).expect("room"));
        assert!(put(&shares, 2, 1, "@a:x", 5 * MIB));
        assert!(!put(&shares, 3, 1, "@a:x", 5 * MIB));
        shares.count(Position(2), DestinationSn(1), share);
        shares.release(Position(2), DestinationSn(1));
        shares.release(Position(2), DestinationSn(1));
        assert!(put(&shares, 3, 1, "@a:x", 5 * MIB), "counted once and released once");
        shares.release(Position(3), DestinationSn(1));
        let counts = shares.0.lock();
        assert!(counts.rows.is_empty() && counts.by_sender.is_empty() && counts.by_destination.is_empty());
    }
}
