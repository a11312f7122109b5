//! What a user has waiting, and what became of what waited, a page at a time.

use std::sync::Arc;

use hearth_base::{Error, Millis, Result};
use hearth_store::engine::Tx;
use hearth_store::tables::delayed_events::{self as table, DelayedEventRow, Finalised};
use hearth_store::tables::rooms;
use ruma::{OwnedEventId, OwnedRoomId};
use serde_json::value::RawValue;

use super::Delayed;
use crate::Requester;
use crate::core::Core;
use crate::rooms::find;

/// Events on one page.
const PAGE_MAX: usize = 50;

/// A delayed event as its owner sees it.
#[derive(Debug)]
pub struct DelayedView {
    /// What clients call it.
    pub id: String,
    /// Where it goes.
    pub room_id: OwnedRoomId,
    /// Event type.
    pub kind: String,
    /// State key; none if it is not state.
    pub state_key: Option<String>,
    /// The content: of what was sent, as it is now.
    pub content: Box<RawValue>,
    /// How long it waits.
    pub delay_ms: u64,
    /// When it was scheduled or last restarted.
    pub since_ms: Millis,
    /// What became of it; none while it waits.
    pub end: Option<End>,
}

/// What became of a delayed event.
#[derive(Debug)]
pub struct End {
    /// When.
    pub at_ms: Millis,
    /// What was sent.
    pub event_id: Option<OwnedEventId>,
    /// Why it could not be sent: a Matrix error.
    pub error: Option<Box<RawValue>>,
}

/// Whether an event waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Status {
    /// It does.
    Scheduled,
    /// It has been sent, or will not be.
    Finalised,
}

/// What became of an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DelayedOutcome {
    /// It was sent.
    Send,
    /// Somebody did not want it any more.
    Cancel,
    /// It could not be sent.
    Error,
}

/// Why it came to that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Why {
    /// Somebody asked for it.
    Action,
    /// Its time had come.
    Delay,
}

/// By which time events are put in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// When they are to be sent.
    #[default]
    Due,
    /// When they were finalised; while they wait, when they are to be sent.
    End,
    /// When they were scheduled or last restarted.
    Since,
}

/// Which way a list goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// Into the future.
    #[default]
    Forward,
    /// Into the past.
    Backward,
}

/// Which events are wanted; what is left out does not matter.
#[derive(Debug, Default)]
pub struct Filter {
    /// By their standing.
    pub status: Option<Status>,
    /// Of a room.
    pub room_id: Option<String>,
    /// Of an event type.
    pub kind: Option<String>,
    /// By what became of them.
    pub outcome: Option<DelayedOutcome>,
    /// By why that became of them.
    pub why: Option<Why>,
    /// With one of these ids, if there are any.
    pub ids: Vec<String>,
    /// In which order.
    pub order: Order,
    /// Which way.
    pub direction: Direction,
    /// From which time on.
    pub from_ms: Option<Millis>,
    /// From where the page before ended, as it said.
    pub from: Option<String>,
}

/// Some events, and where the next page begins, if there is one.
#[derive(Debug)]
pub struct DelayedPage {
    /// The events.
    pub events: Vec<DelayedView>,
    /// What [`Filter::from`] takes.
    pub next: Option<String>,
}

impl DelayedView {
    /// When it is to be sent, or was.
    fn due_ms(&self) -> Millis {
        self.since_ms.saturating_add(self.delay_ms)
    }

    /// What became of it; none while it waits.
    #[must_use]
    pub fn outcome(&self) -> Option<DelayedOutcome> {
        self.end.as_ref().map(|end| match (&end.event_id, &end.error) {
            (Some(_), _) => DelayedOutcome::Send,
            (None, Some(_)) => DelayedOutcome::Error,
            (None, None) => DelayedOutcome::Cancel,
        })
    }

    /// Why that became of it; none while it waits.
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

    /// The page of `all` that is wanted.
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
        let is_more = events.len() > PAGE_MAX;
        events.truncate(PAGE_MAX);
        let next = events.last().filter(|_| is_more).map(|last| format!("{}_{}", last.place(self.order), last.id));
        Ok(DelayedPage { events, next })
    }
}

fn read_token(token: &str) -> Result<(Millis, String)> {
    let parts = token.split_once('_').and_then(|(at, id)| Some((at.parse().ok()?, id.to_owned())));
    parts.ok_or_else(|| Error::invalid("`from` is none that this server gave out."))
}

impl Delayed {
    /// The requester's delayed events that a filter lets through.
    ///
    /// Refuses with `M_INVALID_PARAM` a `from` that no answer had.
    pub async fn list(&self, who: &Requester, filter: Filter) -> Result<DelayedPage> {
        let (core, user) = (self.core.clone(), who.user);
        let read = self.core.store.read("delayed_list", move |tx| {
            let rows = table::of_user(tx.tx(), user)?;
            rows.into_iter().map(|(wanted, end)| see(&core, tx.tx(), wanted, end)).collect::<Result<Vec<DelayedView>>>()
        });
        filter.page(read.await?)
    }

    /// One of the requester's delayed events; `M_NOT_FOUND` when there is none of that id.
    pub async fn get(&self, who: &Requester, id: &str) -> Result<DelayedView> {
        let (core, user, id) = (self.core.clone(), who.user, id.to_owned());
        let read = self.core.store.read("delayed_get", move |tx| match table::get(tx.tx(), &id)? {
            Some((wanted, end)) if wanted.user == user => see(&core, tx.tx(), wanted, end).map(Some),
            _ => Ok(None),
        });
        read.await?.ok_or_else(|| Error::not_found("You have no delayed event of that id."))
    }
}

fn see(core: &Arc<Core>, tx: &mut dyn Tx, wanted: DelayedEventRow, end: Option<Finalised>) -> Result<DelayedView> {
    let room = rooms::by_sn(tx, wanted.room)?.ok_or_else(|| Error::broken("a delayed event's room is missing"))?;
    let raw =
        |json: String| RawValue::from_string(json).map_err(|error| Error::fault("reading a delayed event", error));
    let event = end.as_ref().and_then(|end| end.event).map(|sn| core.events.get(tx, sn)).transpose()?;
    let content = match &event {
        Some(event) => event.pdu.content.clone(),
        None => raw(wanted.content)?,
    };
    // What is in memory is newer: see `model.rs`.
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
