//! Puts events into the index, and takes redacted ones out.

use std::future::Future;
use std::time::Duration;

use hearth_base::Result;
use hearth_base::limits::{
    SEARCH_INDEX_BYTES_MAX, SEARCH_INDEX_EVENTS_MIN, SEARCH_INDEX_FAULT_MS, SEARCH_INDEX_PAUSE_MS,
    SEARCH_INDEX_WORDS_MAX, SEARCH_MERGE_PAGES, SEARCH_MERGE_WORDS,
};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events::{self, REDACTED, REJECTED};
use hearth_store::tables::search_words::{self, Progress};
use hearth_store::{Lane, ReadTx, WriteTx};

use super::{text, words};
use crate::load::Event;
use crate::{RoomCore, Rooms};

/// Events and their entries, to be indexed in one write.
struct Piece {
    from: Progress,
    upto: EventSn,
    entries: Vec<(EventSn, String)>,
    words: usize,
}

impl Rooms {
    /// Indexes events until `stop`: at first what an earlier version or run has left, then whenever enough have been
    /// stored.
    pub async fn run_search_index(&self, stop: impl Future<Output = ()> + Send) {
        tokio::pin!(stop);
        loop {
            let pause = match self.index_piece().await {
                Ok(true) => Duration::from_millis(SEARCH_INDEX_PAUSE_MS),
                Ok(false) => Duration::ZERO,
                Err(error) => {
                    tracing::warn!(%error, "Failed to index messages for search; retrying in a minute.");
                    Duration::from_millis(SEARCH_INDEX_FAULT_MS)
                }
            };
            let wait = async {
                match pause {
                    Duration::ZERO => self.core.search.is_due().await,
                    pause => tokio::time::sleep(pause).await,
                }
            };
            tokio::select! {
                () = &mut stop => return,
                () = wait => {}
            }
        }
    }

    /// Indexes the next events in one write. Returns false if there are too few for one.
    pub(crate) async fn index_piece(&self) -> Result<bool> {
        let core = self.core.clone();
        // Taking words from text is not for the writer, which everything waits for.
        let Some(piece) = self.core.store.read_slow("search_words", move |tx| piece(&core, tx)).await? else {
            return Ok(false);
        };
        let merges = piece.words / SEARCH_MERGE_WORDS + 1;
        let write = move |tx: &mut WriteTx<'_>| insert(tx.tx(), piece);
        self.core.store.write_in(Lane::Upkeep, "search_index", write).await?;
        // Each in a write of its own, so that messages are sent in between.
        for _ in 0..merges {
            let merge = |tx: &mut WriteTx<'_>| search_words::merge(tx.tx(), SEARCH_MERGE_PAGES);
            self.core.store.write_in(Lane::Upkeep, "search_merge", merge).await?;
        }
        Ok(true)
    }
}

fn piece(core: &RoomCore, tx: &mut ReadTx<'_>) -> Result<Option<Piece>> {
    let mut from = search_words::progress(tx.tx())?;
    if from.rules != words::RULES {
        from.upto = EventSn(0);
    }
    let (mut rows, mut bytes) = (Vec::new(), 0);
    events::oldest_first(tx.tx(), from.upto, SEARCH_INDEX_EVENTS_MIN, &mut |stored| {
        let row = stored.read()?;
        bytes += row.json.len();
        rows.push(row);
        Ok(bytes < SEARCH_INDEX_BYTES_MAX)
    })?;
    let is_full = rows.len() as u64 >= SEARCH_INDEX_EVENTS_MIN || bytes >= SEARCH_INDEX_BYTES_MAX;
    core.search.set(rows.len() as u64);
    if !is_full && from.rules == words::RULES {
        return Ok(None);
    }
    let (mut upto, mut found, mut words) = (from.upto, Vec::new(), 0);
    for row in rows {
        let sn = row.sn;
        // Not kept in the cache: these are all events of the server once.
        if let Some(entries) = entries(&Event::from_row(row)?) {
            let more = words + entries.split(' ').count();
            if more > SEARCH_INDEX_WORDS_MAX && !found.is_empty() {
                break;
            }
            words = more;
            found.push((sn, entries));
        }
        upto = sn;
    }
    Ok(Some(Piece { from, upto, entries: found, words }))
}

fn insert(tx: &mut dyn Tx, piece: Piece) -> Result<()> {
    if piece.from.rules != words::RULES {
        search_words::clear(tx)?;
    }
    // Events may have been redacted since they were read.
    let without = events::rejected_or_redacted(tx, piece.from.upto, piece.upto)?;
    for (sn, entries) in &piece.entries {
        if !without.contains(sn) {
            search_words::insert(tx, *sn, entries)?;
        }
    }
    search_words::set_progress(tx, Progress { upto: piece.upto, rules: words::RULES })
}

fn entries(event: &Event) -> Option<String> {
    let (field, text) = text::of(&event.pdu)?;
    words::entries(event.room, field, &text)
}

/// Removes a redacted event from the index, within the transaction that redacts it. `event` still has its content.
pub(crate) fn redacted(tx: &mut dyn Tx, event: &Event) -> Result<()> {
    match entries(event) {
        Some(entries) if event.flags & (REJECTED | REDACTED) == 0 && is_indexed(tx, event.sn)? => {
            search_words::delete(tx, event.sn, &entries)
        }
        _ => Ok(()),
    }
}

/// Adds an event that was rejected and no longer is. Other events are in the index, or will be.
pub(crate) fn reinstated(tx: &mut dyn Tx, was: i64, event: &Event) -> Result<()> {
    let is_reinstated = was & REJECTED != 0 && event.flags & (REJECTED | REDACTED) == 0;
    match entries(event) {
        Some(entries) if is_reinstated && is_indexed(tx, event.sn)? => search_words::insert(tx, event.sn, &entries),
        _ => Ok(()),
    }
}

fn is_indexed(tx: &mut dyn Tx, event: EventSn) -> Result<bool> {
    let progress = search_words::progress(tx)?;
    Ok(progress.rules == words::RULES && event <= progress.upto)
}
