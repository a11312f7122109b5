//! Deletes old rejected outliers. They are stored so that they are not fetched and checked again at once; a server can
//! create any number of them, and no accepted event refers to one.

use hearth_base::boxed;
use hearth_base::{Millis, Position, Result, limits};
use hearth_store::Lane;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;

use crate::Federation;

/// Maximum of events deleted in one write; other writes run in between.
const CHUNK: u64 = 200;

/// Database positions over time, oldest first: an event has no trustworthy time of arrival. The retention time starts
/// again after a restart.
#[derive(Debug, Default)]
pub(crate) struct Ages(Vec<(Millis, Position)>);

impl Ages {
    /// Adds the current position, and returns the position at the start of the retention time.
    fn note(&mut self, now_ms: Millis, position: Position) -> Option<Position> {
        let old = self.0.iter().take_while(|(at_ms, _)| at_ms + limits::REJECTED_OUTLIER_MS_MAX <= now_ms).count();
        let expired = self.0.drain(..old).next_back().map(|(_, position)| position);
        self.0.push((now_ms, position));
        expired
    }
}

impl Federation {
    /// Deletes rejected outliers above the age or number limit.
    #[boxed]
    pub async fn expire_outliers(&self) -> Result<()> {
        let expired = self.ages.lock().note(self.core.now_ms(), self.core.store.position());
        let read = |tx: &mut hearth_store::ReadTx<'_>| {
            events::one_rejected_outlier_too_many(tx.tx(), limits::REJECTED_OUTLIERS_MAX)
        };
        let too_many = self.core.store.read("outliers_too_many", read).await?;
        let Some(upto) = too_many.max(expired.map(EventSn::from)) else { return Ok(()) };
        loop {
            let delete =
                move |tx: &mut hearth_store::WriteTx<'_>| events::delete_rejected_outliers(tx.tx(), upto, CHUNK);
            if self.core.store.write_in(Lane::Upkeep, "outliers_expire", delete).await? < CHUNK {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_stored_a_day_ago_is_old() {
        let (mut ages, day_ms) = (Ages::default(), limits::REJECTED_OUTLIER_MS_MAX);
        assert_eq!(ages.note(1_000, Position(10)), None);
        assert_eq!(ages.note(2_000, Position(20)), None);
        assert_eq!(ages.note(day_ms, Position(30)), None);
        assert_eq!(ages.note(day_ms + 2_000, Position(40)), Some(Position(20)));
        assert_eq!(ages.note(day_ms + 3_000, Position(50)), None);
    }
}
