//! Read receipts (client-server API, "Receipts"), and the private marker ("Fully read markers").

use hearth_base::boxed;
use std::collections::BTreeMap;
use std::sync::Arc;

use hearth_base::{Error, Millis, Position, Result};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::outgoing::EphemeralEdu;
use hearth_rooms::{find, servers};
use hearth_store::WriteTx;
use hearth_store::engine::Tx;
use hearth_store::ids::{RoomSn, UserSn};
use hearth_store::tables::receipts::{self, ReceiptRow, Thread};
use hearth_store::tables::rooms::Room;
use hearth_store::tables::{account_data, users};
use ruma::events::receipt::ReceiptThread;
use ruma::{EventId, OwnedEventId, RoomId};
use serde_json::{Map, Value, json};

/// The read markers of one request.
#[derive(Debug, Clone, Default)]
pub struct Read {
    /// `m.fully_read`: stored in the room's account data.
    pub fully: Option<OwnedEventId>,
    /// `m.read`.
    pub public: Option<(OwnedEventId, ReceiptThread)>,
    /// `m.read.private`.
    pub private: Option<(OwnedEventId, ReceiptThread)>,
}

/// Sets read markers of a user in a room that they have joined.
#[boxed]
pub async fn mark_read(core: &Arc<RoomCore>, requester: &Requester, room_id: &RoomId, read: Read) -> Result<()> {
    let (this, requester, room_id) = (core.clone(), requester.clone(), room_id.to_owned());
    let write = move |tx: &mut WriteTx<'_>| {
        let room = find::joined(tx.tx(), &room_id, requester.user)?;
        if let Some(event_id) = &read.fully {
            set_marker(&this, tx, &room, &requester, event_id)?;
        }
        for (receipt, private) in [(&read.public, false), (&read.private, true)] {
            let Some((event_id, thread)) = receipt else { continue };
            let receipt = Receipt { event_id, thread, private, at_ms: this.now_ms() };
            if set(&this, tx, &room, requester.user, receipt)? && !private {
                tell(&this, tx, &room, &requester, receipt)?;
            }
        }
        Ok(())
    };
    core.store.write("receipt_set", write).await
}

fn set_marker(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    requester: &Requester,
    event_id: &EventId,
) -> Result<()> {
    let content = json!({ "event_id": event_id }).to_string();
    if account_data::get(tx.tx(), requester.user, room.sn, "m.fully_read")?.as_deref() == Some(&content) {
        return Ok(());
    }
    let at = tx.position();
    account_data::set(tx.tx(), requester.user, room.sn, "m.fully_read", Some(&content), at)?;
    let (core, user) = (core.clone(), requester.user);
    tx.after_commit(move || core.notifier.wake(&[user], at));
    Ok(())
}

/// A receipt to store.
#[derive(Debug, Clone, Copy)]
pub struct Receipt<'a> {
    /// The last read event.
    pub event_id: &'a EventId,
    /// The thread, or the whole room.
    pub thread: &'a ReceiptThread,
    /// Whether only the user sees it.
    pub private: bool,
    /// Time of the receipt.
    pub at_ms: Millis,
}

/// Stores a receipt of a joined user; returns whether it moved forward.
///
/// Refuses with `M_NOT_FOUND` unknown events and with `M_INVALID_PARAM` unknown threads.
pub fn set(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    user: UserSn,
    receipt: Receipt<'_>,
) -> Result<bool> {
    let Receipt { event_id, thread, private, at_ms } = receipt;
    let event = core.events.find(tx.tx(), event_id)?.filter(|event| event.room == room.sn);
    let Some((event, ord)) = event.and_then(|event| event.ord.map(|ord| (event, ord))) else {
        return Err(Error::not_found(format!("{event_id} is not in this room.")));
    };
    let thread = match thread {
        ReceiptThread::Unthreaded => Thread::Unthreaded,
        ReceiptThread::Main => Thread::Main,
        ReceiptThread::Thread(root) => match core.events.find(tx.tx(), root)? {
            Some(root) if root.room == room.sn => Thread::Root(root.sn),
            _ => return Err(Error::invalid(format!("{root} is not the root of a thread in this room."))),
        },
        other => return Err(Error::invalid(format!("{other:?} is not a thread."))),
    };
    let row = ReceiptRow { user, private, thread, event: event.sn, ord, at_ms };
    let at = tx.position();
    if !receipts::set(tx.tx(), room.sn, &row, at)? {
        return Ok(false);
    }
    let (core, room) = (core.clone(), room.sn);
    if private {
        tx.after_commit(move || core.notifier.wake_room(room, &[user], at));
    } else {
        let members = core.locals.get(tx.tx(), room)?;
        tx.after_commit(move || core.notifier.wake_room(room, &members, at));
    }
    Ok(true)
}

/// Sends a receipt to the other servers in the room.
fn tell(
    core: &Arc<RoomCore>,
    tx: &mut WriteTx<'_>,
    room: &Room,
    requester: &Requester,
    receipt: Receipt<'_>,
) -> Result<()> {
    let servers = servers::of(core, tx.tx(), room.sn)?;
    let news = EphemeralEdu::Receipt {
        room: find::id(room)?,
        user: requester.user_id.clone(),
        thread: receipt.thread.as_str().map(str::to_owned),
        event: receipt.event_id.to_owned(),
        at_ms: receipt.at_ms,
    };
    let core = core.clone();
    tx.after_commit(move || core.outgoing.ephemeral(servers, news));
    Ok(())
}

/// The `m.receipt` content for one reader: receipts that changed after one position and up to another. `None` if there
/// are none.
pub fn news(
    core: &RoomCore,
    tx: &mut dyn Tx,
    room: RoomSn,
    reader: UserSn,
    after: Position,
    upto: Position,
) -> Result<Option<Value>> {
    news_of(core, tx, (room, reader), (after, upto), &|_| true)
}

/// As [`news`], for the receipts that `is_wanted` accepts.
pub fn news_of(
    core: &RoomCore,
    tx: &mut dyn Tx,
    (room, reader): (RoomSn, UserSn),
    (after, upto): (Position, Position),
    is_wanted: &dyn Fn(&ReceiptRow) -> bool,
) -> Result<Option<Value>> {
    let mut content: BTreeMap<String, Map<String, Value>> = BTreeMap::new();
    for receipt in receipts::changed(tx, room, after, upto)? {
        if (receipt.private && receipt.user != reader) || !is_wanted(&receipt) {
            continue;
        }
        // A client gets one receipt of a kind per user and event, so the unthreaded one wins (MSC4102).
        if receipt.thread != Thread::Unthreaded && is_read_as_whole(tx, room, &receipt)? {
            continue;
        }
        let Some(user) = users::name(tx, receipt.user)? else { continue };
        let event = core.events.get(tx, receipt.event)?;
        let mut what = Map::from_iter([("ts".to_owned(), receipt.at_ms.into())]);
        match receipt.thread {
            Thread::Unthreaded => {}
            Thread::Main => _ = what.insert("thread_id".to_owned(), "main".into()),
            Thread::Root(root) => {
                let root = core.events.get(tx, root)?;
                what.insert("thread_id".to_owned(), root.pdu.event_id.as_str().into());
            }
        }
        let kind = if receipt.private { "m.read.private" } else { "m.read" };
        let kinds = content.entry(event.pdu.event_id.to_string()).or_default();
        let by_user = kinds.entry(kind).or_insert_with(|| json!({}));
        if let Some(by_user) = by_user.as_object_mut() {
            by_user.insert(user, Value::Object(what));
        }
    }
    Ok((!content.is_empty()).then(|| json!(content)))
}

/// Whether the user has an unthreaded receipt of the same kind on the same event.
fn is_read_as_whole(tx: &mut dyn Tx, room: RoomSn, receipt: &ReceiptRow) -> Result<bool> {
    let is_whole = |other: &ReceiptRow| {
        other.thread == Thread::Unthreaded && other.private == receipt.private && other.event == receipt.event
    };
    Ok(receipts::of_user(tx, room, receipt.user)?.iter().any(is_whole))
}
