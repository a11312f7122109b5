//! Ephemeral data for one server: typing for each room and user, receipts for each room, user and thread, presence for
//! each user. Only the newest value of each is kept, in memory.

use std::collections::BTreeMap;

use hearth_base::limits::federation::ENTRIES_PER_EDU_MAX;
use hearth_base::{Millis, limits};
use hearth_rooms::outgoing::EphemeralEdu;
use ruma::api::federation::transactions::edu::{
    Edu, PresenceContent, PresenceUpdate, ReceiptContent, ReceiptData, ReceiptMap, TypingContent,
};
use ruma::events::receipt::{Receipt, ReceiptThread};
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, OwnedUserId, UInt};

/// Room, user, thread.
type ReceiptKey = (OwnedRoomId, OwnedUserId, Option<String>);

/// Ephemeral data that waits for one server.
#[derive(Debug, Default)]
pub(super) struct EphemeralQueue {
    typing: BTreeMap<(OwnedRoomId, OwnedUserId), bool>,
    receipts: BTreeMap<ReceiptKey, (OwnedEventId, Millis)>,
    presence: BTreeMap<OwnedUserId, PresenceUpdate>,
}

impl EphemeralQueue {
    pub(super) fn is_empty(&self) -> bool {
        self.typing.is_empty() && self.receipts.is_empty() && self.presence.is_empty()
    }

    /// Whether it holds data that is worthless later.
    pub(super) fn is_urgent(&self) -> bool {
        !self.typing.is_empty()
    }

    /// Number of entries.
    pub(super) fn len(&self) -> usize {
        self.typing.len() + self.receipts.len() + self.presence.len()
    }

    /// Adds an entry, unless too many wait.
    pub(super) fn add(&mut self, news: &EphemeralEdu) {
        match news.clone() {
            EphemeralEdu::Typing { room, user, typing } => put(&mut self.typing, (room, user), typing),
            EphemeralEdu::Receipt { room, user, thread, event, at_ms } => {
                put(&mut self.receipts, (room, user, thread), (event, at_ms));
            }
            EphemeralEdu::Presence(update) => put(&mut self.presence, update.user_id.clone(), update),
        }
    }

    /// Drops entries that will be outdated when the server is reachable again: all but receipts.
    pub(super) fn fade(&mut self) {
        self.typing.clear();
        self.presence.clear();
    }

    /// Removes as many entries as fit into `edus_max` EDUs.
    pub(super) fn take(&mut self, edus_max: usize) -> Self {
        let mut left = edus_max;
        let typing = split(&mut self.typing, left);
        left -= typing.len();
        // Receipts of one user in different threads cannot share an EDU, so each may need its own.
        let receipts = split(&mut self.receipts, left.min(ENTRIES_PER_EDU_MAX));
        left -= receipts.len();
        let presence = split(&mut self.presence, if left > 0 { ENTRIES_PER_EDU_MAX } else { 0 });
        Self { typing, receipts, presence }
    }

    /// Puts back unsent entries that are not outdated and have no newer value.
    pub(super) fn put_back(&mut self, unsent: Self) {
        for (key, receipt) in unsent.receipts {
            self.receipts.entry(key).or_insert(receipt);
        }
    }

    /// The entries as EDUs.
    pub(super) fn edus(&self) -> Vec<Edu> {
        let typing = self
            .typing
            .iter()
            .map(|((room, user), typing)| Edu::Typing(TypingContent::new(room.clone(), user.clone(), *typing)));
        let mut edus: Vec<_> = typing.chain(self.receipt_edus()).collect();
        if !self.presence.is_empty() {
            edus.push(Edu::Presence(PresenceContent::new(self.presence.values().cloned().collect())));
        }
        edus
    }

    /// A user's receipts in several threads of a room go into several EDUs: an EDU has one receipt for each room and
    /// user.
    fn receipt_edus(&self) -> impl Iterator<Item = Edu> + use<> {
        let mut layers: Vec<BTreeMap<OwnedRoomId, ReceiptMap>> = Vec::new();
        for ((room, user, thread), (event, at_ms)) in &self.receipts {
            let is_free = |layer: &BTreeMap<OwnedRoomId, ReceiptMap>| {
                layer.get(room).is_none_or(|users| !users.read.contains_key(user))
            };
            let free = layers.iter().position(is_free).unwrap_or_else(|| {
                layers.push(BTreeMap::new());
                layers.len() - 1
            });
            let mut receipt = Receipt::new(MilliSecondsSinceUnixEpoch(UInt::new_saturating(*at_ms)));
            receipt.thread = ReceiptThread::try_from(thread.clone()).unwrap_or_default();
            let users = layers[free].entry(room.clone()).or_insert_with(|| ReceiptMap::new(BTreeMap::new()));
            users.read.insert(user.clone(), ReceiptData::new(receipt, vec![event.clone()]));
        }
        layers.into_iter().map(|layer| Edu::Receipt(ReceiptContent::new(layer)))
    }
}

fn put<K: Ord, V>(map: &mut BTreeMap<K, V>, key: K, value: V) {
    if map.len() < limits::OUTGOING_EPHEMERAL_MAX || map.contains_key(&key) {
        map.insert(key, value);
    }
}

/// Removes the first `count` entries from a map.
fn split<K: Ord + Clone, V>(map: &mut BTreeMap<K, V>, count: usize) -> BTreeMap<K, V> {
    match map.keys().nth(count).cloned() {
        None => std::mem::take(map),
        Some(first_left) => {
            let left = map.split_off(&first_left);
            std::mem::replace(map, left)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ruma::{owned_event_id, owned_room_id, owned_user_id};

    fn receipt(room: OwnedRoomId, thread: Option<&str>, event: OwnedEventId) -> EphemeralEdu {
        let user = owned_user_id!("@alice:home.example");
        EphemeralEdu::Receipt { room, user, thread: thread.map(str::to_owned), event, at_ms: 5 }
    }

    #[test]
    fn the_newest_receipt_counts_and_threads_stay_apart() {
        let room = owned_room_id!("!a:home.example");
        let mut all = EphemeralQueue::default();
        all.add(&receipt(room.clone(), None, owned_event_id!("$1")));
        all.add(&receipt(room.clone(), None, owned_event_id!("$2")));
        all.add(&receipt(room.clone(), Some("main"), owned_event_id!("$3")));
        all.add(&receipt(owned_room_id!("!b:home.example"), None, owned_event_id!("$4")));
        let taken = all.take(100);
        let json = serde_json::to_string(&taken.edus()).expect("JSON");
        assert_eq!(taken.edus().len(), 2, "{json}");
        assert!(!json.contains("\"$1\"") && json.contains("\"$2\"") && json.contains("\"$4\""), "{json}");
        assert!(json.contains("\"thread_id\":\"main\""), "{json}");
        all.add(&receipt(room, None, owned_event_id!("$5")));
        all.put_back(taken);
        let json = serde_json::to_string(&all.edus()).expect("JSON");
        assert!(!json.contains("\"$2\"") && json.contains("\"$5\"") && json.contains("\"$3\""), "{json}");
    }

    #[test]
    fn no_more_is_taken_than_fits_and_no_more_kept_than_allowed() {
        let mut all = EphemeralQueue::default();
        for n in 0..2 * limits::OUTGOING_EPHEMERAL_MAX {
            let user = OwnedUserId::try_from(format!("@u{n}:home.example")).expect("an id");
            all.add(&EphemeralEdu::Typing { room: owned_room_id!("!a:home.example"), user, typing: true });
        }
        assert_eq!(all.len(), limits::OUTGOING_EPHEMERAL_MAX);
        assert_eq!(all.take(70).edus().len(), 70);
        assert_eq!(all.len(), limits::OUTGOING_EPHEMERAL_MAX - 70);
        all.fade();
        assert!(all.is_empty() && all.take(0).edus().is_empty());
    }
}
