//! Sends a delayed event and marks it as sent in one transaction, so a crash neither sends it twice nor loses it.
//! Only an invite of a remote user takes two transactions; see `actions`.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, UserSn};
use hearth_store::tables::delayed_events::{self as table, DelayedEventRow};
use hearth_store::tables::{accounts, rooms, users};
use ruma::canonical_json::CanonicalJsonObject;
use ruma::{OwnedEventId, OwnedRoomId, OwnedUserId, UserId};

use super::model::DelayId;
use super::{Delayed, NO_DEVICE};
use crate::RoomCore;
use crate::append::Sender;
use crate::event::Draft;
use crate::{content, find, membership, policy, send, set_state};

/// The result of sending a delayed event.
pub enum Delivery {
    /// The event is not scheduled any more.
    NotWaiting,
    /// The event is in the room.
    Sent,
    /// The event invites a remote user, whose server must sign it first: it stays scheduled until [`Delayed::sent`].
    RemoteInvite {
        /// The inviting user.
        origin: Sender,
        /// The target room.
        room_id: OwnedRoomId,
        /// The invited user.
        target: OwnedUserId,
        /// The content of the member event.
        content: CanonicalJsonObject,
    },
}

impl Delayed {
    /// Sends an event, as far as this server can alone. Returns the errors of a direct send; the event stays
    /// scheduled then.
    #[boxed]
    pub async fn send(&self, id: DelayId) -> Result<Delivery> {
        let core = self.core.clone();
        policy::write(&self.core, "delayed_send", move |tx| in_tx(&core, tx, id)).await
    }

    /// Records that an event has been sent as `event_id`. Returns whether it was scheduled.
    #[boxed]
    pub async fn sent(&self, id: DelayId, event_id: OwnedEventId) -> Result<bool> {
        let core = self.core.clone();
        let write = move |tx: &mut WriteTx<'_>| {
            let Some((wanted, None)) = table::get(tx.tx(), &id)? else { return Ok(false) };
            let event = core.events.find(tx.tx(), &event_id)?;
            let event = event.ok_or_else(|| Error::broken("an event that was just sent is missing"))?;
            note_sent(&core, tx, id, wanted.user, event.sn).map(|()| true)
        };
        self.core.store.write("delayed_sent", write).await
    }
}

fn in_tx(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, id: DelayId) -> Result<Delivery> {
    let Some((wanted, None)) = table::get(tx.tx(), &id)? else {
        let core = core.clone();
        tx.after_commit(move || core.delayed.book.lock().remove(&id));
        return Ok(Delivery::NotWaiting);
    };
    check_standing(tx.tx(), &wanted)?;
    let sender = users::name(tx.tx(), wanted.user)?.ok_or_else(|| Error::broken("a sender is missing"))?;
    let sender = UserId::parse(sender).map_err(|error| Error::fault("reading a stored user id", error))?;
    let room = rooms::by_sn(tx.tx(), wanted.room)?.ok_or_else(|| Error::not_found("The room is gone."))?;
    let room_id = find::id(&room)?;
    let user = wanted.user;
    // The sender's clients recognise the event by its delay id: see `read/present.rs`.
    let origin = Sender { txn: Some((NO_DEVICE, wanted.id)), ..Sender::new(user, &sender) };
    let mut content = content::from_client(&wanted.content)?;
    let timestamp_ms = wanted.timestamp_ms;
    let Some(state_key) = wanted.state_key else {
        let redacts = send::take_redacts(&wanted.kind, &mut content)?;
        let draft = Draft { redacts, timestamp_ms, ..Draft::message(wanted.kind, content) };
        let event = send::say(core, tx, &room_id, &origin, draft)?.sn;
        return note_sent(core, tx, id, user, event).map(|()| Delivery::Sent);
    };
    if let Some(target) = membership::remotely_invited(core, &wanted.kind, &state_key, &content) {
        return Ok(Delivery::RemoteInvite { origin, room_id, target, content });
    }
    let draft = Draft { timestamp_ms, ..Draft::state(wanted.kind, state_key, content) };
    let event_id = set_state::put(core, tx, &room_id, &origin, draft)?;
    let event = core.events.find(tx.tx(), &event_id)?;
    let event = event.ok_or_else(|| Error::broken("an event that was just sent is missing"))?;
    note_sent(core, tx, id, user, event.sn).map(|()| Delivery::Sent)
}

/// Records within a transaction that a delayed event is now `event`.
fn note_sent(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, id: DelayId, user: UserSn, event: EventSn) -> Result<()> {
    table::sent(tx.tx(), &id, core.now_ms(), event)?;
    table::prune_user(tx.tx(), user, limits::DELAYED_FINALISED_PER_USER_MAX)?;
    let core = core.clone();
    tx.after_commit(move || core.delayed.book.lock().remove(&id));
    Ok(())
}

/// Refuses users who may not send the event themselves. An event that removes the user's own state is sent all the
/// same: otherwise a call would keep showing a user who was removed.
fn check_standing(tx: &mut dyn Tx, wanted: &DelayedEventRow) -> Result<()> {
    let Some(account) = accounts::get(tx, wanted.user)? else { return Ok(()) };
    if account.deactivated_ms.is_some() {
        return Err(refuse(Reason::UserDeactivated, "The account has been deactivated."));
    }
    let takes_away = wanted.state_key.is_some() && wanted.content == "{}";
    if account.is(accounts::LOCKED) && !takes_away {
        return Err(refuse(Reason::UserLocked, "The account has been locked."));
    }
    if account.is(accounts::SUSPENDED) && !takes_away {
        return Err(refuse(Reason::UserSuspended, "The account has been suspended."));
    }
    Ok(())
}
