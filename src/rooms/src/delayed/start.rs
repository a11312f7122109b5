//! Loads scheduled events when the server starts, and writes their exact restart times when it stops.

use hearth_base::boxed;
use std::sync::Arc;
use std::time::Duration;

use hearth_base::{Millis, Result};
use hearth_store::Lane;
use hearth_store::tables::delayed_events::{self as table, Restarted, WaitingDelayedRow};
use tokio::time::Instant;

use super::Delayed;
use super::model::{DELAYED_NOTE_EVERY, NewDelayed, state_name};
use crate::RoomCore;

/// Extra time after a start, in milliseconds: clients could not restart their events while the server was down.
const GRACE_MS: u64 = 10_000;

/// Loads the scheduled events into memory.
pub(super) fn read(core: &RoomCore) -> Result<()> {
    let waiting = core.store.read_blocking("delayed_load", |tx| table::waiting(tx.tx()))?;
    let (now, now_ms, mut book) = (Instant::now(), core.now_ms(), core.delayed.book.lock());
    for row in waiting {
        let new = NewDelayed {
            user: row.user,
            room: row.room,
            state: row.state.as_ref().map(|(kind, key)| state_name(kind, key)),
            delay: Duration::from_millis(row.delay_ms),
            since_ms: row.since_ms,
        };
        let due = now + Duration::from_millis(left_ms(&row, now_ms));
        book.add(row.id.into(), new, due);
    }
    Ok(())
}

/// Returns the remaining delay of an event, in milliseconds. Never more than its delay, even if the clock was or is
/// wrong.
fn left_ms(row: &WaitingDelayedRow, now_ms: Millis) -> u64 {
    let due_ms = row.since_ms.saturating_add(row.delay_ms);
    let exactly = due_ms.saturating_sub(now_ms);
    let left_ms = match row.restarted {
        Restarted::Never => exactly,
        // The time is exact, but the client could not restart the event while the server was down.
        Restarted::Noted => exactly.max(GRACE_MS),
        Restarted::Unsure => {
            // Later restarts may be missing in the database: assume the latest one that can be.
            let slack_ms = u64::try_from(DELAYED_NOTE_EVERY.as_millis()).unwrap_or(u64::MAX);
            due_ms.saturating_add(slack_ms).saturating_sub(now_ms).max(GRACE_MS)
        }
    };
    left_ms.min(row.delay_ms)
}

impl Delayed {
    /// Writes the restart times of scheduled events. For a clean stop, when no more requests arrive.
    #[boxed]
    pub async fn settle(&self) -> Result<()> {
        let restarted = self.core.delayed.book.lock().restarted();
        if restarted.is_empty() {
            return Ok(());
        }
        let write = self.core.store.write_in(Lane::Upkeep, "delayed_settle", move |tx| {
            for (id, since_ms) in &restarted {
                table::note(tx.tx(), id, *since_ms, Restarted::Noted)?;
            }
            Ok(())
        });
        write.await
    }
}

/// Writes some restart times. They are approximate, as the events will be restarted again.
pub(super) async fn note(core: &Arc<RoomCore>, restarted: Vec<(super::model::DelayId, Millis)>) -> Result<()> {
    let rows = restarted.clone();
    let write = core.store.write("delayed_note", move |tx| {
        for (id, since_ms) in &rows {
            table::note(tx.tx(), id, *since_ms, Restarted::Unsure)?;
        }
        Ok(())
    });
    let outcome = write.await;
    if outcome.is_err() {
        // The next restart of one of these events writes them again.
        core.delayed.book.lock().not_noted(&restarted);
    }
    outcome
}

#[cfg(test)]
mod tests {
    use hearth_store::ids::{RoomSn, UserSn};

    use super::*;

    const START_MS: u64 = 1_000_000;

    fn left(delay_ms: u64, restarted: Restarted, later_ms: i64) -> u64 {
        let (user, room) = (UserSn(1), RoomSn(1));
        let row =
            WaitingDelayedRow { id: String::new(), user, room, state: None, delay_ms, since_ms: START_MS, restarted };
        left_ms(&row, START_MS.saturating_add_signed(later_ms))
    }

    #[test]
    fn what_was_never_restarted_keeps_its_time() {
        assert_eq!(left(60_000, Restarted::Never, 20_000), 40_000);
        assert_eq!(left(60_000, Restarted::Never, 90_000), 0);
        // The clock has gone back, as on a Raspberry Pi that has not synchronised its clock yet.
        assert_eq!(left(60_000, Restarted::Never, -900_000), 60_000);
    }

    #[test]
    fn what_is_restarted_again_and_again_gets_the_chance_to_be() {
        assert_eq!(left(60_000, Restarted::Noted, 20_000), 40_000);
        assert_eq!(left(60_000, Restarted::Noted, 59_000), 10_000);
        assert_eq!(left(8_000, Restarted::Noted, 60_000), 8_000);
    }

    #[test]
    fn after_a_crash_nothing_comes_early_and_nothing_very_late() {
        assert_eq!(left(8_000, Restarted::Unsure, 200_000), 8_000);
        assert_eq!(left(3_600_000, Restarted::Unsure, 1_000_000), 3_600_000 - 1_000_000 + 300_000);
        assert_eq!(left(3_600_000, Restarted::Unsure, 10_000_000), 10_000);
    }
}
