//! Pagination tokens. A token is a cut through a room's timeline.
//!
//! `/sync` returns `s<position>`, endpoints that page through a timeline return `t<place>`. A position is also a
//! place in every timeline, so every endpoint accepts both. Backfilled events have negative places: they lie before
//! all events that arrived live.

use std::fmt;

use hearth_base::{Error, Position, Result};

/// A pagination token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Token {
    /// A position in all streams.
    Sync(Position),
    /// A place in a timeline.
    Timeline(i64),
}

impl Token {
    /// Parses a token from a client; `M_INVALID_PARAM` when this server did not issue it.
    pub fn parse(text: &str) -> Result<Self> {
        let token = match text.split_at_checked(1) {
            Some(("s", number)) => number.parse().ok().filter(|n| *n >= 0).map(|n| Self::Sync(Position::from_i64(n))),
            Some(("t", number)) => number.parse().ok().map(Self::Timeline),
            _ => None,
        };
        token.ok_or_else(|| {
            Error::invalid("This is not a pagination token of this server; leave it out to start from the beginning.")
        })
    }

    /// As [`Token::parse`], for an optional parameter.
    pub fn parse_opt(text: Option<&str>) -> Result<Option<Self>> {
        text.filter(|text| !text.is_empty()).map(Self::parse).transpose()
    }

    /// Returns the token between the event at place `ord` and the one before it.
    #[must_use]
    pub fn before(ord: i64) -> Self {
        Self::Timeline(ord.saturating_sub(1))
    }

    /// Returns the token between the event at place `ord` and the one after it.
    #[must_use]
    pub fn after(ord: i64) -> Self {
        Self::Timeline(ord)
    }

    /// Returns the last place before the cut.
    #[must_use]
    pub fn cut(self) -> i64 {
        match self {
            Self::Sync(position) => position.as_i64(),
            Self::Timeline(ord) => ord,
        }
    }
}

impl fmt::Display for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sync(position) => write!(f, "s{position}"),
            Self::Timeline(ord) => write!(f, "t{ord}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_survive_the_wire() {
        for token in [Token::Sync(Position(0)), Token::Sync(Position(77)), Token::Timeline(5), Token::Timeline(-12)] {
            assert_eq!(Token::parse(&token.to_string()).expect("our own token"), token);
        }
    }

    #[test]
    fn either_kind_cuts_a_timeline() {
        assert_eq!(Token::parse("s9").expect("token").cut(), 9);
        assert_eq!(Token::before(9).cut(), 8);
        assert_eq!(Token::after(9).cut(), 9);
        assert_eq!(Token::before(i64::MIN).cut(), i64::MIN);
    }

    #[test]
    fn strangers_tokens_are_refused() {
        for bad in ["", "s", "t", "s-1", "x5", "s5_6", "t1.5", "5", "é", "t99999999999999999999", "s 1"] {
            assert_eq!(Token::parse(bad).expect_err(bad).reason(), Some(hearth_base::Reason::InvalidParam), "{bad}");
        }
        assert_eq!(Token::parse_opt(None).expect("nothing"), None);
        assert_eq!(Token::parse_opt(Some("")).expect("nothing"), None);
    }
}
