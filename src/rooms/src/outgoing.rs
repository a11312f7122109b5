//! Outgoing PDUs and EDUs: durable ones are inserted in the transaction that causes them, ephemeral ones are passed on
//! in memory.
//!
//! All domain services write here. `federation/outbox` takes the items and sends them; until it runs, durable items
//! wait in the database and ephemeral ones are dropped.

mod shares;

use hearth_base::boxed;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::{Error, Millis, Position, Reason, Result, error::refuse, limits};
use hearth_core::canonical;
use hearth_store::WriteTx;
use hearth_store::tables::outgoing::{self, NewEdu, OutgoingKind, OutgoingShare};
use parking_lot::Mutex;
use ruma::api::federation::transactions::edu::{Edu, PresenceUpdate};
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, ServerName};
use tokio::sync::Notify;

use crate::RoomCore;
use crate::load::Event;
use crate::servers::Servers;

pub use shares::OutgoingShares;

/// An EDU that is not durable. A newer one about the same thing replaces it.
#[derive(Debug, Clone)]
pub enum EphemeralEdu {
    /// A local user starts or stops typing.
    Typing {
        /// The room of the notification.
        room: OwnedRoomId,
        /// The typing user.
        user: OwnedUserId,
        /// Whether they are typing.
        typing: bool,
    },
    /// A local user has read up to an event.
    Receipt {
        /// The room of the receipt.
        room: OwnedRoomId,
        /// The reading user.
        user: OwnedUserId,
        /// The thread, `main`, or `None` for an unthreaded receipt.
        thread: Option<String>,
        /// The last read event.
        event: OwnedEventId,
        /// Time of the receipt, in milliseconds.
        at_ms: Millis,
    },
    /// A presence update of a local user.
    Presence(PresenceUpdate),
}

/// One item on its way to the outbox.
#[derive(Debug)]
pub enum OutgoingItem {
    /// A durable item, committed.
    Row(Position, OutgoingKind, Servers),
    /// An item in memory only.
    Ephemeral(Arc<[OwnedServerName]>, Arc<EphemeralEdu>),
    /// So many EDUs were not queued for a server, because its queue has no room for their sender.
    LeftOut(OwnedServerName, usize),
}

/// An EDU whose space in the queues is reserved.
#[derive(Debug)]
struct PendingEdu {
    at: Position,
    key: Option<String>,
    share: Option<OutgoingShare>,
    queued_ms: Option<Millis>,
    json: String,
    reserved: Vec<shares::Reservation>,
}

/// The queue between the domain and the outbox.
#[derive(Debug, Default)]
pub struct Outgoing {
    open: AtomicBool,
    posted: Mutex<Vec<OutgoingItem>>,
    bell: Notify,
    shares: Arc<OutgoingShares>,
}

impl Outgoing {
    /// Inserts an event for these servers. No other item may use the position `at`.
    pub fn event(
        &self,
        core: &Arc<RoomCore>,
        tx: &mut WriteTx<'_>,
        at: Position,
        to: Servers,
        event: &Event,
    ) -> Result<()> {
        if to.is_empty() {
            return Ok(());
        }
        outgoing::add_event(tx.tx(), at, &to.sns(), event.sn, event.room)?;
        let (core, news) = (core.clone(), OutgoingKind::Event { event: event.sn, room: event.room });
        // After the commit, so that no event is sent that a rollback would undo.
        tx.after_commit(move || core.outgoing.post(OutgoingItem::Row(at, news, to)));
        Ok(())
    }

    /// Inserts a durable EDU for these servers: device list updates and cross-signing key updates. An update of the
    /// same device or keys replaces an undelivered one.
    ///
    /// Servers denied by the configuration, and this one, are skipped. `M_TOO_LARGE` beyond [`limits::EDU_BYTES_MAX`],
    /// `M_BAD_JSON` without a canonical form: a transaction with it could not be signed. `M_LIMIT_EXCEEDED` when a
    /// to-device message exceeds its sender's share of a queue.
    pub fn edu<'a>(
        &self,
        core: &Arc<RoomCore>,
        tx: &mut WriteTx<'_>,
        to: impl IntoIterator<Item = &'a ServerName>,
        edu: &Edu,
    ) -> Result<()> {
        let to = Servers::intern(core, tx, to)?;
        if to.is_empty() {
            return Ok(());
        }
        let pending = self.reserve(core, tx, &to, edu)?;
        insert(core, tx, to, pending)
    }

    /// Inserts to-device messages for one server: all, or none with `M_LIMIT_EXCEEDED` when they exceed their sender's
    /// share of its queue. Other errors are those of [`Self::edu`].
    pub fn to_device(&self, core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, to: &ServerName, edus: &[Edu]) -> Result<()> {
        let to = Servers::intern(core, tx, [to])?;
        if to.is_empty() {
            return Ok(());
        }
        // All before the first is inserted: an error drops the reservations, and no row has to be taken back.
        let pending: Vec<_> = edus.iter().map(|edu| self.reserve(core, tx, &to, edu)).collect::<Result<_>>()?;
        pending.into_iter().try_for_each(|one| insert(core, tx, to.clone(), one))
    }

    /// Notes for the operator that a server never gets so many EDUs, because they exceed their sender's share.
    pub fn leave_out(&self, core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, server: &ServerName, count: usize) {
        let (core, server) = (core.clone(), server.to_owned());
        tx.after_commit(move || core.outgoing.post(OutgoingItem::LeftOut(server, count)));
    }

    fn reserve(&self, core: &RoomCore, tx: &mut WriteTx<'_>, to: &Servers, edu: &Edu) -> Result<PendingEdu> {
        let json = serde_json::to_string(edu).map_err(|error| Error::fault("writing an EDU as JSON", error))?;
        if json.len() > limits::EDU_BYTES_MAX {
            let message =
                format!("What goes to another server at once must not exceed {} bytes.", limits::EDU_BYTES_MAX);
            return Err(refuse(Reason::TooLarge, message));
        }
        canonical::check("What goes to another server", &json)?;
        let (at, key, share) = (tx.position(), coalesce_key(edu), share(edu, &json));
        let queued_ms = share.map(|_| core.now_ms());
        let reserve = |(sn, name): &(_, OwnedServerName), share| self.shares.reserve(at, (*sn, name), share);
        let reserved = share.into_iter().flat_map(|share| to.iter().map(move |server| reserve(server, share)));
        let reserved = reserved.collect::<Result<_>>()?;
        Ok(PendingEdu { at, key, share, queued_ms, json, reserved })
    }

    /// How much of the queues each user fills. The outbox releases what it has sent.
    #[must_use]
    pub fn shares(&self) -> Arc<OutgoingShares> {
        Arc::clone(&self.shares)
    }

    /// Passes on an ephemeral EDU. An unreachable server gets it late or never.
    pub fn ephemeral(&self, to: Arc<[OwnedServerName]>, news: EphemeralEdu) {
        if !to.is_empty() {
            self.post(OutgoingItem::Ephemeral(to, Arc::new(news)));
        }
    }

    fn post(&self, posted: OutgoingItem) {
        // When the queue is closed, the item need not be posted: the outbox opens it before reading the database and
        // finds the row there.
        if self.open.load(Ordering::Acquire) {
            self.posted.lock().push(posted);
            self.ring();
        }
    }

    /// Starts queueing items.
    pub fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// Stops queueing items, and drops the queued ones.
    pub fn close(&self) {
        self.open.store(false, Ordering::Release);
        self.posted.lock().clear();
    }

    /// Takes all queued items.
    pub fn take(&self) -> Vec<OutgoingItem> {
        std::mem::take(&mut *self.posted.lock())
    }

    /// Wakes the outbox.
    pub fn ring(&self) {
        self.bell.notify_one();
    }

    /// Waits for an item, or for a [`Self::ring`] since the last return.
    #[boxed]
    pub async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// Inserts the row of an EDU, and passes it on after the commit.
fn insert(core: &Arc<RoomCore>, tx: &mut WriteTx<'_>, to: Servers, edu: PendingEdu) -> Result<()> {
    let PendingEdu { at, key, share, queued_ms, json, reserved } = edu;
    let row = NewEdu { key: key.as_deref(), share, queued_ms, json: &json };
    outgoing::add_edu(tx.tx(), at, &to.sns(), row)?;
    let core = core.clone();
    tx.after_commit(move || {
        reserved.into_iter().for_each(shares::Reservation::commit);
        core.outgoing.post(OutgoingItem::Row(at, OutgoingKind::Edu { key, queued_ms }, to));
    });
    Ok(())
}

/// Whose share of a queue an EDU takes: to-device messages alone, because all others are merged and so bounded.
fn share(edu: &Edu, json: &str) -> Option<OutgoingShare> {
    match edu {
        Edu::DirectToDevice(content) => Some(OutgoingShare::of(content.sender.as_str(), json.len())),
        _ => None,
    }
}

/// The key under which a newer EDU replaces an older one. A server that misses a device list update detects the gap,
/// and fetches the whole list (server-server API, "Device Management").
fn coalesce_key(edu: &Edu) -> Option<String> {
    match edu {
        Edu::DeviceListUpdate(update) => Some(format!("device {} {}", update.user_id, update.device_id)),
        Edu::SigningKeyUpdate(update) => Some(format!("keys {}", update.user_id)),
        _ => None,
    }
}
