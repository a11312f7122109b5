//! Sending an event that has waited: the event, and that it waits no longer, in one transaction. So it is never sent twice and
//! never lost, whenever the server dies.

use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::delayed_events::{self as table, DelayedEventRow};
use hearth_store::tables::{accounts, rooms, users};
use ruma::UserId;

use super::NO_DEVICE;
use super::model::DelayId;
use crate::core::Core;
use crate::rooms::append::Sender;
use crate::rooms::event::Draft;
use crate::rooms::{content, find, policy, send, set_state};

/// Sends an event; says whether it was waiting. A refusal is what sending it at once would have met; it goes on waiting then.
pub(super) async fn send(core: &Arc<Core>, id: DelayId) -> Result<bool> {
    let shared_core = core.clone();
    policy::write(core, "delayed_send", move |tx| in_tx(&shared_core, tx, id)).await
}

fn in_tx(core: &Arc<Core>, tx: &mut WriteTx<'_>, id: DelayId) -> Result<bool> {
    let wanted = match table::get(tx.tx(), &id)? {
        Some((wanted, None)) => Some(wanted),
        _ => None,
    };
    let is_sent = wanted.is_some();
    if let Some(wanted) = wanted {
        let user = wanted.user;
        let event = append(core, tx, wanted)?;
        table::sent(tx.tx(), &id, core.now_ms(), event)?;
        table::prune_user(tx.tx(), user, limits::DELAYED_FINALISED_PER_USER_MAX)?;
    }
    let core = core.clone();
    tx.after_commit(move || core.delayed.book.lock().remove(&id));
    Ok(is_sent)
}

fn append(core: &Arc<Core>, tx: &mut WriteTx<'_>, wanted: DelayedEventRow) -> Result<EventSn> {
    check_standing(tx.tx(), &wanted)?;
    let sender = users::name(tx.tx(), wanted.user)?.ok_or_else(|| Error::broken("a sender is missing"))?;
    let sender = UserId::parse(sender).map_err(|error| Error::fault("reading a stored user id", error))?;
    let room = rooms::by_sn(tx.tx(), wanted.room)?.ok_or_else(|| Error::not_found("The room is gone."))?;
    let room_id = find::id(&room)?;
    // The sender's clients recognise it by that: see `read/present.rs`.
    let origin = Sender { txn: Some((NO_DEVICE, wanted.id)), ..Sender::new(wanted.user, &sender) };
    let mut content = content::from_client(&wanted.content)?;
    let timestamp_ms = wanted.timestamp_ms;
    let Some(state_key) = wanted.state_key else {
        let redacts = send::take_redacts(&wanted.kind, &mut content)?;
        let draft = Draft { redacts, timestamp_ms, ..Draft::message(wanted.kind, content) };
        return Ok(send::say(core, tx, &room_id, &origin, draft)?.sn);
    };
    let draft = Draft { timestamp_ms, ..Draft::state(wanted.kind, state_key, content) };
    let event_id = set_state::put(core, tx, &room_id, &origin, draft)?;
    let event = core.events.find(tx.tx(), &event_id)?;
    event.map(|event| event.sn).ok_or_else(|| Error::broken("an event that was just sent is missing"))
}

/// Refuses for those who may not send it themselves. What takes state of theirs away goes out even so: nobody gains by a call
/// that seems to have somebody in it who was thrown out.
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
