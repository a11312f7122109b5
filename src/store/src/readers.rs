//! The reader threads: each has its own connection, and all take closures from one queue.
//!
//! When the store stops, reads that wait are dropped, and those that run end at their next statement or row: by then
//! the server has answered its clients, or given up on them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hearth_base::limits::store::READERS_SHARED_MAX;
use hearth_base::{Position, Result};

use crate::engine::{Connection, Trouble};
use crate::job::{Outcome, ReadJob};
use crate::metrics::OperationKind;
use crate::store::Shared;
use crate::tx::{ReadTx, Stoppable};

/// A read in the queue.
pub(crate) struct WaitingRead {
    pub(crate) job: ReadJob,
    /// It may take long, so no other read shares its snapshot and waits for it.
    pub(crate) slow: bool,
}

/// Runs until the queue is closed and empty.
///
/// Reads that already wait may share a snapshot: a message that wakes thirty clients causes thirty reads of the same
/// pages, and after a commit each new snapshot discards the connection's page cache. A slow read shares its snapshot
/// with no other.
pub(crate) fn run(shared: &Arc<Shared>, (reader, readers): (usize, usize), connection: Box<dyn Connection>) {
    shared.interrupters.lock().insert(reader, connection.interrupter());
    let mut connection = Some(connection);
    let mut batch = VecDeque::with_capacity(READERS_SHARED_MAX);
    while let Some(first) = shared.reads.pop() {
        // Leaves the other readers their part of the queue.
        let slow = first.slow;
        let share = if slow { 0 } else { (shared.reads.fast_waiting() / readers).min(READERS_SHARED_MAX - 1) };
        batch.push_back(first);
        batch.extend(std::iter::from_fn(|| shared.reads.try_pop_fast()).take(share));
        while !batch.is_empty() {
            work_off(shared, reader, &mut connection, &mut batch);
        }
        if slow {
            shared.reads.slow_ended();
        }
    }
}

/// Runs the jobs of a batch on one snapshot until one fails: on PostgreSQL a failed statement aborts the transaction,
/// so the remaining jobs need a new one.
fn work_off(
    shared: &Shared,
    reader: usize,
    connection: &mut Option<Box<dyn Connection>>,
    batch: &mut VecDeque<WaitingRead>,
) {
    let mut began = Instant::now();
    match begin(shared, reader, connection) {
        Ok(mut tx) => {
            while let Some(WaitingRead { job, .. }) = batch.pop_front() {
                let name = job.name;
                let outcome = job.run(&mut tx);
                shared.metrics.ran(name, OperationKind::Read, began.elapsed(), outcome == Outcome::Failed);
                began = Instant::now();
                if outcome == Outcome::Failed {
                    break;
                }
            }
        }
        Err(error) => {
            if let Some(WaitingRead { job, .. }) = batch.pop_front() {
                let name = job.name;
                job.fail(error);
                shared.metrics.ran(name, OperationKind::Read, began.elapsed(), true);
            }
        }
    }
    if let Some(open) = connection {
        let ended = open.rollback();
        if ended.is_err() || open.trouble() == Some(Trouble::Lost) {
            // The next read reconnects.
            *connection = None;
        }
    }
}

/// Begins a snapshot, and reconnects first if the connection was lost.
fn begin<'a>(shared: &'a Shared, reader: usize, connection: &'a mut Option<Box<dyn Connection>>) -> Result<ReadTx<'a>> {
    let open = match connection {
        Some(open) => open,
        None => {
            let open = connection.insert(shared.engine.connect_reader()?);
            shared.interrupters.lock().insert(reader, open.interrupter());
            open
        }
    };
    // Load the position before the snapshot begins, so that the snapshot contains everything up to it. The other order
    // would let a sync claim a position whose rows it did not see, and the client would never get them.
    let position = Position(shared.committed.load(Ordering::Acquire));
    open.begin_read()?;
    Ok(ReadTx { connection: Stoppable::new(&mut **open, &shared.stopping), position })
}
