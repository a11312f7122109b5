//! Lists a user's delayed events, scheduled and finalised, in pages.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::limits::rooms::DIRECTORY_PAGE_MAX;
use hearth_base::{Error, Millis, Result};
use hearth_core::Requester;
use hearth_store::engine::Tx;
use hearth_store::tables::delayed_events::{self as table, DelayedEventRow, Finalised};
use hearth_store::tables::rooms;
use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::value::RawValue;

use super::Delayed;
use crate::RoomCore;
use crate::find;

/// A delayed event as its owner sees it.
#[derive(Debug)]
pub struct DelayedView {
    /// The delay id.
    pub id: String,
    /// The target room.
    pub room_id: OwnedRoomId,
    /// Event type.
    pub kind: String,
    /// State key; none for a message-like event.
    pub state_key: Option<String>,
    /// The content. For a sent event, as it is now, so possibly redacted.
    pub content: Box<RawValue>,
    /// The delay, in milliseconds.
    pub delay_ms: u64,
    /// When it was scheduled or last restarted.
    pub since_ms: Millis,
    /// The outcome; none while it is scheduled.
    pub end: Option<End>,
}

/// The outcome of a delayed event.
#[derive(Debug)]
pub struct End {
    /// When it was finalised.
    pub at_ms: Millis,
    /// The event id, if it was sent.
    pub event_id: Option<OwnedEventId>,
    /// The Matrix error, if it could not be sent.
    pub error: Option<Box<RawValue>>,
}

/// Whether a delayed event is still scheduled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It has not been sent yet.
    Scheduled,
    /// It has been sent, cancelled, or has failed.
    Finalised,
}

/// The outcome of a finalised delayed event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayedOutcome {
    /// It was sent.
    Send,
    /// It was cancelled.
    Cancel,
    /// It could not be sent.
    Error,
}

/// The reason of an outcome.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// A client requested it.
    Action,
    /// The delay was over.
    Delay,
}

/// The time by which the list is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// The time at which the event is or was due.
    #[default]
    Due,
    /// The time at which it was finalised; while it is scheduled, the time at which it is due.
    End,
    /// The time at which it was scheduled or last restarted.
    Since,
}

/// The direction of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Ascending time.
    #[default]
    Forward,
    /// Descending time.
    Backward,
}

/// Selects delayed events; a field that is none selects all.
#[derive(Debug, Default)]
pub struct Filter {
    /// By status.
    pub status: Option<Status>,
    /// By room id.
    pub room_id: Option<String>,
    /// By event type.
    pub kind: Option<String>,
    /// By outcome.
    pub outcome: Option<DelayedOutcome>,
    /// By the reason of the outcome.
    pub why: Option<Why>,
    /// By delay id; an empty list selects all.
    pub ids: Vec<String>,
    /// Sort order.
    pub order: Order,
    /// Direction.
    pub direction: Direction,
    /// Start time, inclusive.
    pub from_ms: Option<Millis>,
    /// Pagination token: [`DelayedPage::next`] of the previous page.
    pub from: Option<String>,
}

/// A page of delayed events.
#[derive(Debug)]
pub struct DelayedPage {
    /// The events.
    pub events: Vec<DelayedView>,
    /// Pagination token for [`Filter::from`]; none on the last page.
    pub next: Option<String>,
}

impl DelayedView {
    /// Returns when the event is or was due.
    fn due_ms(&self) -> Millis {
        self.since_ms.saturating_add(self.delay_ms)
    }

    /// Returns the outcome; none while it is scheduled.
    #[must_use]
    pub fn outcome(&self) -> Option<DelayedOutcome> {
        self.end.as_ref().map(|end| match (&end.event_id, &end.error) {
            (Some(_), _) => DelayedOutcome::Send,
            (None, Some(_)) => DelayedOutcome::Error,
            (None, None) => DelayedOutcome::Cancel,
        })
    }

    /// Returns the reason of the outcome; none while it is scheduled.
    #[must_use]
    pub fn why(&self) -> Option<Why> {
        self.end.as_ref().map(|end| if end.at_ms < self.due_ms() { Why::Action } else { Why::Delay })
    }

    fn place(&self, order: Order) -> Millis {
        match order {
            Order::Due => self.due_ms(),
            Order::End => self.end.as_ref().map_or(self.due_ms(), |end| end.at_ms),
            Order::Since => self.since_ms,
        }
    }
}

impl Filter {
    fn lets(&self, seen: &DelayedView) -> bool {
        let is_of = |wanted: Status| seen.end.is_some() == (wanted == Status::Finalised);
        self.status.is_none_or(is_of)
            && self.room_id.as_ref().is_none_or(|id| seen.room_id == *id)
            && self.kind.as_ref().is_none_or(|kind| seen.kind == *kind)
            && self.outcome.is_none_or(|wanted| seen.outcome() == Some(wanted))
            && self.why.is_none_or(|wanted| seen.why() == Some(wanted))
            && (self.ids.is_empty() || self.ids.contains(&seen.id))
    }

    /// Returns the requested page of `all`.
    fn page(&self, all: Vec<DelayedView>) -> Result<DelayedPage> {
        let place = |seen: &DelayedView| (seen.place(self.order), seen.id.clone());
        let start = self.from.as_deref().map(read_token).transpose()?;
        let forward = self.direction == Direction::Forward;
        let mut events: Vec<DelayedView> = all.into_iter().filter(|seen| self.lets(seen)).collect();
        events.sort_by_cached_key(&place);
        if !forward {
            events.reverse();
        }
        events.retain(|seen| {
            let at = place(seen);
            let begun = self.from_ms.is_none_or(|from| if forward { at.0 >= from } else { at.0 <= from });
            begun && start.as_ref().is_none_or(|start| if forward { at > *start } else { at < *start })
        });
        let is_more = events.len() > DIRECTORY_PAGE_MAX;
        events.truncate(DIRECTORY_PAGE_MAX);
        let next = events.last().filter(|_| is_more).map(|last| format!("{}_{}", last.place(self.order), last.id));
        Ok(DelayedPage { events, next })
    }
}

fn read_token(token: &str) -> Result<(Millis, String)> {
    let parts = token.split_once('_').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Error::invalid("`from` is none that this server gave out."))
}

impl Delayed {
    /// Lists the requester's delayed events that match a filter.
    ///
    /// Refuses with `M_INVALID_PARAM` a `from` that no earlier page returned.
    #[boxed]
    pub async fn list(&self, who: &Requester, filter: Filter) -> Result<DelayedPage> {
        let (core, user) = (self.core.clone(), who.user);
        let read = self.core.store.read("delayed_list", move |tx| {
            let rows = table::of_user(tx.tx(), user)?;
            rows.into_iter().map(|(wanted, end)| see(&core, tx.tx(), wanted, end)).collect::<Result<Vec<DelayedView>>>()
        });
        filter.page(read.await?)
    }

    /// Returns one of the requester's delayed events; `M_NOT_FOUND` when there is none with that id.
    #[boxed]
    pub async fn get(&self, who: &Requester, id: &str) -> Result<DelayedView> {
        let (core, user, id) = (self.core.clone(), who.user, id.to_owned());
        let read = self.core.store.read("delayed_get", move |tx| match table::get(tx.tx(), &id)? {
            Some((wanted, end)) if wanted.user == user => see(&core, tx.tx(), wanted, end).map(Some),
            _ => Ok(None),
        });
        read.await?.ok_or_else(|| Error::not_found("You have no delayed event of that id."))
    }
}

fn see(core: &Arc<RoomCore>, tx: &mut dyn Tx, wanted: DelayedEventRow, end: Option<Finalised>) -> Result<DelayedView> {
    let room = rooms::by_sn(tx, wanted.room)?.ok_or_else(|| Error::broken("a delayed event's room is missing"))?;
    let raw =
        |json: String| RawValue::from_string(json).map_err(|error| Error::fault("reading a delayed event", error));
    let event = end.as_ref().and_then(|end| end.event).map(|sn| core.events.get(tx, sn)).transpose()?;
    let content = match &event {
        Some(event) => event.pdu.content.clone(),
        None => raw(wanted.content)?,
    };
    // The times in memory are newer, because most restarts are not written to the database: see `model.rs`.
    let times = core.delayed.book.lock().times(&wanted.id).filter(|_| end.is_none());
    let end = match end {
        Some(end) => {
            let error = end.error.map(raw).transpose()?;
            Some(End { at_ms: end.at_ms, event_id: event.map(|event| event.pdu.event_id.clone()), error })
        }
        None => None,
    };
    Ok(DelayedView {
        room_id: find::id(&room)?,
        kind: wanted.kind,
        state_key: wanted.state_key,
        content,
        delay_ms: wanted.delay_ms,
        since_ms: times.map_or(wanted.since_ms, |(_, since_ms)| since_ms),
        id: wanted.id,
        end,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(n: u64, end: Option<u64>) -> DelayedView {
        DelayedView {
            id: format!("id{n:03}"),
            room_id: ruma::owned_room_id!("!a:home.example"),
            kind: "m.test".to_owned(),
            state_key: None,
            content: RawValue::NULL.to_owned(),
            delay_ms: 1_000,
            since_ms: n * 100,
            end: end.map(|at_ms| End { at_ms, event_id: None, error: None }),
        }
    }

    fn ids(page: &DelayedPage) -> Vec<&str> {
        page.events.iter().map(|seen| &*seen.id).collect()
    }

    #[test]
    fn pages_follow_each_other_without_a_gap() {
        for direction in [Direction::Forward, Direction::Backward] {
            let mut filter = Filter { direction, ..Filter::default() };
            let mut all = Vec::new();
            loop {
                let page = filter.page((0..120).map(|n| seen(n / 2 * 2 + n % 2, None)).collect()).expect("a page");
                all.extend(page.events.iter().map(|seen| seen.id.clone()));
                filter.from = page.next;
                if filter.from.is_none() {
                    break;
                }
            }
            let mut wanted: Vec<String> = (0..120).map(|n| format!("id{n:03}")).collect();
            if direction == Direction::Backward {
                wanted.reverse();
            }
            assert_eq!(all, wanted);
        }
    }

    #[test]
    fn filters_and_orders() {
        let some = || vec![seen(1, None), seen(2, Some(5_000)), seen(3, Some(400))];
        let page = |filter: Filter| filter.page(some()).expect("a page");
        assert_eq!(ids(&page(Filter { order: Order::End, ..Filter::default() })), ["id003", "id001", "id002"]);
        assert_eq!(ids(&page(Filter { status: Some(Status::Scheduled), ..Filter::default() })), ["id001"]);
        assert_eq!(ids(&page(Filter { why: Some(Why::Action), ..Filter::default() })), ["id003"]);
        assert_eq!(ids(&page(Filter { outcome: Some(DelayedOutcome::Error), ..Filter::default() })), [""; 0]);
        assert_eq!(ids(&page(Filter { from_ms: Some(1_200), ..Filter::default() })), ["id002", "id003"]);
        for bad in ["", "x", "7", "_", "x_y"] {
            assert!(Filter { from: Some(bad.to_owned()), ..Filter::default() }.page(some()).is_err(), "{bad}");
        }
    }
}
