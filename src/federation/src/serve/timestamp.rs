//! `GET /timestamp_to_event/{roomId}`: as for clients (`rooms::read::timestamp`), among events that the server may
//! see.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_rooms::load::Event;
use hearth_rooms::read::server_view::ServerView;
use hearth_rooms::read::timestamp::{NEIGHBOURS, halve};
use hearth_store::engine::Tx;
use hearth_store::tables::events::{self, Direction};
use ruma::{MilliSecondsSinceUnixEpoch, OwnedEventId, OwnedRoomId, ServerName};

use crate::Federation;

impl Federation {
    /// The first event at or after a timestamp, or the last at or before it. `M_NOT_FOUND` for none.
    #[boxed]
    pub async fn serve_event_at(
        &self,
        asker: &ServerName,
        room_id: OwnedRoomId,
        at: MilliSecondsSinceUnixEpoch,
        direction: ruma::api::Direction,
    ) -> Result<(OwnedEventId, MilliSecondsSinceUnixEpoch)> {
        let look = move |tx: &mut dyn Tx, mut view: ServerView<'_>| {
            let found = nearest(&mut view, tx, at.get().into(), direction)?;
            let event =
                found.ok_or_else(|| Error::not_found("There is no event on that side of that point in time."))?;
            let at = ruma::UInt::new_saturating(event.pdu.origin_server_ts);
            Ok((event.pdu.event_id.clone(), MilliSecondsSinceUnixEpoch(at)))
        };
        self.shows("serve_event_at", asker, room_id, look).await
    }
}

fn nearest(
    view: &mut ServerView<'_>,
    tx: &mut dyn Tx,
    at_ms: u64,
    direction: ruma::api::Direction,
) -> Result<Option<Arc<Event>>> {
    let cut = halve(view.core(), tx, view.room().sn, at_ms, i64::MAX)?;
    let mut around = visible(view, tx, (i64::MIN, cut), Direction::Backward)?;
    around.append(&mut visible(view, tx, (cut, i64::MAX), Direction::Forward)?);
    let key = |event: &Arc<Event>| (event.pdu.origin_server_ts, event.ord);
    let around = around.into_iter();
    Ok(match direction {
        ruma::api::Direction::Forward => around.filter(|event| event.pdu.origin_server_ts >= at_ms).min_by_key(key),
        ruma::api::Direction::Backward => around.filter(|event| event.pdu.origin_server_ts <= at_ms).max_by_key(key),
    })
}

/// The nearest timeline events on one side of a position, without those that the server may not see.
fn visible(
    view: &mut ServerView<'_>,
    tx: &mut dyn Tx,
    between: (i64, i64),
    direction: Direction,
) -> Result<Vec<Arc<Event>>> {
    let (core, room, mut found) = (view.core(), view.room().sn, Vec::with_capacity(NEIGHBOURS));
    events::timeline(tx, room, between, direction, NEIGHBOURS, &mut |stored| {
        found.push(core.events.keep_stored(&stored)?);
        Ok(true)
    })?;
    let mut seen = Vec::with_capacity(found.len());
    for event in found {
        if view.has(&event) && event.flags & events::SOFT_FAILED == 0 && view.may_see(tx, &event)? {
            seen.push(event);
        }
    }
    Ok(seen)
}
