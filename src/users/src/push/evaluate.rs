//! Evaluates push rules for an event and a user (client-server API, "Push rules").

use std::sync::Arc;

use hearth_base::limits;
use hearth_rooms::load::Event;
use hearth_store::ids::EventSn;
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ruma::push::PushConditionRoomCtx;

use super::matcher::Rule;
use super::rules::Rules;
use super::threads::RuleContext;
use super::values::EventValues;

/// Bytes of memory that a parsed event takes at most for each byte of its JSON: `[1,1,1]` is the worst.
const PARSED_BYTES_PER_BYTE: usize = 20;
/// Size of an event's envelope, in bytes, about.
const ENVELOPE_BYTES: usize = 400;

/// The result of the rules for an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct PushOutcome {
    /// The event counts as a notification.
    pub(super) notify: bool,
    /// The event counts as a highlight.
    pub(super) highlight: bool,
}

/// Evaluates rules, with a cache of parsed events: each event is evaluated once for each member, mostly at about the
/// same time.
#[derive(Debug)]
pub(super) struct Evaluator {
    values: Cache<EventSn, (usize, Arc<EventValues>), ParsedBytes>,
}

/// Weighs by estimated memory.
#[derive(Debug, Clone)]
struct ParsedBytes;

impl Weighter<EventSn, (usize, Arc<EventValues>)> for ParsedBytes {
    fn weight(&self, _: &EventSn, (bytes, _): &(usize, Arc<EventValues>)) -> u64 {
        (bytes * PARSED_BYTES_PER_BYTE) as u64
    }
}

impl Default for Evaluator {
    fn default() -> Self {
        let items = limits::PUSH_EVENTS_CACHED_BYTES_MAX / (2 * ENVELOPE_BYTES * PARSED_BYTES_PER_BYTE);
        Self { values: Cache::with_weighter(items, limits::PUSH_EVENTS_CACHED_BYTES_MAX as u64, ParsedBytes) }
    }
}

/// Returns about how many bytes an event has in the client format.
pub(super) fn size(event: &Event) -> usize {
    event.pdu.content.get().len() + ENVELOPE_BYTES
}

impl Evaluator {
    /// Returns the first matching rule, and how many steps the search took; none when no rule matches, and for the
    /// user's own events.
    pub(super) fn first<'a>(&self, rules: &'a Rules, event: &Event, context: &RuleContext) -> (Option<&'a Rule>, u64) {
        let room = &context.room;
        if event.pdu.sender == room.user_id {
            return (None, 0);
        }
        let (found, steps) = rules.matcher().first(&self.values(event, room), room, context.subscribed);
        // Parsing the event counts as one step for each byte.
        (found, steps + size(event) as u64)
    }

    fn values(&self, event: &Event, context: &PushConditionRoomCtx) -> Arc<EventValues> {
        if let Some((_, known)) = self.values.get(&event.sn) {
            return known;
        }
        let values = Arc::new(EventValues::new(&event.pdu, &context.room_id));
        self.values.insert(event.sn, (size(event), values.clone()));
        values
    }
}
