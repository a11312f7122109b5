//! Counts unread events in pieces when there are many, or when the user's rules are expensive.
//!
//! Each piece is one short read, so no database snapshot and no reader thread is held for long, and expensive
//! evaluations run between the reads, off the reader threads. The progress is kept, also when the client gives up.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_rooms::read::ignored;
use hearth_store::ReadTx;
use hearth_store::ids::RoomSn;
use hearth_store::tables::memberships::{self, Membership};
use hearth_store::tables::rooms;

use super::budget::{CountBudget, Load, Outcomes};
use super::counts::{CountQuery, Counter};

/// The result of one read.
struct Piece {
    is_done: bool,
    is_unsaved: bool,
    known: Outcomes,
    load: Load,
}

impl Counter {
    /// Counts the unread events of a user in some rooms up to now. Returns false when the server stops before the end.
    ///
    /// One user counts one piece at a time, however many of their clients sync.
    #[boxed]
    pub async fn count_in_pieces(
        self: &Arc<Self>,
        core: &Arc<RoomCore>,
        requester: &Requester,
        rooms: Vec<RoomSn>,
    ) -> Result<bool> {
        let _permit = self.users.take(requester.user).await;
        for room in rooms {
            let mut known = Outcomes::default();
            loop {
                if core.notifier.is_closed() {
                    return Ok(false);
                }
                let piece = self.piece(core, requester, room, known).await?;
                if piece.is_done || piece.is_unsaved {
                    self.keep_progress(core, requester, room).await;
                }
                if piece.is_done {
                    break;
                }
                known = piece.known;
                if !piece.load.is_empty() {
                    known.add(self.evaluate(core, piece.load).await?);
                }
            }
        }
        Ok(true)
    }

    async fn piece(
        self: &Arc<Self>,
        core: &Arc<RoomCore>,
        requester: &Requester,
        room: RoomSn,
        known: Outcomes,
    ) -> Result<Piece> {
        let (this, core, requester) = (self.clone(), core.clone(), requester.clone());
        let store = core.store.clone();
        let piece = move |tx: &mut ReadTx<'_>| {
            let (upto, tx) = (tx.position(), tx.tx());
            let budget = CountBudget::knowing(known);
            let member = memberships::get(tx, room, requester.user)?.filter(|row| row.membership == Membership::Join);
            let is_done = match member.zip(rooms::by_sn(tx, room)?) {
                // The user has left meanwhile.
                None => true,
                Some((member, room)) => {
                    let (user_id, ignored) = (&requester.user_id, &ignored::by(tx, requester.user)?);
                    let query = CountQuery { room: &room, member: &member, user_id, ignored, upto };
                    this.count(&core, tx, query, &budget)?.is_some()
                }
            };
            let (known, load, is_unsaved) = budget.into_parts();
            Ok(Piece { is_done, is_unsaved, known, load })
        };
        store.read_slow("unread_count", piece).await
    }

    /// Evaluates what was too expensive for a reader thread, on a thread of its own.
    async fn evaluate(&self, core: &Arc<RoomCore>, load: Load) -> Result<Outcomes> {
        let closed = |error| Error::fault("waiting for the evaluation of push rules", error);
        let permit = self.evaluations.clone().acquire_owned().await.map_err(closed)?;
        let (core, evaluator) = (core.clone(), self.evaluator.clone());
        let run = move || {
            // Released at the end and not when the client hangs up, so that no more run than there are permits.
            let _permit = permit;
            load.run(&evaluator, || core.notifier.is_closed())
        };
        tokio::task::spawn_blocking(run).await.map_err(|panic| Error::fault("evaluating push rules", panic))
    }

    /// A failed write must not fail the count: on a full disk, for example, clients can still read.
    async fn keep_progress(&self, core: &RoomCore, requester: &Requester, room: RoomSn) {
        if let Err(error) = self.save(core, requester.user, vec![room]).await {
            tracing::debug!(%error, "Failed to store unread counts.");
        }
    }
}
