//! Filters of events (client-server API, "Filtering").

use ruma::api::client::filter::{Filter, RoomEventFilter, UrlFilter};
use ruma::{OwnedRoomId, OwnedUserId, RoomId, UserId};

use crate::event::Pdu;

/// The senders and types of a filter, for all kinds of filters.
#[derive(Debug, Clone, Copy)]
pub struct EventChoice<'a> {
    types: Option<&'a [String]>,
    not_types: &'a [String],
    senders: Option<&'a [OwnedUserId]>,
    not_senders: &'a [OwnedUserId],
    rooms: Option<&'a [OwnedRoomId]>,
    not_rooms: &'a [OwnedRoomId],
    url: Option<UrlFilter>,
}

impl<'a> From<&'a RoomEventFilter> for EventChoice<'a> {
    fn from(filter: &'a RoomEventFilter) -> Self {
        Self {
            types: filter.types.as_deref(),
            not_types: &filter.not_types,
            senders: filter.senders.as_deref(),
            not_senders: &filter.not_senders,
            rooms: filter.rooms.as_deref(),
            not_rooms: &filter.not_rooms,
            url: filter.url_filter,
        }
    }
}

impl<'a> From<&'a Filter> for EventChoice<'a> {
    fn from(filter: &'a Filter) -> Self {
        Self {
            types: filter.types.as_deref(),
            not_types: &filter.not_types,
            senders: filter.senders.as_deref(),
            not_senders: &filter.not_senders,
            rooms: None,
            not_rooms: &[],
            url: None,
        }
    }
}

impl EventChoice<'_> {
    /// Returns whether the filter allows an event type.
    pub fn wants_type(&self, kind: &str) -> bool {
        let any = |patterns: &[String]| patterns.iter().any(|pattern| type_matches(pattern, kind));
        !any(self.not_types) && self.types.is_none_or(any)
    }

    /// Returns whether the filter allows a sender.
    pub fn wants_sender(&self, sender: &UserId) -> bool {
        !self.not_senders.iter().any(|user| **user == *sender)
            && self.senders.is_none_or(|users| users.iter().any(|user| **user == *sender))
    }

    /// Returns whether the filter allows a room.
    pub fn wants_room(&self, room: &RoomId) -> bool {
        wants_room(self.rooms, self.not_rooms, room)
    }

    /// Returns whether the filter allows an event.
    pub fn wants(&self, pdu: &Pdu) -> bool {
        if !self.wants_type(&pdu.kind.to_string()) || !self.wants_sender(&pdu.sender) {
            return false;
        }
        match self.url {
            None => true,
            Some(url) => (pdu.content_str("url").is_some()) == matches!(url, UrlFilter::EventsWithUrl),
        }
    }

    /// Returns whether the filter allows everything, so that the caller can skip it.
    pub fn is_open(&self) -> bool {
        self.types.is_none()
            && self.not_types.is_empty()
            && self.senders.is_none()
            && self.not_senders.is_empty()
            && self.url.is_none()
    }
}

/// Returns whether a list of rooms and a list of excluded rooms allow a room.
pub fn wants_room(rooms: Option<&[OwnedRoomId]>, not_rooms: &[OwnedRoomId], room: &RoomId) -> bool {
    !not_rooms.iter().any(|not| **not == *room) && rooms.is_none_or(|rooms| rooms.iter().any(|one| **one == *room))
}

/// Matches `*`, the only wildcard. Linear in both lengths for any pattern, because clients choose the patterns.
fn type_matches(pattern: &str, kind: &str) -> bool {
    let Some((first, rest)) = pattern.split_once('*') else { return pattern == kind };
    let Some(mut left) = kind.strip_prefix(first) else { return false };
    let mut parts = rest.split('*').peekable();
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return left.ends_with(part);
        }
        match left.find(part) {
            Some(at) => left = &left[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, kind, matches) in [
            ("m.room.message", "m.room.message", true),
            ("m.room.*", "m.room.message", true),
            ("m.room.*", "m.reaction", false),
            ("*", "anything", true),
            ("*.message", "m.room.message", true),
            ("m.*.message", "m.room.message", true),
            ("m.*.topic", "m.room.message", false),
            ("m.*m.*m", "m.m", false),
            ("", "m", false),
        ] {
            assert_eq!(type_matches(pattern, kind), matches, "{pattern} on {kind}");
        }
    }
}
