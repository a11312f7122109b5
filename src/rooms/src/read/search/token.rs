//! The token of a search's next page.

use std::fmt::{Display, Formatter, Result as Written};

use hearth_base::{Error, Result};
use hearth_store::ids::EventSn;

/// Where a page begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Start {
    /// Newest first: with the matches before this event.
    Recent(EventSn),
    /// By rank.
    Ranked(Block),
}

/// Matches that are sorted by rank together: as many as one transaction may look at. All of them, but in a search with
/// thousands of matches; there the next block has the older ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Block {
    /// The block has matches before this event,
    pub(super) before: EventSn,
    /// from this one on; none until its first page was made, or when there are no older ones.
    pub(super) end: Option<EventSn>,
    /// The rank and the event of the last result that was shown.
    pub(super) shown: Option<(usize, EventSn)>,
}

/// The start of a page, and the count of matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct SearchToken {
    /// Where the page begins.
    pub(super) start: Start,
    /// The number of matches so far.
    pub(super) count: usize,
    /// Matches before this event are not counted yet; none when all are.
    pub(super) uncounted: Option<EventSn>,
}

impl Start {
    /// The first page.
    pub(super) fn newest(by_rank: bool) -> Self {
        let before = EventSn(i64::MAX);
        match by_rank {
            true => Self::Ranked(Block { before, end: None, shown: None }),
            false => Self::Recent(before),
        }
    }
}

impl SearchToken {
    /// Reads a token. `M_INVALID_PARAM` when it is none, or of a search in the other order.
    pub(super) fn parse(token: &str, by_rank: bool) -> Result<Self> {
        let read = || {
            let (kind, numbers) = token.split_at_checked(1)?;
            let mut numbers = numbers.split('.');
            let start = match kind {
                "n" if !by_rank => Start::Recent(event(numbers.next()?)??),
                "r" if by_rank => {
                    let (before, end) = (event(numbers.next()?)??, event(numbers.next()?)?);
                    let (rank, shown) = (numbers.next()?, event(numbers.next()?)?);
                    let shown = match shown {
                        Some(shown) => Some((rank.parse().ok()?, shown)),
                        None => None,
                    };
                    Start::Ranked(Block { before, end, shown })
                }
                _ => return None,
            };
            let (count, uncounted) = (numbers.next()?.parse().ok()?, event(numbers.next()?)?);
            numbers.next().is_none().then_some(Self { start, count, uncounted })
        };
        let refusal = || Error::invalid("`next_batch` is not from an earlier answer to this search; leave it out.");
        read().ok_or_else(refusal)
    }
}

/// Reads an event or nothing; none when it is neither.
fn event(number: &str) -> Option<Option<EventSn>> {
    match number {
        "" => Some(None),
        number => number.parse().ok().map(|sn| Some(EventSn(sn))),
    }
}

impl Display for SearchToken {
    fn fmt(&self, f: &mut Formatter<'_>) -> Written {
        match &self.start {
            Start::Recent(before) => write!(f, "n{}", before.0)?,
            Start::Ranked(Block { before, end, shown }) => {
                write!(f, "r{}.{}.", before.0, number(*end))?;
                let (rank, event) = shown.map_or((0, None), |(rank, event)| (rank, Some(event)));
                write!(f, "{rank}.{}", number(event))?;
            }
        }
        write!(f, ".{}.{}", self.count, number(self.uncounted))
    }
}

fn number(event: Option<EventSn>) -> String {
    event.map(|event| event.0.to_string()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_read_as_they_were_written() {
        let block = |end, shown| Start::Ranked(Block { before: EventSn(9), end, shown });
        let starts = [
            (Start::Recent(EventSn(7)), false),
            (block(None, None), true),
            (block(Some(EventSn(3)), None), true),
            (block(Some(EventSn(3)), Some((2, EventSn(5)))), true),
        ];
        for ((start, by_rank), uncounted) in starts.into_iter().zip([None, Some(EventSn(2)), None, Some(EventSn(1))]) {
            let token = SearchToken { start, count: 4, uncounted };
            assert_eq!(SearchToken::parse(&token.to_string(), by_rank).ok(), Some(token), "{token}");
            assert!(SearchToken::parse(&token.to_string(), !by_rank).is_err(), "{token} of another order");
        }
        for broken in ["", "n", "n1", "n1.2", "n1.2.3.4", "nx.2.", "n.2.", "é1.2.3"] {
            assert!(SearchToken::parse(broken, false).is_err(), "{broken}");
        }
        for broken in ["r1.2.3.4.5", "r1...4.5.", "r.2.3.4.5.6", "r1.2.x.4.5.6"] {
            assert!(SearchToken::parse(broken, true).is_err(), "{broken}");
        }
    }
}
