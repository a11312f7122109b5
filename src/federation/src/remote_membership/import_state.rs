//! Imports the checked state of a `send_join` response as a room of this server.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_core::jobs::Handle;
use hearth_store::Lane;
use hearth_store::ids::{EventSn, RoomSn};
use hearth_store::tables::rooms;

use super::Federation;
use super::room_state_checks::{CheckedState, Source, chunks};
use crate::out_of_band;
use crate::pdu::{self, Adoption, IncomingPdu};

/// Maximum of events stored in one transaction, and of their bytes; other writes run in between.
const CHUNK: usize = 200;
const CHUNK_BYTES: usize = 2 * 1024 * 1024;

impl Federation {
    /// Stores the events as outliers in chunks, then in one transaction makes them the room's state with the join
    /// after it. Until that commit the room is invisible; after a crash before it, the next attempt reuses the stored
    /// events.
    pub(super) async fn take_over(
        self: &Arc<Self>,
        source: &Source<'_>,
        examined: CheckedState,
        join: IncomingPdu,
        job: &Handle,
    ) -> Result<()> {
        let (core, room_id, version) = (self.core.clone(), source.room_id.to_owned(), source.version.to_owned());
        let write = move |tx: &mut hearth_store::WriteTx<'_>| out_of_band::room(&core, tx, &room_id, &version);
        let room = self.core.store.write_in(Lane::Federation, "join_room", write).await?;
        let state = self.store_events(room.sn, examined, job).await?;
        let core = self.core.clone();
        let planned = room.clone();
        let plan = move |tx: &mut hearth_store::ReadTx<'_>| Adoption::plan(&core, tx.tx(), &planned, &state);
        // On a reader, because it takes long for a large room and a write transaction would hold up all others.
        let adoption = self.core.store.read_slow("join_plan", plan).await?;
        job.step(0.95, "The room is put in place");
        let core = self.core.clone();
        let write = move |tx: &mut hearth_store::WriteTx<'_>| {
            let room = rooms::by_sn(tx.tx(), room.sn)?;
            let mut room = room.ok_or_else(|| Error::broken("a room is missing that was just stored"))?;
            pdu::adopt(&core, tx, &mut room, adoption, join).map(drop)
        };
        self.core.store.write_in(Lane::Federation, "join_adopt", write).await
    }

    /// Stores events and returns the serial numbers of those in the state.
    async fn store_events(&self, room: RoomSn, examined: CheckedState, job: &Handle) -> Result<Vec<EventSn>> {
        let CheckedState { events, spool } = examined;
        let (total, mut done, mut numbers) = (events.len(), 0, Vec::with_capacity(events.len()));
        for chunk in chunks(&events, CHUNK, CHUNK_BYTES, |event| event.place.bytes()) {
            done += chunk.len();
            let (core, spool, wanted) = (self.core.clone(), spool.clone(), chunk.to_vec());
            let read = move || wanted.iter().map(|event| event.read(|place| spool.lock().read(place))).collect();
            let pdus: Result<Vec<IncomingPdu>> = tokio::task::spawn_blocking(read)
                .await
                .map_err(|error| Error::fault("reading a room's events", error))?;
            let pdus = pdus?;
            let write = move |tx: &mut hearth_store::WriteTx<'_>| pdu::outliers(&core, tx, room, pdus);
            let stored = self.core.store.write_in(Lane::Federation, "join_store", write).await?;
            numbers.extend(stored.into_iter().zip(chunk).filter_map(|(sn, event)| event.is_state.then_some(sn)));
            let share = f64::from(u32::try_from(done).unwrap_or(u32::MAX))
                / f64::from(u32::try_from(total).unwrap_or(u32::MAX));
            job.step(0.7 + 0.25 * share, format!("{done} of {total} events stored"));
        }
        Ok(numbers)
    }
}
