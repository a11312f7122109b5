//! Persistence of the outbox: loaded at the start, written periodically.

use hearth_base::boxed;
use std::collections::HashMap;
use std::time::Duration;

use hearth_base::limits::federation::{OUTBOX_SETTLE_ROWS_MAX, OUTBOX_START_SPREAD_MS_MAX};
use hearth_base::{Millis, Result, limits};
use hearth_store::ids::DestinationSn;
use hearth_store::tables::destinations::{self, DestinationRow};
use hearth_store::tables::outgoing::{self, OutgoingRow};
use hearth_store::{Lane, ReadTx, WriteTx};
use ruma::{OwnedServerName, ServerName};
use tokio::time::Instant;

use super::model::UnsettledRows;
use crate::Federation;

/// Time over which the first transactions after a start are spread: for each server, and at most.
const START_SPREAD_MS: u64 = 50;

/// The stored rows, and the servers that they or a failure refer to.
type StoredOutbox = (Vec<OutgoingRow>, HashMap<DestinationSn, DestinationRow>);

impl Federation {
    /// Loads the rows that were not delivered before the last stop.
    pub(super) async fn load_outbox(&self) -> Result<()> {
        let (rows, servers) = self.core.store.read("outbox_open", read).await?;
        let (now, now_ms) = (Instant::now(), self.core.now_ms());
        let mut names: HashMap<DestinationSn, OwnedServerName> = HashMap::new();
        let mut book = self.outbox.book.lock();
        for (sn, row) in servers {
            let Ok(name) = ServerName::parse(row.name.as_str()) else { continue };
            if self.core.check_talks_to(&name).is_ok() {
                let retry = row.health.retry_at_ms.map(|at_ms| now + remaining(at_ms, now_ms));
                book.add_server(name.clone(), sn, row.health, retry.filter(|at| *at > now));
                names.insert(sn, name);
            }
        }
        let shares = self.core.outgoing.shares();
        for OutgoingRow { position, destinations, news, share } in rows {
            let to: Vec<_> = destinations.iter().filter_map(|sn| Some((*sn, names.get(sn)?))).collect();
            if to.is_empty() {
                book.orphan(position);
            } else {
                // First: adding a row may show that it is superseded, and release it.
                share.into_iter().for_each(|share| to.iter().for_each(|(sn, _)| shares.count(position, *sn, share)));
                book.add_row(position, &news, to.into_iter(), now);
            }
        }
        self.spread(&mut book, now);
        Ok(())
    }

    /// Spreads the start of servers with waiting items over time, in no particular order.
    fn spread(&self, book: &mut super::model::OutboxModel, now: Instant) {
        let waiting: Vec<_> =
            book.servers.iter().filter(|(_, server)| !server.queue.is_empty()).map(|(name, _)| name.clone()).collect();
        let spread_ms = (waiting.len().saturating_sub(1) as u64 * START_SPREAD_MS).min(OUTBOX_START_SPREAD_MS_MAX);
        for name in waiting.iter().filter(|_| spread_ms > 0) {
            let random = &self.core.seams.random;
            let chance = u64::from(random.chance()) << 8 | u64::from(random.chance());
            book.delay(name, now + Duration::from_millis(spread_ms * chance / 0xFFFF), now);
        }
    }

    /// Writes deliveries and health to the database, and deletes fully delivered rows. A stop after this repeats no
    /// item.
    #[boxed]
    pub async fn settle_outbox(&self) -> Result<()> {
        loop {
            let unsettled = {
                let mut book = self.outbox.book.lock();
                if !book.is_unsettled() {
                    return Ok(());
                }
                book.unsettled(OUTBOX_SETTLE_ROWS_MAX)
            };
            let what = unsettled.clone();
            let written = self.core.store.write_in(Lane::Upkeep, "outbox_settle", move |tx| write(tx, &what)).await;
            // Reported before the error returns, so that failed writes stay pending.
            self.outbox.book.lock().settled(unsettled, written.is_ok());
            written?;
        }
    }
}

/// Time until a moment of the wall clock, capped at the longest back-off because clocks jump.
fn remaining(at_ms: Millis, now_ms: Millis) -> Duration {
    Duration::from_millis(at_ms.saturating_sub(now_ms).min(limits::BACKOFF_AWAY_MS_MAX))
}

fn read(tx: &mut ReadTx<'_>) -> Result<StoredOutbox> {
    let rows = outgoing::all(tx.tx())?;
    let mut servers: HashMap<_, _> = destinations::failing(tx.tx())?.into_iter().map(|row| (row.sn, row)).collect();
    for sn in rows.iter().flat_map(|row| &row.destinations) {
        if !servers.contains_key(sn)
            && let Some(row) = destinations::by_sn(tx.tx(), *sn)?
        {
            servers.insert(*sn, row);
        }
    }
    Ok((rows, servers))
}

fn write(tx: &mut WriteTx<'_>, UnsettledRows { rows, servers }: &UnsettledRows) -> Result<()> {
    for (at, missing) in rows {
        if missing.is_empty() {
            outgoing::delete(tx.tx(), *at)?;
        } else {
            outgoing::shrink(tx.tx(), *at, missing)?;
        }
    }
    for (name, health) in servers {
        let sn = destinations::intern(tx, name.as_str())?;
        destinations::save(tx.tx(), sn, health)?;
    }
    Ok(())
}
