//! The threads that read: each with a connection of its own, all from one queue, one snapshot for each closure.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hearth_base::{Position, Result};

use crate::engine::{Connection, Trouble};
use crate::job::{Outcome, ReadJob};
use crate::metrics::OperationKind;
use crate::store::Shared;
use crate::tx::ReadTx;

/// A read waiting for a reader.
pub(crate) struct WaitingRead {
    pub(crate) name: &'static str,
    pub(crate) job: ReadJob,
    /// It may take long, so nobody is made to wait behind it.
    pub(crate) slow: bool,
}

/// Reads that share a snapshot, at most: each holds up those behind it.
const SHARED_MAX: usize = 8;

/// Works until the queue is closed and empty.
///
/// What waits already may share a snapshot: a message that wakes thirty clients is followed by thirty reads of the same
/// pages, and a new snapshot makes the connection read them anew. A read that is declared slow shares with nobody.
pub(crate) fn run(shared: &Arc<Shared>, readers: usize, connection: Box<dyn Connection>) {
    let mut connection = Some(connection);
    let mut batch = VecDeque::with_capacity(SHARED_MAX);
    while let Some(first) = shared.reads.pop() {
        let share = if first.slow { 0 } else { (shared.reads.lengths()[0] / readers).min(SHARED_MAX - 1) };
        batch.push_back(first);
        batch.extend(std::iter::from_fn(|| shared.reads.try_pop_if(|next| !next.slow)).take(share));
        while !batch.is_empty() {
            work_off(shared, &mut connection, &mut batch);
        }
    }
}

/// Runs the jobs of a batch over one snapshot, until one fails: it may have spoilt the transaction for the others.
fn work_off(shared: &Shared, connection: &mut Option<Box<dyn Connection>>, batch: &mut VecDeque<WaitingRead>) {
    let mut began = Instant::now();
    match begin(shared, connection) {
        Ok(tx) => {
            while let Some(WaitingRead { name, job, .. }) = batch.pop_front() {
                let position = tx.position;
                let outcome = job(Ok(ReadTx { connection: &mut *tx.connection, position }));
                shared.metrics.ran(name, OperationKind::Read, began.elapsed(), outcome == Outcome::Failed);
                began = Instant::now();
                if outcome == Outcome::Failed {
                    break;
                }
            }
        }
        Err(error) => {
            if let Some(WaitingRead { name, job, .. }) = batch.pop_front() {
                job(Err(error));
                shared.metrics.ran(name, OperationKind::Read, began.elapsed(), true);
            }
        }
    }
    if let Some(open) = connection {
        let ended = open.rollback();
        if ended.is_err() || open.trouble() == Some(Trouble::Lost) {
            // The next read opens it anew.
            *connection = None;
        }
    }
}

/// Begins a snapshot, opening the connection first if it was lost.
fn begin<'a>(shared: &Shared, connection: &'a mut Option<Box<dyn Connection>>) -> Result<ReadTx<'a>> {
    let open = match connection {
        Some(open) => open,
        None => connection.insert(shared.engine.connect_reader()?),
    };
    // Before the snapshot, so that the snapshot holds at least this much.
    let position = Position(shared.committed.load(Ordering::Acquire));
    open.begin_read()?;
    Ok(ReadTx { connection: &mut **open, position })
}
