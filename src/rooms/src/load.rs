//! Reads events from the database through a cache. Only redaction and giving an outlier its place change a stored
//! event.

use std::collections::HashSet;
use std::sync::Arc;

use hearth_base::limits::rooms::EVENT_CACHE_BYTES_MAX;
use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::{DeviceSn, EventSn, KeySn, RoomSn, SnapshotSn, UserSn};
use hearth_store::tables::events::{self, EventRow, Stored};
use parking_lot::Mutex;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ruma::events::TimelineEventType;
use ruma::{EventId, MilliSecondsSinceUnixEpoch, OwnedEventId, RoomId, UserId};
use serde_json::value::RawValue;

use super::event::Pdu;

/// A parsed event with its database columns.
#[derive(Debug)]
pub struct Event {
    /// Serial number: the position at which it was stored.
    pub sn: EventSn,
    /// Serial number of its room.
    pub room: RoomSn,
    /// Place in the room's timeline; none for events that are not in it.
    pub ord: Option<i64>,
    /// Serial number of its sender.
    pub sender: UserSn,
    /// For state events, the serial number of its type and state key.
    pub state_key: Option<KeySn>,
    /// Snapshot of the state before it.
    pub snapshot: Option<SnapshotSn>,
    /// Bit set; see `hearth_store::tables::events`.
    pub flags: i64,
    /// The redaction that removed its content, if any.
    pub redacted_by: Option<EventSn>,
    /// The root of its thread, if it is in one.
    pub thread: Option<EventSn>,
    /// The local device that sent it, and the transaction id, for the local echo.
    pub txn: Option<(DeviceSn, String)>,
    /// The parsed PDU.
    pub pdu: Pdu,
}

impl Event {
    /// Parses an event from its row.
    pub fn from_row(row: EventRow) -> Result<Self> {
        let id = EventId::parse(row.id.as_str()).map_err(|error| Error::fault("reading a stored event id", error))?;
        let mut pdu = Pdu::parse(id, &row.json).map_err(|error| Error::fault("reading a stored event", error))?;
        pdu.rejected = row.flags & events::REJECTED != 0;
        Ok(Self::new(row, pdu))
    }

    /// Builds an event from its row and its PDU, for callers that have parsed the JSON already.
    #[must_use]
    pub fn new(row: EventRow, pdu: Pdu) -> Self {
        Self {
            sn: row.sn,
            room: row.room,
            ord: row.ord,
            sender: row.sender,
            state_key: row.state_key,
            snapshot: row.snapshot,
            flags: row.flags,
            redacted_by: row.redacted_by,
            thread: row.thread,
            txn: row.device.zip(row.txn),
            pdu,
        }
    }

    /// Approximate size in memory, in bytes: content and ids vary, the constant covers the structure and its allocations.
    #[must_use]
    pub fn bytes(&self) -> usize {
        600 + self.pdu.content.get().len() + 64 * self.pdu.auth_events.len()
    }

    /// Returns whether a redaction has removed its content.
    #[must_use]
    pub fn is_redacted(&self) -> bool {
        self.flags & events::REDACTED != 0
    }

    /// Returns whether the event is soft-failed: valid by its auth events, but not allowed by the current state, so
    /// kept out of the timeline.
    #[must_use]
    pub fn is_soft_failed(&self) -> bool {
        self.flags & events::SOFT_FAILED != 0
    }

    /// Returns whether the event is an outlier: known without its place in the room's graph.
    #[must_use]
    pub fn is_outlier(&self) -> bool {
        self.flags & events::OUTLIER != 0
    }
}

impl ruma::state_res::Event for Event {
    type Id = OwnedEventId;

    fn event_id(&self) -> &Self::Id {
        self.pdu.event_id()
    }

    fn room_id(&self) -> Option<&RoomId> {
        ruma::state_res::Event::room_id(&self.pdu)
    }

    fn sender(&self) -> &UserId {
        self.pdu.sender()
    }

    fn origin_server_ts(&self) -> MilliSecondsSinceUnixEpoch {
        self.pdu.origin_server_ts()
    }

    fn event_type(&self) -> &TimelineEventType {
        self.pdu.event_type()
    }

    fn content(&self) -> &RawValue {
        self.pdu.content()
    }

    fn state_key(&self) -> Option<&str> {
        ruma::state_res::Event::state_key(&self.pdu)
    }

    fn prev_events(&self) -> Box<dyn DoubleEndedIterator<Item = &Self::Id> + '_> {
        self.pdu.prev_events()
    }

    fn auth_events(&self) -> Box<dyn DoubleEndedIterator<Item = &Self::Id> + '_> {
        self.pdu.auth_events()
    }

    fn redacts(&self) -> Option<&Self::Id> {
        ruma::state_res::Event::redacts(&self.pdu)
    }

    fn rejected(&self) -> bool {
        self.pdu.rejected
    }
}

#[derive(Clone)]
struct Bytes;

impl Weighter<EventSn, Arc<Event>> for Bytes {
    fn weight(&self, _: &EventSn, event: &Arc<Event>) -> u64 {
        event.bytes() as u64
    }
}

/// Cache of recently read events.
pub struct EventCache {
    cache: Cache<EventSn, Arc<Event>, Bytes>,
    /// Events redacted since the start. A reader with an older snapshot must not put the old content back into the
    /// cache.
    redacted: Mutex<HashSet<EventSn>>,
    /// Outliers and soft-failed events that got a place since the start. A reader with an older snapshot must not put
    /// them back without it.
    placed: Mutex<HashSet<EventSn>>,
}

impl Default for EventCache {
    fn default() -> Self {
        let items = usize::try_from(EVENT_CACHE_BYTES_MAX / 1_000).unwrap_or(1_000);
        Self {
            cache: Cache::with_weighter(items, EVENT_CACHE_BYTES_MAX, Bytes),
            redacted: Mutex::default(),
            placed: Mutex::default(),
        }
    }
}

impl std::fmt::Debug for EventCache {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "EventCache({} events)", self.cache.len())
    }
}

impl EventCache {
    /// Returns an event by its serial number; an error when it does not exist, as the database is then broken.
    pub fn get(&self, tx: &mut dyn Tx, sn: EventSn) -> Result<Arc<Event>> {
        self.get_if_stored(tx, sn)?.ok_or_else(|| Error::broken(format!("event {} is missing", sn.0)))
    }

    /// Returns an event by its serial number, if it is still stored.
    pub fn get_if_stored(&self, tx: &mut dyn Tx, sn: EventSn) -> Result<Option<Arc<Event>>> {
        match self.cache.get(&sn) {
            Some(event) => Ok(Some(event)),
            None => events::by_sn(tx, sn)?.map(|row| self.keep(row)).transpose(),
        }
    }

    /// Returns an event by its id, if this server has it.
    pub fn find(&self, tx: &mut dyn Tx, id: &EventId) -> Result<Option<Arc<Event>>> {
        events::find(tx, id.as_str())?.map(|sn| self.get(tx, sn)).transpose()
    }

    /// Returns the cached event of a row, or parses the row and caches it.
    pub fn keep(&self, row: EventRow) -> Result<Arc<Event>> {
        if let Some(event) = self.cache.get(&row.sn) {
            return Ok(event);
        }
        let event = Arc::new(Event::from_row(row)?);
        // Hold both locks until the insert is done. Otherwise `redacted` could run in between, find nothing to
        // remove, and the old content would stay in the cache.
        let (redacted, placed) = (self.redacted.lock(), self.placed.lock());
        let is_stale =
            !event.is_redacted() && redacted.contains(&event.sn) || event.ord.is_none() && placed.contains(&event.sn);
        if !is_stale {
            self.cache.insert(event.sn, event.clone());
        }
        drop((redacted, placed));
        Ok(event)
    }

    /// Caches an event that has just been stored. Its serial number is new, so if the transaction rolls back no
    /// reader asks for it.
    pub fn add(&self, event: Event) -> Arc<Event> {
        let event = Arc::new(event);
        self.cache.insert(event.sn, event.clone());
        event
    }

    /// As [`EventCache::keep`], for the current row of a query: reads the row only if the event is not in the cache.
    pub fn keep_stored(&self, stored: &Stored<'_>) -> Result<Arc<Event>> {
        match self.cache.get(&stored.sn()?) {
            Some(event) => Ok(event),
            None => self.keep(stored.read()?),
        }
    }

    /// Evicts an event that got a place in the timeline. Call once on that change and again after the commit.
    pub fn placed(&self, sn: EventSn) {
        self.placed.lock().insert(sn);
        self.cache.remove(&sn);
    }

    /// Evicts the content of a redacted event. Call after the commit.
    pub fn redacted(&self, sn: EventSn) {
        self.redacted.lock().insert(sn);
        self.cache.remove(&sn);
    }
}
