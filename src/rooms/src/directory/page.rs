//! Pages of the directory: rooms with the most members first. A token names a room, not an offset, so that rooms
//! which appear or disappear between two pages neither repeat nor hide others. Pure.

use hearth_base::{Error, Result};
use ruma::directory::PublicRoomsChunk;

/// A pagination token.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    /// After this room, towards fewer members.
    After(u64, String),
    /// Before this room, towards more members.
    Before(u64, String),
}

impl Token {
    fn parse(text: &str) -> Result<Self> {
        let wrong =
            || Error::invalid("`since` is not from an earlier answer; leave it out to start from the beginning.");
        let (way, place) = text.split_at_checked(1).ok_or_else(wrong)?;
        let (members, room_id) = place.split_once('_').ok_or_else(wrong)?;
        let members = members.parse().map_err(|_| wrong())?;
        match way {
            "n" => Ok(Self::After(members, room_id.to_owned())),
            "p" => Ok(Self::Before(members, room_id.to_owned())),
            _ => Err(wrong()),
        }
    }

    fn next(card: &PublicRoomsChunk) -> String {
        format!("n{}_{}", card.num_joined_members, card.room_id)
    }

    fn previous(card: &PublicRoomsChunk) -> String {
        format!("p{}_{}", card.num_joined_members, card.room_id)
    }
}

/// A page, with the tokens of the adjacent pages.
#[derive(Debug)]
pub(super) struct DirectoryPage {
    pub(super) cards: Vec<PublicRoomsChunk>,
    pub(super) next: Option<String>,
    pub(super) previous: Option<String>,
}

/// Returns the page of `cards` at `since`, with at most `limit` rooms.
pub(super) fn page(mut cards: Vec<PublicRoomsChunk>, since: Option<&str>, limit: usize) -> Result<DirectoryPage> {
    // Sort by members, descending, then by id.
    let place =
        |card: &PublicRoomsChunk| (std::cmp::Reverse(u64::from(card.num_joined_members)), card.room_id.to_string());
    cards.sort_by_cached_key(place);
    let begin = match since.map(Token::parse).transpose()? {
        None => 0,
        Some(Token::After(members, id)) => {
            let after = (std::cmp::Reverse(members), id);
            cards.partition_point(|card| place(card) <= after)
        }
        Some(Token::Before(members, id)) => {
            let before = (std::cmp::Reverse(members), id);
            cards.partition_point(|card| place(card) < before).saturating_sub(limit)
        }
    };
    let end = begin.saturating_add(limit).min(cards.len());
    let previous = (begin > 0).then(|| cards.get(begin).map(Token::previous)).flatten();
    let next = (end > begin && end < cards.len()).then(|| Token::next(&cards[end - 1]));
    Ok(DirectoryPage { cards: cards.drain(begin..end).collect(), next, previous })
}

#[cfg(test)]
mod tests {
    use ruma::directory::PublicRoomsChunkInit;
    use ruma::{RoomId, UInt};

    use super::*;

    fn cards(members: &[u32]) -> Vec<PublicRoomsChunk> {
        let card = |(number, members): (usize, &u32)| {
            PublicRoomsChunk::from(PublicRoomsChunkInit {
                num_joined_members: UInt::from(*members),
                room_id: RoomId::parse(format!("!{number}:home.example")).expect("an id"),
                world_readable: false,
                guest_can_join: false,
            })
        };
        members.iter().enumerate().map(card).collect()
    }

    fn members(page: &DirectoryPage) -> Vec<u64> {
        page.cards.iter().map(|card| card.num_joined_members.into()).collect()
    }

    #[test]
    fn pages_follow_one_another_in_both_directions() {
        let all = || cards(&[3, 9, 3, 1, 7]);
        let first = page(all(), None, 2).expect("a page");
        assert_eq!((members(&first), first.previous.is_none()), (vec![9, 7], true));
        let second = page(all(), first.next.as_deref(), 2).expect("a page");
        assert_eq!(members(&second), [3, 3]);
        let third = page(all(), second.next.as_deref(), 2).expect("a page");
        assert_eq!((members(&third), third.next), (vec![1], None));
        let back = page(all(), third.previous.as_deref(), 2).expect("a page");
        assert_eq!(members(&back), [3, 3]);
    }

    #[test]
    fn foreign_tokens_are_refused() {
        for bad in ["", "n", "é1_!a:b", "n_x", "n-1_!a:b", "x1_!a:b", "n99999999999999999999_!a:b"] {
            assert!(page(cards(&[1]), Some(bad), 2).is_err(), "{bad}");
        }
    }
}
