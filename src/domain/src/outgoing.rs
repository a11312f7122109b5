//! What this server has to tell others: put down in the transaction that makes it so, or, what need not survive a restart,
//! handed on in memory.
//!
//! This is the slot that every part of the domain drops its news into. Taking them out and sending them is the business of
//! `federation/outbox`; until that runs, what is durable waits in the database and the rest is dropped.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hearth_base::{Error, Millis, Position, Reason, Result, error::refuse, limits};
use hearth_store::WriteTx;
use hearth_store::tables::outgoing::{self, OutgoingKind};
use parking_lot::Mutex;
use ruma::api::federation::transactions::edu::{Edu, PresenceUpdate};
use ruma::{OwnedEventId, OwnedRoomId, OwnedServerName, OwnedUserId, ServerName};
use tokio::sync::Notify;

use crate::canonical;
use crate::core::Core;
use crate::rooms::load::Event;
use crate::rooms::servers::Servers;

/// What is only worth telling while it is fresh. Newer news of the same kind about the same thing replace older ones.
#[derive(Debug, Clone)]
pub enum EphemeralEdu {
    /// Somebody of this server types in a room, or no longer does.
    Typing {
        /// The room.
        room: OwnedRoomId,
        /// Who.
        user: OwnedUserId,
        /// Whether they type.
        typing: bool,
    },
    /// Somebody of this server has read up to an event.
    Receipt {
        /// The room.
        room: OwnedRoomId,
        /// Who.
        user: OwnedUserId,
        /// The thread, `main`, or none for a receipt of the whole room.
        thread: Option<String>,
        /// Up to which event.
        event: OwnedEventId,
        /// When.
        at_ms: Millis,
    },
    /// Somebody of this server is there, or not.
    Presence(PresenceUpdate),
}

/// One piece of news on its way to the sender.
#[derive(Debug)]
pub(crate) enum OutgoingItem {
    /// Durable, and committed.
    Row(Position, OutgoingKind, Servers),
    /// In memory only.
    Ephemeral(Arc<[OwnedServerName]>, Arc<EphemeralEdu>),
}

/// The slot.
#[derive(Debug, Default)]
pub struct Outgoing {
    open: AtomicBool,
    posted: Mutex<Vec<OutgoingItem>>,
    bell: Notify,
}

impl Outgoing {
    /// Puts an event down for these servers. `at` is a position that no other news have.
    pub(crate) fn event(
        &self,
        core: &Arc<Core>,
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
        tx.after_commit(move || core.outgoing.post(OutgoingItem::Row(at, news, to)));
        Ok(())
    }

    /// Puts something that is no event down for these servers, to be sent however long it takes: messages to devices, changes
    /// of device lists and of signing keys. An update of the same device or keys replaces what a server has not got yet.
    ///
    /// Servers that the configuration keeps out, and this one, are passed over. Refuses with `M_TOO_LARGE` beyond
    /// [`limits::EDU_BYTES_MAX`], with `M_BAD_JSON` what is not canonical JSON: no transaction with it could be signed.
    pub fn edu<'a>(
        &self,
        core: &Arc<Core>,
        tx: &mut WriteTx<'_>,
        to: impl IntoIterator<Item = &'a ServerName>,
        edu: &Edu,
    ) -> Result<()> {
        let to = Servers::intern(core, tx, to)?;
        if to.is_empty() {
            return Ok(());
        }
        let json = serde_json::to_string(edu).map_err(|error| Error::fault("writing an EDU as JSON", error))?;
        if json.len() > limits::EDU_BYTES_MAX {
            let message =
                format!("What goes to another server at once must not exceed {} bytes.", limits::EDU_BYTES_MAX);
            return Err(refuse(Reason::TooLarge, message));
        }
        canonical::check("What goes to another server", &json)?;
        let (at, key) = (tx.position(), coalesce_key(edu));
        outgoing::add_edu(tx.tx(), at, &to.sns(), key.as_deref(), &json)?;
        let core = core.clone();
        tx.after_commit(move || core.outgoing.post(OutgoingItem::Row(at, OutgoingKind::Edu { key }, to)));
        Ok(())
    }

    /// Hands on something that need not survive a restart. To servers that cannot be reached it never gets, or late.
    pub fn ephemeral(&self, to: Arc<[OwnedServerName]>, news: EphemeralEdu) {
        if !to.is_empty() {
            self.post(OutgoingItem::Ephemeral(to, Arc::new(news)));
        }
    }

    fn post(&self, posted: OutgoingItem) {
        // Whoever opens the slot reads the database afterwards, and finds there what was not posted.
        if self.open.load(Ordering::Acquire) {
            self.posted.lock().push(posted);
            self.ring();
        }
    }

    /// From now on news are kept until they are taken.
    pub(crate) fn open(&self) {
        self.open.store(true, Ordering::Release);
    }

    /// From now on news are not kept, and those that nobody took are dropped.
    pub(crate) fn close(&self) {
        self.open.store(false, Ordering::Release);
        self.posted.lock().clear();
    }

    /// Takes what there is.
    pub(crate) fn take(&self) -> Vec<OutgoingItem> {
        std::mem::take(&mut *self.posted.lock())
    }

    /// Wakes the sender.
    pub(crate) fn ring(&self) {
        self.bell.notify_one();
    }

    /// Sleeps until there is something, or [`Self::ring`] was called since this last returned.
    pub(crate) async fn rung(&self) {
        self.bell.notified().await;
    }
}

/// What makes an older EDU superfluous: a newer one with the same key. A server that misses an update of a device list in
/// between notices, and asks for the whole list (server-server API, "Device Management").
fn coalesce_key(edu: &Edu) -> Option<String> {
    match edu {
        Edu::DeviceListUpdate(update) => Some(format!("device {} {}", update.user_id, update.device_id)),
        Edu::SigningKeyUpdate(update) => Some(format!("keys {}", update.user_id)),
        _ => None,
    }
}
