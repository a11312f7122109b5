//! Streamed responses with lists of stored events: the state of a large room is never in memory as a whole, only the
//! serial numbers of its events.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream;
use hearth_base::limits::federation::STATE_PIECE_EVENTS_MAX;
use hearth_base::{Error, Result};
use hearth_core::ports::Pieces;
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;

use crate::Federation;

/// A chunk ends at this size, in bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// JSON with lists of events in it.
#[derive(Debug, Default)]
pub struct EventListBody(VecDeque<BodyPart>);

#[derive(Debug)]
enum BodyPart {
    Text(Bytes),
    /// The events still to be written, in reverse order, and whether any was written.
    Events(Vec<EventSn>, bool),
}

impl EventListBody {
    /// Appends JSON as it is.
    #[must_use]
    pub fn text(mut self, json: impl Into<Bytes>) -> Self {
        self.0.push_back(BodyPart::Text(json.into()));
        self
    }

    /// Appends these stored events, separated by commas.
    #[must_use]
    pub fn events(mut self, mut events: Vec<EventSn>) -> Self {
        // Reversed, so that `pop` returns them in order.
        events.reverse();
        self.0.push_back(BodyPart::Events(events, false));
        self
    }
}

impl Federation {
    /// The body as a stream.
    #[must_use]
    pub fn write_lists(&self, lists: EventListBody) -> Pieces {
        let store = self.core.store.clone();
        Box::pin(stream::try_unfold(lists, move |mut lists| {
            let store = store.clone();
            async move {
                if lists.0.is_empty() {
                    return Ok(None);
                }
                let read = move |tx: &mut hearth_store::ReadTx<'_>| Ok((piece(tx.tx(), &mut lists)?, lists));
                Ok(Some(store.read_slow("serve_lists", read).await?))
            }
        }))
    }
}

/// The next chunk, read in one transaction.
fn piece(tx: &mut dyn Tx, lists: &mut EventListBody) -> Result<Bytes> {
    let (mut piece, mut count) = (Vec::with_capacity(PIECE_BYTES), 0);
    while piece.len() < PIECE_BYTES && count < STATE_PIECE_EVENTS_MAX {
        match lists.0.front_mut() {
            None => break,
            Some(BodyPart::Text(json)) => piece.extend_from_slice(json),
            Some(BodyPart::Events(events, begun)) => {
                if let Some(sn) = events.pop() {
                    if std::mem::replace(begun, true) {
                        piece.push(b',');
                    }
                    let row = events::by_sn(tx, sn)?;
                    let row = row.ok_or_else(|| Error::broken(format!("event {} is missing", sn.0)))?;
                    piece.extend_from_slice(&row.json);
                    count += 1;
                    continue;
                }
            }
        }
        lists.0.pop_front();
    }
    Ok(piece.into())
}
