//! Answers with lists of stored events in them, written piece by piece as they are sent: the state of a large room is never
//! in memory as a whole, only the serial numbers of its events.

use std::collections::VecDeque;

use bytes::Bytes;
use futures_util::stream;
use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::EventSn;
use hearth_store::tables::events;

use crate::federation::Federation;
use crate::ports::Pieces;

/// Events of one piece at most.
const PIECE_EVENTS_MAX: usize = 256;
/// A piece ends once it has this many bytes.
const PIECE_BYTES: usize = 64 * 1024;

/// JSON with lists of events in it.
#[derive(Debug, Default)]
pub struct EventListBody(VecDeque<BodyPart>);

#[derive(Debug)]
enum BodyPart {
    Text(Bytes),
    /// Which events are still to be written, the next one last, and whether any has been.
    Events(Vec<EventSn>, bool),
}

impl EventListBody {
    /// Goes on with JSON as it is.
    #[must_use]
    pub fn text(mut self, json: impl Into<Bytes>) -> Self {
        self.0.push_back(BodyPart::Text(json.into()));
        self
    }

    /// Goes on with these events, as they are stored, with commas in between.
    #[must_use]
    pub fn events(mut self, mut events: Vec<EventSn>) -> Self {
        events.reverse();
        self.0.push_back(BodyPart::Events(events, false));
        self
    }
}

impl Federation {
    /// The bytes of such an answer.
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

/// The next piece; none of it is left over for later.
fn piece(tx: &mut dyn Tx, lists: &mut EventListBody) -> Result<Bytes> {
    let (mut piece, mut count) = (Vec::with_capacity(PIECE_BYTES), 0);
    while piece.len() < PIECE_BYTES && count < PIECE_EVENTS_MAX {
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
