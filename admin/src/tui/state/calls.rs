//! The calls screen: current relayed addresses, usage per user, the relay's status, and test results.

use std::collections::HashMap;

use crate::wire::{RelayAllocation, RelayCheck, RelayStatus, RelayUser};

use super::listing::{List, Listing};

/// Shortest interval for computing a rate, in milliseconds. A shorter one gives no meaningful rate.
const RATE_INTERVAL_MS_MIN: u64 = 1_000;

/// State of the screen.
pub(crate) struct CallsView {
    /// The latest response. Its lists are in `now` and `users`.
    pub(crate) relay: Option<RelayStatus>,
    pub(crate) part: CallsPart,
    pub(crate) now: Listing<AllocationRow>,
    pub(crate) users: Listing<RelayUserRow>,
    pub(crate) test: Test,
    /// First visible line of a text part.
    pub(crate) scroll: usize,
    /// Whether a request is pending.
    asked: bool,
    allocation_rates: Rates,
    user_rates: Rates,
}

/// The parts (tabs) of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallsPart {
    /// Current relayed addresses.
    Now,
    /// Usage per user.
    Users,
    /// Status and refusals.
    Relay,
    /// The last test result.
    Test,
}

/// A relayed address with its traffic rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct AllocationRow {
    pub(crate) allocation: RelayAllocation,
    /// Bytes per second in both directions since the previous response. `None` for the first one.
    pub(crate) rate: Option<u64>,
}

/// A user of the relay with their traffic rate.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RelayUserRow {
    pub(crate) user: RelayUser,
    /// As in [`Held`].
    pub(crate) rate: Option<u64>,
}

/// The relay test.
#[derive(Debug, Default)]
pub(crate) struct Test {
    /// The tick at which the running test started.
    pub(crate) since: Option<u64>,
    pub(crate) last: Option<RelayTestResult>,
}

/// The result of a test.
#[derive(Debug)]
pub(crate) struct RelayTestResult {
    /// When it ended, by the server's clock in milliseconds.
    pub(crate) at_ms: u64,
    /// The checks, or why the test failed, safe to print.
    pub(crate) result: Result<Vec<RelayCheck>, String>,
}

impl AllocationRow {
    /// Bytes in both directions.
    pub(crate) fn bytes(&self) -> u64 {
        self.allocation.bytes_out.saturating_add(self.allocation.bytes_in)
    }
}

impl CallsPart {
    pub(crate) const ALL: [Self; 4] = [Self::Now, Self::Users, Self::Relay, Self::Test];

    /// Index in [`CallsPart::ALL`].
    pub(crate) fn index(self) -> usize {
        Self::ALL.iter().position(|part| *part == self).unwrap_or(0)
    }
}

impl CallsView {
    pub(crate) fn new() -> Self {
        Self {
            relay: None,
            part: CallsPart::Now,
            now: Listing::new(),
            users: Listing::new(),
            test: Test::default(),
            scroll: 0,
            asked: false,
            allocation_rates: Rates::default(),
            user_rates: Rates::default(),
        }
    }

    /// Whether the server runs no relay. The screen then shows the reason instead of the parts.
    pub(crate) fn is_absent(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| !relay.running)
    }

    /// The list of the current part, if it has one.
    pub(crate) fn list(&self) -> Option<&dyn List> {
        match self.part {
            _ if self.is_absent() => None,
            CallsPart::Now => Some(&self.now),
            CallsPart::Users => Some(&self.users),
            CallsPart::Relay | CallsPart::Test => None,
        }
    }

    /// Mutable variant of [`CallsView::list`].
    pub(crate) fn list_mut(&mut self) -> Option<&mut dyn List> {
        match self.part {
            _ if self.is_absent() => None,
            CallsPart::Now => Some(&mut self.now),
            CallsPart::Users => Some(&mut self.users),
            CallsPart::Relay | CallsPart::Test => None,
        }
    }

    /// Moves `steps` parts, wrapping around.
    pub(crate) fn turn(&mut self, steps: isize) {
        let count = CallsPart::ALL.len();
        self.show(CallsPart::ALL[self.part.index().saturating_add_signed(steps + count.cast_signed()) % count]);
    }

    /// Shows a part.
    pub(crate) fn show(&mut self, part: CallsPart) {
        self.part = part;
        self.scroll = 0;
    }

    /// Marks a request as pending. Returns `false` if one already was, so that at most one is.
    pub(crate) fn ask(&mut self) -> bool {
        !std::mem::replace(&mut self.asked, true)
    }

    /// Marks the pending request as finished, with or without a response.
    pub(crate) fn end(&mut self) {
        self.asked = false;
    }

    /// Processes a response. Returns whether anything visible changed.
    pub(crate) fn arrive(&mut self, relay: RelayStatus) -> bool {
        self.end();
        let held = relay.allocations.iter();
        self.allocation_rates
            .update(relay.now_ms, held.map(|one| (one.id.as_str(), one.bytes_out.saturating_add(one.bytes_in))));
        let users = relay.users.iter();
        self.user_rates.update(relay.now_ms, users.map(|one| (one.user_id.as_str(), one.relayed_bytes)));
        let held =
            |one: &RelayAllocation| AllocationRow { allocation: one.clone(), rate: self.allocation_rates.of(&one.id) };
        let person = |one: &RelayUser| RelayUserRow { user: one.clone(), rate: self.user_rates.of(&one.user_id) };
        // The server's clock always differs; that alone needs no redraw.
        let known = |former: &RelayStatus| RelayStatus { now_ms: relay.now_ms, ..former.clone() } == relay;
        let mut new = !self.relay.as_ref().is_some_and(known);
        new |= self.now.fill(relay.allocations.iter().map(held).collect());
        new |= self.users.fill(relay.users.iter().map(person).collect());
        self.relay = Some(relay);
        new
    }

    /// Bytes per second of all users. `None` before the second response.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.allocation_rates.total()
    }

    /// Number of relay URIs to test.
    pub(crate) fn ways(&self) -> usize {
        self.relay.as_ref().map_or(0, |relay| relay.uris.len())
    }
}

/// Rates, computed from counters in successive responses.
#[derive(Debug, Default)]
struct Rates {
    /// The server's clock at the last response; 0 before the first.
    at_ms: u64,
    bytes: HashMap<String, u64>,
    /// Bytes per second between the last two responses.
    rates: HashMap<String, u64>,
}

impl Rates {
    fn update<'a>(&mut self, now_ms: u64, counters: impl Iterator<Item = (&'a str, u64)>) {
        let passed_ms = now_ms.checked_sub(self.at_ms);
        if passed_ms.is_some_and(|passed| passed < RATE_INTERVAL_MS_MIN) {
            return;
        }
        let then = std::mem::take(&mut self.bytes);
        self.rates.clear();
        for (key, bytes) in counters {
            // A counter that decreased was reset by a server restart.
            let more = then.get(key).and_then(|before| bytes.checked_sub(*before));
            if let (Some(more), Some(passed_ms)) = (more, passed_ms) {
                self.rates.insert(key.to_owned(), more.saturating_mul(1_000) / passed_ms.max(1));
            }
            self.bytes.insert(key.to_owned(), bytes);
        }
        self.at_ms = now_ms;
    }

    fn of(&self, key: &str) -> Option<u64> {
        self.rates.get(key).copied()
    }

    fn total(&self) -> Option<u64> {
        (!self.rates.is_empty()).then(|| self.rates.values().fold(0, |sum: u64, rate| sum.saturating_add(*rate)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_needs_two_responses_with_time_between_them() {
        let mut rates = Rates::default();
        rates.update(10_000, [("a", 500)].into_iter());
        assert_eq!((rates.of("a"), rates.total()), (None, None));
        rates.update(10_300, [("a", 900)].into_iter());
        assert_eq!(rates.of("a"), None, "too soon");
        rates.update(15_000, [("a", 10_500), ("b", 7)].into_iter());
        assert_eq!((rates.of("a"), rates.of("b"), rates.total()), (Some(2_000), None, Some(2_000)));
        rates.update(20_000, [("a", 0), ("b", 5_007)].into_iter());
        assert_eq!((rates.of("a"), rates.of("b")), (None, Some(1_000)), "a began anew");
        rates.update(5_000, [("b", 9_999)].into_iter());
        assert_eq!(rates.of("b"), None, "a clock that goes back gives no rate");
        rates.update(6_000, [("b", 10_999)].into_iter());
        assert_eq!(rates.of("b"), Some(1_000));
    }
}
