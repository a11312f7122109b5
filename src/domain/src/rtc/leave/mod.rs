//! Delegated leave events (MSC4195, `delegate_delayed_leave`): a client delegates the delayed event that ends its
//! call membership. This server restarts the delay while the SFU lists the user, and sends the event when they are
//! gone.
//!
//! A webhook of the SFU is only a hint: the server asks the SFU for the participants, so an old, repeated or lost
//! webhook does no harm. It also asks every half minute. If the SFU does not answer for two minutes, the delay ends
//! and the event is sent; the same happens for users who never connect.

mod model;
mod watch;
mod webhook;

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result, limits};
use hearth_rooms::RoomCore;
use hearth_rooms::delayed::Delayed;
use hearth_store::tables::delegated_leaves::{self as table, Delegated};
use hearth_store::tables::{rooms, users};
use hearth_store::{Lane, WriteTx};
use parking_lot::Mutex;
use ruma::UserId;
use tokio::sync::Notify;
use tokio::time::Instant;

use super::{Rtc, TokenRequest, names, nothing_here};
use crate::actions::Actions;
use model::{LeaveSeat, LeavesModel};

/// The delegated leave events.
#[derive(Debug)]
pub struct Leaves {
    core: Arc<RoomCore>,
    rtc: Arc<Rtc>,
    delayed: Arc<Delayed>,
    actions: Arc<Actions>,
    book: Mutex<LeavesModel>,
    /// Wakes the loop that polls the SFU.
    sooner: Notify,
}

impl Leaves {
    /// Creates the service and loads the leaves that were delegated before the start; [`Leaves::run`] then asks the
    /// SFU about them.
    pub fn new(core: Arc<RoomCore>, rtc: Arc<Rtc>, delayed: Arc<Delayed>, actions: Arc<Actions>) -> Result<Self> {
        let (mut book, mut gone) = (LeavesModel::default(), Vec::new());
        for row in core.store.read_blocking("leaves_load", |tx| table::all(tx.tx()))? {
            if rtc.is_there() && delayed.waiting(&row.delay_id).is_some() {
                let place = LeaveSeat { room: row.sfu_room, identity: row.identity };
                book.add(row.delay_id.into(), place, row.connected, Instant::now());
            } else {
                // The delayed event was sent or cancelled, or group calls were disabled since.
                gone.push(row.delay_id);
            }
        }
        if !gone.is_empty() {
            core.store.write_blocking(Lane::Upkeep, "leaves_tidy", move |tx| {
                gone.iter().try_for_each(|id| table::delete(tx.tx(), id))
            })?;
        }
        Ok(Self { core, rtc, delayed, actions, book: Mutex::new(book), sooner: Notify::new() })
    }

    /// Takes over the delayed leave event of a local user.
    ///
    /// `M_NOT_FOUND` when the user has no such scheduled event in that room; `M_INVALID_PARAM` when `url` is not this
    /// server's SFU; `M_UNRECOGNIZED` without group calls.
    #[boxed]
    pub async fn delegate(&self, user: &UserId, url: &str, wish: TokenRequest<'_>, delay_id: &str) -> Result<()> {
        if !self.rtc.is_there() {
            return Err(nothing_here());
        }
        self.rtc.check_url(url)?;
        if wish.slot.is_empty() || wish.slot.len() > limits::RTC_NAME_BYTES_MAX {
            return Err(Error::invalid(format!("A slot has between 1 and {} bytes.", limits::RTC_NAME_BYTES_MAX)));
        }
        let waiting = self.delayed.waiting(delay_id).ok_or_else(unknown)?;
        let (owner, room) = (user.to_owned(), wish.room.to_owned());
        let read = self.core.store.read("leave_check", move |tx| {
            let room = rooms::by_id(tx.tx(), room.as_str())?;
            Ok((users::find(tx.tx(), owner.as_str())?, room.map(|room| room.sn)))
        });
        if read.await? != (Some(waiting.user), Some(waiting.room)) {
            return Err(unknown());
        }
        // From here the client stops restarting the delay. Restart it once, and poll the SFU next.
        self.delayed.lease(delay_id, std::time::Duration::ZERO).await?;
        let place =
            LeaveSeat { room: names::room_name(wish.room, wish.slot), identity: names::identity(user, wish.member) };
        self.keep(delay_id, place).await
    }

    async fn keep(&self, delay_id: &str, place: LeaveSeat) -> Result<()> {
        let id: model::LeaveId = delay_id.into();
        let replaced = self.book.lock().add(id.clone(), place.clone(), false, Instant::now());
        let row = Delegated {
            delay_id: delay_id.to_owned(),
            sfu_room: place.room,
            identity: place.identity,
            connected: false,
        };
        let write = self.core.store.write("leave_add", move |tx: &mut WriteTx<'_>| {
            replaced.iter().try_for_each(|id| table::delete(tx.tx(), id))?;
            table::set(tx.tx(), &row)
        });
        let outcome = write.await;
        match outcome {
            Ok(()) => self.sooner.notify_one(),
            Err(_) => self.book.lock().remove(&id),
        }
        outcome
    }
}

fn unknown() -> Error {
    Error::not_found("You have no delayed event of that id waiting in that room.")
}
