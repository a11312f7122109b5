//! Recently issued tokens, so that users who leave a room can be removed from its calls. In memory only: after a
//! restart, participants stay in a call until they leave it themselves.

use std::collections::HashMap;

use hearth_base::{Millis, limits};
use parking_lot::Mutex;
use ruma::{OwnedRoomId, OwnedUserId};

/// A seat in a call: the room at the SFU and the identity there.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct IssuedSeat {
    pub(super) room_name: String,
    pub(super) identity: String,
}

/// The holder of a seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct SeatHolder {
    pub(super) user: OwnedUserId,
    pub(super) room: OwnedRoomId,
    /// Expiry of the latest token; it matters only until the holder is connected.
    pub(super) until_ms: Millis,
    /// Whether the holder was removed from the call.
    pub(super) is_out: bool,
}

/// All seats with issued tokens.
#[derive(Debug, Default)]
pub(super) struct IssuedTokens(Mutex<HashMap<IssuedSeat, SeatHolder>>);

impl IssuedTokens {
    /// Records an issued token. When there are too many, forgets the half whose tokens expire first.
    pub(super) fn note(&self, place: IssuedSeat, user: OwnedUserId, room: OwnedRoomId, until_ms: Millis) {
        let mut places = self.0.lock();
        if places.len() >= limits::RTC_PLACES_MAX {
            let mut ends: Vec<Millis> = places.values().map(|holder| holder.until_ms).collect();
            let middle = ends.len() / 2;
            let (_, end_ms, _) = ends.select_nth_unstable(middle);
            let end_ms = *end_ms;
            places.retain(|_, holder| holder.until_ms > end_ms);
        }
        places.insert(place, SeatHolder { user, room, until_ms, is_out: false });
    }

    /// Returns the holder of a seat, if known.
    pub(super) fn holder(&self, place: &IssuedSeat) -> Option<SeatHolder> {
        self.0.lock().get(place).cloned()
    }

    /// Returns whether a holder that matches `test` has a seat in a room of the SFU.
    pub(super) fn has(&self, room_name: &str, test: impl Fn(&SeatHolder) -> bool) -> bool {
        self.0.lock().iter().any(|(place, holder)| place.room_name == room_name && test(holder))
    }

    /// Returns all seats.
    pub(super) fn all(&self) -> Vec<(IssuedSeat, SeatHolder)> {
        self.0.lock().iter().map(|(place, holder)| (place.clone(), holder.clone())).collect()
    }

    /// Marks a holder as removed; their token is refused until it has expired.
    pub(super) fn take(&self, place: &IssuedSeat, until_ms: Millis) {
        if let Some(holder) = self.0.lock().get_mut(place) {
            holder.is_out = true;
            holder.until_ms = until_ms;
        }
    }

    /// Extends how long a seat is remembered.
    pub(super) fn prolong(&self, place: &IssuedSeat, until_ms: Millis) {
        if let Some(holder) = self.0.lock().get_mut(place) {
            holder.until_ms = until_ms;
        }
    }

    /// Forgets a seat, unless its holder has changed since it was read: a new token may have been issued meanwhile.
    pub(super) fn forget(&self, place: &IssuedSeat, seen: &SeatHolder) {
        let mut places = self.0.lock();
        if places.get(place) == Some(seen) {
            places.remove(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use ruma::{owned_room_id, owned_user_id};

    use super::*;

    fn place(n: usize) -> IssuedSeat {
        IssuedSeat { room_name: "room".to_owned(), identity: n.to_string() }
    }

    fn note(given: &IssuedTokens, n: usize) {
        given.note(place(n), owned_user_id!("@a:b.c"), owned_room_id!("!r:b.c"), n as Millis);
    }

    #[test]
    fn memory_is_bounded_and_the_newest_stay() {
        let given = IssuedTokens::default();
        for n in 0..limits::RTC_PLACES_MAX + 1_000 {
            note(&given, n);
        }
        assert!(given.all().len() <= limits::RTC_PLACES_MAX);
        assert!(given.holder(&place(limits::RTC_PLACES_MAX + 999)).is_some());
        assert!(given.holder(&place(0)).is_none());
    }

    #[test]
    fn what_was_given_anew_is_not_forgotten() {
        let given = IssuedTokens::default();
        note(&given, 1);
        let seen = given.holder(&place(1)).expect("noted");
        given.take(&place(1), 5);
        assert!(given.holder(&place(1)).expect("noted").is_out);
        note(&given, 1);
        given.prolong(&place(1), 9);
        given.forget(&place(1), &seen);
        assert_eq!(given.holder(&place(1)).expect("still there").until_ms, 9);
        given.forget(&place(1), &given.holder(&place(1)).expect("there"));
        assert!(given.all().is_empty());
    }
}
