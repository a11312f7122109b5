//! State events of an answer that are written while the answer is sent: a room may have more state than a request may cost
//! in memory, and state cannot be left out.
//!
//! The first events of an answer are serialised at once, as in most rooms all of them. For each further one the answer has a
//! mark, a JSON string with the serial numbers of event and room. [`Rooms::complete`] replaces the marks piece by piece,
//! as fast as the client reads.

use std::hash::{BuildHasher, RandomState};
use std::ops::Range;
use std::sync::{Arc, LazyLock};

use bytes::{Buf, Bytes};
use futures_util::stream;
use hearth_base::limits::rooms::{DEFERRED_PIECE_BYTES, DEFERRED_PIECE_EVENTS_MAX};
use hearth_base::{Error, Result};
use hearth_core::Requester;
use hearth_core::ports::Pieces;
use hearth_store::engine::Tx;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::rooms;
use ruma::OwnedRoomId;
use ruma::serde::Raw;
use serde_json::value::RawValue;

use super::present::{self, Bundle, EventFormat};
use super::reader::Reader;
use super::visibility::Viewer;
use crate::{RoomCore, Rooms, find};

/// Begins a mark, within the quotes. Clients can send this character, but not the secret after it.
const BEGIN: u8 = 0x7f;

/// A secret of this process, so that no event contains a mark. It never leaves the process: marks are replaced.
static SECRET: LazyLock<String> = LazyLock::new(|| {
    let state = RandomState::new();
    format!("{:016x}{:016x}", state.hash_one(0_u8), state.hash_one(1_u8))
});

/// An event that is still to be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Mark {
    event: EventSn,
    room: RoomSn,
    with_room_id: bool,
    federation: bool,
}

/// What an endpoint does with each event.
pub type Finish = fn(Raw<()>) -> Raw<()>;

/// The body of an answer.
pub enum AnswerBody {
    /// All of it.
    Whole(Bytes),
    /// Written while it is sent. Fails in the middle if the database does, so that the client sees an answer that broke off.
    Pieces(Pieces),
}

/// Returns the mark for an event of the viewer's room, in the place of the event.
pub(super) fn mark<T>(viewer: &Viewer<'_>, form: &EventFormat<'_>, event: EventSn) -> Result<Raw<T>> {
    let flags = u8::from(form.room_id.is_some()) + 2 * u8::from(form.federation);
    let mark = format!("\"\u{7f}{}.{}.{}.{flags}\"", *SECRET, event.0, viewer.room().0);
    let mark = RawValue::from_string(mark).map_err(|error| Error::fault("marking an event of a state", error))?;
    Ok(Raw::from_json(mark))
}

impl Rooms {
    /// Writes the events of a serialised answer to `who` for which it has marks, after `finish`. The marks were made for the
    /// same user, in rooms that the user could read at that time.
    #[must_use]
    pub fn complete(&self, who: &Requester, body: Vec<u8>, finish: Finish) -> AnswerBody {
        let body = Bytes::from(body);
        if next_mark(&body).is_none() {
            return AnswerBody::Whole(body);
        }
        let (core, who) = (self.core.clone(), who.clone());
        AnswerBody::Pieces(Box::pin(stream::try_unfold(body, move |mut body| {
            let (core, who) = (core.clone(), who.clone());
            async move {
                if body.is_empty() {
                    return Ok(None);
                }
                let (shared, user) = (core.clone(), who.user);
                let read = move |tx: &mut hearth_store::ReadTx<'_>| {
                    Ok((piece(&core, tx.tx(), &who, finish, &mut body)?, body))
                };
                shared.read_much("rooms_state_deferred", user, read).await.map(Some)
            }
        })))
    }
}

/// Takes the next piece off the body.
fn piece(core: &Arc<RoomCore>, tx: &mut dyn Tx, who: &Requester, finish: Finish, body: &mut Bytes) -> Result<Bytes> {
    let (mut piece, mut count) = (Vec::new(), 0);
    let mut last: Option<(RoomSn, OwnedRoomId, Viewer<'_>)> = None;
    while piece.len() < DEFERRED_PIECE_BYTES && count < DEFERRED_PIECE_EVENTS_MAX {
        let found = next_mark(body);
        let text = found.as_ref().map_or(body.len(), |(place, _)| place.start);
        if text > DEFERRED_PIECE_BYTES {
            // Sent as it is, not copied.
            if piece.is_empty() {
                return Ok(body.split_to(text));
            }
            break;
        }
        piece.extend_from_slice(&body.split_to(text));
        let Some((place, mark)) = found else { break };
        body.advance(place.len());
        if last.as_ref().is_none_or(|(room, ..)| *room != mark.room) {
            let room = rooms::by_sn(tx, mark.room)?.ok_or_else(|| Error::broken("the room of an event is missing"))?;
            let viewer = Viewer::new(core, tx, room.sn, Reader::from(who))?;
            last = Some((mark.room, find::id(&room)?, viewer));
        }
        if let Some((_, room_id, viewer)) = &mut last {
            let room_id = Some(&**room_id).filter(|_| mark.with_room_id);
            let form = EventFormat { federation: mark.federation, ..EventFormat::state(room_id) };
            let (event, now) = (core.events.get(tx, mark.event)?, core.now_ms());
            let shown = finish(present::one(viewer, tx, &form, &event, now, Bundle::new())?);
            piece.extend_from_slice(shown.json().get().as_bytes());
        }
        count += 1;
    }
    Ok(piece.into())
}

/// The next mark, and where it is, with its quotes.
fn next_mark(body: &[u8]) -> Option<(Range<usize>, Mark)> {
    let mut from = 0;
    loop {
        let begin = from + body[from..].iter().position(|byte| *byte == BEGIN)?;
        from = begin + 1;
        let Some(rest) = body[from..].strip_prefix(SECRET.as_bytes()) else { continue };
        let end = rest.iter().position(|byte| *byte == b'"')?;
        if let Some(mark) = read_mark(&rest[..end]) {
            let quoted = begin.checked_sub(1)?..from + SECRET.len() + end + 1;
            return Some((quoted, mark));
        }
    }
}

fn read_mark(text: &[u8]) -> Option<Mark> {
    let mut parts = std::str::from_utf8(text).ok()?.strip_prefix('.')?.split('.');
    let mut number = || parts.next()?.parse::<i64>().ok();
    let (event, room, flags) = (EventSn(number()?), RoomSn(number()?), number()?);
    Some(Mark { event, room, with_room_id: flags & 1 != 0, federation: flags & 2 != 0 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_are_found_and_nothing_else_is() {
        let mark = format!("\"\u{7f}{}.12.-3.1\"", *SECRET);
        let body = format!("[\"\u{7f}\",\"\u{7f}0123456789abcdef0123456789abcdef.1.2.3\",{mark},{mark}]");
        let (place, found) = next_mark(body.as_bytes()).expect("a mark");
        assert_eq!(&body[place.clone()], mark);
        assert_eq!(found, Mark { event: EventSn(12), room: RoomSn(-3), with_room_id: true, federation: false });
        let (second, _) = next_mark(&body.as_bytes()[place.end..]).expect("the second");
        assert_eq!(second, 1..1 + mark.len());
        assert!(next_mark(&body.as_bytes()[place.end + second.end..]).is_none());
        assert!(next_mark(b"").is_none() && next_mark(b"{}").is_none());
    }
}
