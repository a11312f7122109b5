//! `GET /notifications`: the events that notified a user, or would have.
//!
//! The server stores no notifications. It computes the list from the newest events and the current rules, so the list
//! also follows rule changes; each request examines a bounded number of events and spends a bounded number of steps on
//! rules.

use hearth_base::boxed;
use std::cell::Cell;
use std::collections::HashMap;
use std::sync::Arc;

use hearth_base::limits::rooms::SCAN_STEP_BYTES_MAX;
use hearth_base::{Error, Result, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::find;
use hearth_rooms::load::Event;
use hearth_rooms::read::{ByteBudget, EventFormat, Reader, Viewer, ignored, present};
use hearth_store::ReadTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn, UserSn};
use hearth_store::tables::events::{self, Direction};
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;
use ruma::events::AnySyncTimelineEvent;
use ruma::push::Action;
use ruma::serde::Raw;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedRoomId, UInt};

use super::context::Contexts;
use super::counts::{ReadMarkers, markers, read_upto};
use super::evaluate::Evaluator;
use super::matcher::Rule;
use super::rules::{RuleCache, Rules};
use super::threads::ThreadLookup;
use super::walk::{is_said, thread_of};

/// Events per query.
const STEP_EVENTS: usize = 500;

/// The service for notification lists.
#[derive(Debug)]
pub struct Notified {
    core: Arc<RoomCore>,
    tools: Arc<(RuleCache, Evaluator)>,
}

/// A notification.
#[derive(Debug)]
pub struct Notification {
    /// The actions of the matching rule.
    pub actions: Vec<Action>,
    /// The event.
    pub event: Raw<AnySyncTimelineEvent>,
    /// Whether the user has read it.
    pub read: bool,
    /// Room id.
    pub room_id: OwnedRoomId,
    /// Time of sending.
    pub at: MilliSecondsSinceUnixEpoch,
}

/// A page of notifications, newest first.
#[derive(Debug)]
pub struct NotificationsPage {
    /// The notifications.
    pub notifications: Vec<Notification>,
    /// The token of the next page. An empty page may have one.
    pub next: Option<String>,
}

/// A room of the user, with the inputs of its notifications.
struct NotifiedRoom<'a> {
    room_id: OwnedRoomId,
    user: UserSn,
    viewer: Viewer<'a>,
    contexts: Contexts<'a>,
    threads: ThreadLookup,
    markers: ReadMarkers,
    /// Down to this place the timeline was searched for events of the user's own.
    searched: i64,
    /// When the user joined; earlier events do not notify.
    since: i64,
}

impl Notified {
    /// Creates the service on `core`.
    #[must_use]
    pub fn new(core: Arc<RoomCore>) -> Self {
        Self { core, tools: Arc::default() }
    }

    /// Returns a page of notifications in the user's joined rooms; with `highlights` only highlighted ones. `from` is
    /// the token of an earlier page.
    #[boxed]
    pub async fn list(
        &self,
        who: &Requester,
        highlights: bool,
        from: Option<String>,
        limit: usize,
    ) -> Result<NotificationsPage> {
        let before = from.as_deref().map(parse).transpose()?.unwrap_or(EventSn(i64::MAX));
        let (core, tools, who) = (self.core.clone(), self.tools.clone(), who.clone());
        let (user, limit) = (who.user, limit.clamp(1, limits::PAGE_EVENTS_MAX));
        let look = move |tx: &mut ReadTx<'_>| {
            let rules = tools.0.get(&core, tx.tx(), who.user, &who.user_id)?;
            let mut places = places(&core, tx.tx(), &who, &rules)?;
            let spent = Cell::new(0);
            let choice = |tx: &mut dyn Tx, event: &Event, place: &mut NotifiedRoom<'_>| {
                actions(tx, (&tools.1, &rules, &spent), event, place, highlights)
            };
            let is_spent = || spent.get() >= limits::PUSH_STEPS_PER_READ_MAX;
            scan(&core, tx.tx(), &mut places, (&choice, &is_spent), (before, limit))
        };
        self.core.read_much("notifications_list", user, look).await
    }
}

fn parse(token: &str) -> Result<EventSn> {
    let number = token.strip_prefix('n').and_then(|number| number.parse().ok());
    number.map(EventSn).ok_or_else(|| Error::invalid("`from` is not from an earlier answer; leave it out."))
}

fn places<'a>(
    core: &'a RoomCore,
    tx: &mut dyn Tx,
    who: &'a Requester,
    rules: &Rules,
) -> Result<HashMap<RoomSn, NotifiedRoom<'a>>> {
    let ignored = ignored::by(tx, who.user)?;
    let mut places = HashMap::new();
    for row in memberships::of_user(tx, who.user)? {
        if row.membership != Membership::Join {
            continue;
        }
        let Some(room) = rooms::by_sn(tx, row.room)? else { continue };
        let viewer = Viewer::of_member(core, tx, room.sn, Reader::from(who), Some(row))?.ignoring(ignored.clone());
        let place = NotifiedRoom {
            room_id: find::id(&room)?,
            user: who.user,
            viewer,
            contexts: Contexts::new(core, room.clone(), &who.user_id),
            threads: ThreadLookup::new(tx, rules, who.user, room.sn)?,
            markers: markers(tx, room.sn, who.user)?,
            searched: i64::MAX,
            since: row.since.as_i64(),
        };
        places.insert(room.sn, place);
    }
    Ok(places)
}

/// Returns the actions for an event; none when it does not notify, or not in the requested way.
fn actions(
    tx: &mut dyn Tx,
    (evaluator, rules, spent): (&Evaluator, &Rules, &Cell<u64>),
    event: &Event,
    place: &mut NotifiedRoom<'_>,
    highlights: bool,
) -> Result<Option<Vec<Action>>> {
    if event.is_redacted() || event.ord.is_none_or(|ord| ord <= place.since) {
        return Ok(None);
    }
    let context = place.contexts.at(tx, event.snapshot)?;
    let context = place.threads.at(tx, event, context)?;
    let (rule, steps) = evaluator.first(rules, event, &context);
    spent.set(spent.get() + steps);
    let wanted = |rule: &&Rule| if highlights { rule.outcome.highlight } else { rule.outcome.notify };
    Ok(rule.filter(wanted).map(|rule| rule.actions.clone()))
}

/// Selects the actions for an event in a room.
type Choice<'a> = &'a dyn Fn(&mut dyn Tx, &Event, &mut NotifiedRoom<'_>) -> Result<Option<Vec<Action>>>;

fn scan(
    core: &RoomCore,
    tx: &mut dyn Tx,
    places: &mut HashMap<RoomSn, NotifiedRoom<'_>>,
    (choice, is_spent): (Choice<'_>, &dyn Fn() -> bool),
    (mut before, limit): (EventSn, usize),
) -> Result<NotificationsPage> {
    let (mut notifications, mut left) = (Vec::new(), limits::NOTIFICATIONS_SCANNED_EVENTS_MAX);
    let mut later = limits::NOTIFICATIONS_LATER_EVENTS_MAX;
    let (mut budget, mut last) = (ByteBudget::page(), before);
    while left > 0 {
        let step = left.min(STEP_EVENTS);
        let (mut candidates, mut seen, mut bytes) = (Vec::new(), 0, 0);
        events::newest_first(tx, before, step, &mut |stored| {
            (seen, before) = (seen + 1, stored.sn()?);
            if places.contains_key(&stored.room()?) {
                let event = core.events.keep_stored(&stored)?;
                bytes += event.bytes();
                candidates.push(event);
            }
            Ok(bytes < SCAN_STEP_BYTES_MAX)
        })?;
        for event in candidates {
            let Some(place) = places.get_mut(&event.room) else { continue };
            if let Some(actions) = choice(tx, &event, place)?
                && place.viewer.may_see(tx, &event)?
            {
                later = find_own(core, tx, place, &event, later)?;
                let notification = notification(tx, place, &event, actions)?;
                if !budget.take(notification.event.json().get().len()) {
                    return Ok(NotificationsPage { notifications, next: Some(format!("n{}", last.0)) });
                }
                notifications.push(notification);
                last = event.sn;
            }
            // With expensive rules the page ends early: the next one continues here.
            if notifications.len() == limit || is_spent() {
                return Ok(NotificationsPage { notifications, next: Some(format!("n{}", event.sn.0)) });
            }
        }
        if seen < step && bytes < SCAN_STEP_BYTES_MAX {
            return Ok(NotificationsPage { notifications, next: None });
        }
        left -= seen;
    }
    Ok(NotificationsPage { notifications, next: Some(format!("n{}", before.0)) })
}

/// Advances the markers of a room by the user's own events after an unread one, as unread counts do: they read what came
/// before. Examines at most `left` events; returns how many may still be examined.
fn find_own(
    core: &RoomCore,
    tx: &mut dyn Tx,
    place: &mut NotifiedRoom<'_>,
    event: &Event,
    mut left: usize,
) -> Result<usize> {
    let Some(ord) = event.ord.filter(|ord| *ord > read_upto(&place.markers, thread_of(event))) else { return Ok(left) };
    // Newest first, so that the part above this event is searched once for all events below it.
    while place.searched > ord && left > 0 {
        let (part, step, mut seen) = ((ord, place.searched.saturating_sub(1)), left.min(STEP_EVENTS), 0);
        let markers = &mut place.markers;
        let mut lowest = ord;
        events::timeline(tx, event.room, part, Direction::Backward, step, &mut |stored| {
            let later = core.events.keep_stored(&stored)?;
            (seen, lowest) = (seen + 1, later.ord.unwrap_or(lowest));
            if later.sender == place.user && is_said(&later) {
                let marker = markers.entry(thread_of(&later)).or_insert(lowest);
                *marker = lowest.max(*marker);
            }
            Ok(true)
        })?;
        left -= seen;
        place.searched = if seen < step { ord } else { lowest };
    }
    Ok(left)
}

fn notification(
    tx: &mut dyn Tx,
    place: &mut NotifiedRoom<'_>,
    event: &Arc<Event>,
    actions: Vec<Action>,
) -> Result<Notification> {
    let upto = read_upto(&place.markers, thread_of(event));
    Ok(Notification {
        actions,
        event: present::event(&mut place.viewer, tx, &EventFormat::timeline(None), event)?,
        read: event.ord.is_some_and(|ord| ord <= upto),
        room_id: place.room_id.clone(),
        at: MilliSecondsSinceUnixEpoch(UInt::new_saturating(event.pdu.origin_server_ts)),
    })
}
