//! The screen of the relay for calls: what goes through it now, who has used it, where it is, and what came of testing it.

use std::collections::HashMap;

use crate::wire::{RelayAllocation, RelayCheck, RelayStatus, RelayUser};

use super::listing::{List, Listing};

/// Answers that come sooner after one another than this say nothing about a rate.
const LOOK_MS_MIN: u64 = 1_000;

/// Everything on the screen.
pub(crate) struct CallsView {
    /// The newest answer; its lists are in `now` and `people`.
    pub(crate) relay: Option<RelayStatus>,
    pub(crate) part: CallsPart,
    pub(crate) now: Listing<Held>,
    pub(crate) people: Listing<Person>,
    pub(crate) test: Test,
    /// First line shown of a part that is text.
    pub(crate) scroll: usize,
    /// Whether an answer is awaited.
    asked: bool,
    held_rates: Rates,
    people_rates: Rates,
}

/// The parts of the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CallsPart {
    /// Relayed addresses that are held.
    Now,
    /// What each user has had.
    People,
    /// Where it is, and what it refused.
    Relay,
    /// What came of the last test.
    Test,
}

/// A relayed address, and how busy it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Held {
    pub(crate) allocation: RelayAllocation,
    /// Bytes per second both ways since the look before; none at the first one.
    pub(crate) rate: Option<u64>,
}

/// A user of the relay, and how busy they are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Person {
    pub(crate) user: RelayUser,
    /// As in [`Held`].
    pub(crate) rate: Option<u64>,
}

/// The test of every way to the relay.
#[derive(Debug, Default)]
pub(crate) struct Test {
    /// The tick at which the running one began.
    pub(crate) since: Option<u64>,
    pub(crate) last: Option<Tested>,
}

/// A test that has ended.
#[derive(Debug)]
pub(crate) struct Tested {
    /// When, by the server's clock.
    pub(crate) at_ms: u64,
    /// Each way, or why there was no test, in words that are safe to print.
    pub(crate) result: Result<Vec<RelayCheck>, String>,
}

impl Held {
    /// Bytes both ways.
    pub(crate) fn bytes(&self) -> u64 {
        self.allocation.bytes_out.saturating_add(self.allocation.bytes_in)
    }
}

impl CallsPart {
    pub(crate) const ALL: [Self; 4] = [Self::Now, Self::People, Self::Relay, Self::Test];

    /// Position in [`CallsPart::ALL`].
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
            people: Listing::new(),
            test: Test::default(),
            scroll: 0,
            asked: false,
            held_rates: Rates::default(),
            people_rates: Rates::default(),
        }
    }

    /// Whether it is known that no relay runs: then there are no parts, only the reason.
    pub(crate) fn is_absent(&self) -> bool {
        self.relay.as_ref().is_some_and(|relay| !relay.running)
    }

    /// The list of the current part, if it is one.
    pub(crate) fn list(&self) -> Option<&dyn List> {
        match self.part {
            _ if self.is_absent() => None,
            CallsPart::Now => Some(&self.now),
            CallsPart::People => Some(&self.people),
            CallsPart::Relay | CallsPart::Test => None,
        }
    }

    /// As [`CallsView::list`].
    pub(crate) fn list_mut(&mut self) -> Option<&mut dyn List> {
        match self.part {
            _ if self.is_absent() => None,
            CallsPart::Now => Some(&mut self.now),
            CallsPart::People => Some(&mut self.people),
            CallsPart::Relay | CallsPart::Test => None,
        }
    }

    /// Goes to another part, round and round.
    pub(crate) fn turn(&mut self, steps: isize) {
        let count = CallsPart::ALL.len();
        self.show(CallsPart::ALL[self.part.index().saturating_add_signed(steps + count.cast_signed()) % count]);
    }

    /// Goes to a part.
    pub(crate) fn show(&mut self, part: CallsPart) {
        self.part = part;
        self.scroll = 0;
    }

    /// True if the server should be asked: no answer is awaited. Then one is.
    pub(crate) fn ask(&mut self) -> bool {
        !std::mem::replace(&mut self.asked, true)
    }

    /// The answer came, or will not.
    pub(crate) fn end(&mut self) {
        self.asked = false;
    }

    /// Takes in an answer; true if something in it is new.
    pub(crate) fn arrive(&mut self, relay: RelayStatus) -> bool {
        self.end();
        let held = relay.allocations.iter();
        self.held_rates
            .look(relay.now_ms, held.map(|one| (one.id.as_str(), one.bytes_out.saturating_add(one.bytes_in))));
        let people = relay.users.iter();
        self.people_rates.look(relay.now_ms, people.map(|one| (one.user_id.as_str(), one.relayed_bytes)));
        let held = |one: &RelayAllocation| Held { allocation: one.clone(), rate: self.held_rates.of(&one.id) };
        let person = |one: &RelayUser| Person { user: one.clone(), rate: self.people_rates.of(&one.user_id) };
        // Its clock moves always; that alone is nothing to draw.
        let known = |former: &RelayStatus| RelayStatus { now_ms: relay.now_ms, ..former.clone() } == relay;
        let mut new = !self.relay.as_ref().is_some_and(known);
        new |= self.now.fill(relay.allocations.iter().map(held).collect());
        new |= self.people.fill(relay.users.iter().map(person).collect());
        self.relay = Some(relay);
        new
    }

    /// Bytes per second of everybody; none before the second look.
    pub(crate) fn rate(&self) -> Option<u64> {
        self.held_rates.total()
    }

    /// How many ways to the relay there are to try.
    pub(crate) fn ways(&self) -> usize {
        self.relay.as_ref().map_or(0, |relay| relay.uris.len())
    }
}

/// Rates, from counters in successive answers.
#[derive(Debug, Default)]
struct Rates {
    /// The server's clock at the last look; 0 before the first.
    at_ms: u64,
    bytes: HashMap<String, u64>,
    /// Bytes per second between the last two looks.
    rates: HashMap<String, u64>,
}

impl Rates {
    fn look<'a>(&mut self, now_ms: u64, counters: impl Iterator<Item = (&'a str, u64)>) {
        let passed_ms = now_ms.checked_sub(self.at_ms);
        if passed_ms.is_some_and(|passed| passed < LOOK_MS_MIN) {
            return;
        }
        let then = std::mem::take(&mut self.bytes);
        self.rates.clear();
        for (key, bytes) in counters {
            // What went backwards began anew with the server.
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
    fn a_rate_needs_two_looks_and_time_between_them() {
        let mut rates = Rates::default();
        rates.look(10_000, [("a", 500)].into_iter());
        assert_eq!((rates.of("a"), rates.total()), (None, None));
        rates.look(10_300, [("a", 900)].into_iter());
        assert_eq!(rates.of("a"), None, "too soon");
        rates.look(15_000, [("a", 10_500), ("b", 7)].into_iter());
        assert_eq!((rates.of("a"), rates.of("b"), rates.total()), (Some(2_000), None, Some(2_000)));
        rates.look(20_000, [("a", 0), ("b", 5_007)].into_iter());
        assert_eq!((rates.of("a"), rates.of("b")), (None, Some(1_000)), "a began anew");
        rates.look(5_000, [("b", 9_999)].into_iter());
        assert_eq!(rates.of("b"), None, "a clock that went back says nothing");
        rates.look(6_000, [("b", 10_999)].into_iter());
        assert_eq!(rates.of("b"), Some(1_000));
    }
}
