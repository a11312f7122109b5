//! Counts unread events in pieces when there are many, so that no database snapshot stays open for long. The progress
//! is kept, also when the client gives up.

use std::sync::Arc;

use hearth_base::{Result, limits};
use hearth_core::Requester;
use hearth_rooms::read::ignored;
use hearth_store::ReadTx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;

use super::{Sync, passed_over};
use crate::push::counts::{CountBudget, CountQuery};

impl Sync {
    /// Counts the unread events of some rooms up to now.
    pub(super) async fn count_on(self: &Arc<Self>, requester: &Requester, rooms: Vec<RoomSn>) -> Result<()> {
        for room in rooms {
            while !self.count_piece(requester, room).await? {
                passed_over(self.counter.save(&self.core, requester.user, vec![room]).await);
            }
            passed_over(self.counter.save(&self.core, requester.user, vec![room]).await);
        }
        Ok(())
    }

    /// Counts one piece; returns whether it was the last.
    async fn count_piece(self: &Arc<Self>, requester: &Requester, room: RoomSn) -> Result<bool> {
        let (this, requester) = (self.clone(), requester.clone());
        let piece = move |tx: &mut ReadTx<'_>| {
            let (upto, tx) = (tx.position(), tx.tx());
            let member = memberships::get(tx, room, requester.user)?.filter(|row| row.membership == Membership::Join);
            let (Some(member), Some(room)) = (member, rooms::by_sn(tx, room)?) else { return Ok(true) };
            let ignored = ignored::by(tx, requester.user)?;
            let query =
                CountQuery { room: &room, member: &member, user_id: &requester.user_id, ignored: &ignored, upto };
            let budget = CountBudget::new(limits::COUNTED_PER_READ_EVENTS_MAX);
            Ok(this.counter.count(&this.core, tx, query, &budget)?.is_some())
        };
        self.core.store.read_slow("unread_count", piece).await
    }
}
