//! Schedules delayed events.

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::error::refusal;
use hearth_base::{Error, Millis, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_store::WriteTx;
use hearth_store::tables::delayed_events::{self as table, DelayedEventRow};
use hearth_store::tables::rooms::Room;
use ruma::OwnedRoomId;
use ruma::canonical_json::CanonicalJsonObject;
use tokio::time::Instant;

use super::Delayed;
use super::model::{NewDelayed, state_name};
use crate::RoomCore;
use crate::append::prepare;
use crate::event::Draft;
use crate::txn::Txn;
use crate::{content, find, redaction, send, validate};

/// Random characters of a delay id: 190 bits, because the id alone authorises to send or cancel the event.
const ID_CHARS: usize = 32;

/// A delayed event from a client.
#[derive(Debug)]
pub struct Later {
    /// The target room.
    pub room_id: OwnedRoomId,
    /// Event type.
    pub kind: String,
    /// State key; none for a message-like event.
    pub state_key: Option<String>,
    /// The content as the client sent it, as JSON text.
    pub content: String,
    /// The delay.
    pub delay: Duration,
    /// The client's transaction id, if any.
    pub txn: Option<String>,
    /// Overrides `origin_server_ts` (MSC3316); otherwise it is the time of sending. Only application services may set
    /// it; the caller has checked that.
    pub timestamp_ms: Option<Millis>,
}

impl Delayed {
    /// Schedules an event; returns the delay id, which authorises to restart, send and cancel it. A repeated
    /// transaction id returns the same delay id. The room's auth rules are checked now, and again when the event is sent,
    /// because the state may change until then.
    ///
    /// Refuses with [`Reason::MaxDelayExceeded`], with `M_LIMIT_EXCEEDED` when too many events are scheduled, with
    /// `M_FORBIDDEN` users who are not in the room or could not send the event now, and with the errors of a direct send
    /// for events that could never be sent.
    #[boxed]
    pub async fn schedule(&self, who: &Requester, later: Later) -> Result<String> {
        self.check_delay(later.delay)?;
        let content = self.check(&later)?;
        let txn = later.txn.map(|id| Txn::new(&["delayed", later.room_id.as_str(), &later.kind], id));
        let wish = CheckedDelayed {
            who: who.clone(),
            room_id: later.room_id,
            txn,
            id: self.core.seams.random.alphanumeric(ID_CHARS),
            kind: later.kind,
            state_key: later.state_key,
            content,
            delay: later.delay,
            timestamp_ms: later.timestamp_ms,
        };
        let core = self.core.clone();
        self.core.store.write("delayed_add", move |tx| wish.store(&core, tx)).await
    }

    fn check_delay(&self, delay: Duration) -> Result<()> {
        let longest = self.longest();
        if longest.is_zero() {
            return Err(Error::forbidden("Events cannot be delayed on this server."));
        }
        if delay.is_zero() {
            return Err(Error::invalid("The delay must be at least a millisecond."));
        }
        if delay > longest {
            let max_ms = self.core.config.rooms.event_delay_ms_max;
            let message = format!("An event can wait for at most {max_ms} ms here.");
            let refusal = refusal(Reason::MaxDelayExceeded, message).with("max_delay", max_ms);
            return Err(refusal.with("org.matrix.msc4140.max_delay", max_ms).into());
        }
        Ok(())
    }

    /// Runs the checks whose result does not change during the delay; returns the content as canonical JSON.
    fn check(&self, later: &Later) -> Result<String> {
        let too_long = |text: &str| text.len() > limits::ID_BYTES_MAX;
        if too_long(&later.kind) || later.state_key.as_deref().is_some_and(too_long) {
            let message = format!("An event's type and state key have at most {} bytes.", limits::ID_BYTES_MAX);
            return Err(refuse(Reason::TooLarge, message));
        }
        if later.state_key.as_deref().is_some_and(|key| key.contains('\0')) {
            return Err(Error::invalid("A NUL character is not allowed in a state key."));
        }
        let content: CanonicalJsonObject = content::from_client(&later.content)?;
        match later.state_key {
            Some(_) => validate::state(&self.core.server_name, &later.room_id, &later.kind, &content)?,
            None => {
                validate::message(&later.kind, &content)?;
                send::take_redacts(&later.kind, &mut content.clone())?;
            }
        }
        let content =
            serde_json::to_string(&content).map_err(|error| Error::fault("writing an event's content", error))?;
        if content.len() > limits::PDU_BYTES_MAX {
            let message = format!("An event has at most {} bytes, all told.", limits::PDU_BYTES_MAX);
            return Err(refuse(Reason::TooLarge, message));
        }
        Ok(content)
    }
}

/// A checked event.
struct CheckedDelayed {
    who: Requester,
    room_id: OwnedRoomId,
    txn: Option<Txn>,
    id: String,
    kind: String,
    state_key: Option<String>,
    content: String,
    delay: Duration,
    timestamp_ms: Option<Millis>,
}

impl CheckedDelayed {
    fn store(self, core: &Arc<RoomCore>, tx: &mut WriteTx<'_>) -> Result<String> {
        if let Some(txn) = &self.txn
            && let Some(id) = txn.answered(tx.tx(), &self.who)?
        {
            return Ok(id);
        }
        // Inside the write closure, where requests run one after another: together they cannot exceed the limit.
        check_room_for_one(core, &self.who)?;
        let room = find::joined(tx.tx(), &self.room_id, self.who.user)?;
        self.check_auth(core, tx, &room)?;
        let now_ms = core.now_ms();
        let wanted = DelayedEventRow {
            id: self.id,
            user: self.who.user,
            room: room.sn,
            kind: self.kind,
            state_key: self.state_key,
            content: self.content,
            timestamp_ms: self.timestamp_ms,
            delay_ms: u64::try_from(self.delay.as_millis()).unwrap_or(u64::MAX),
            since_ms: now_ms,
        };
        table::insert(tx.tx(), &wanted)?;
        if let Some(txn) = self.txn {
            txn.remember(tx, &self.who, &wanted.id, now_ms)?;
        }
        let state = wanted.state_key.as_ref().map(|key| state_name(&wanted.kind, key));
        let new = NewDelayed { user: wanted.user, room: wanted.room, state, delay: self.delay, since_ms: now_ms };
        // Inside the closure, so that later closures of the same batch see the event. If the batch fails, the loop
        // finds the event in memory but not in the database when it is due, and drops it.
        core.delayed.book.lock().add(wanted.id.as_str().into(), new, Instant::now() + self.delay);
        let core = core.clone();
        tx.after_commit(move || core.delayed.sooner.notify_one());
        Ok(wanted.id)
    }

    /// Refuses with `M_FORBIDDEN` an event that its sender could not send now: clients learn at once that it would fail
    /// later. The rules are checked again when it is sent.
    fn check_auth(&self, core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, room: &Room) -> Result<()> {
        let mut content = content::from_client(&self.content)?;
        let draft = match &self.state_key {
            Some(state_key) => Draft::state(self.kind.clone(), state_key.clone(), content),
            None => {
                let redacts = send::take_redacts(&self.kind, &mut content)?;
                if let Some(target) = &redacts {
                    redaction::check(core, tx.tx(), room, &self.who.user_id, target)?;
                }
                Draft { redacts, ..Draft::message(self.kind.clone(), content) }
            }
        };
        prepare(core, tx.tx(), room, &self.who.user_id, draft).map(drop)
    }
}

/// Refuses a user with too many scheduled events, and all users when the server has too many.
fn check_room_for_one(core: &RoomCore, who: &Requester) -> Result<()> {
    let book = core.delayed.book.lock();
    if book.count_of(who.user) < limits::DELAYED_EVENTS_PER_USER_MAX && book.len() < limits::DELAYED_EVENTS_MAX {
        return Ok(());
    }
    let next = book.first_of(who.user).or_else(|| book.next_due());
    let wait = next.map_or(Duration::ZERO, |next| next.saturating_duration_since(Instant::now()));
    let retry_after_ms = u64::try_from(wait.as_millis()).unwrap_or(u64::MAX).max(1);
    let refusal =
        refusal(Reason::LimitExceeded { retry_after_ms }, "Too many events wait already: cancel some, or wait.");
    Err(refusal.with("org.matrix.msc4140.errcode", "M_MAX_DELAYED_EVENTS_EXCEEDED").into())
}
