//! The threads that read: each with a connection of its own, all from one queue, one snapshot for each closure.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hearth_base::{Position, Result};

use crate::engine::{Connection, Trouble};
use crate::job::{Outcome, ReadJob};
use crate::metrics::Kind;
use crate::store::Shared;
use crate::tx::ReadTx;

/// A read waiting for a reader.
pub(crate) struct Waiting {
    pub(crate) name: &'static str,
    pub(crate) job: ReadJob,
}

/// Works until the queue is closed and empty.
pub(crate) fn run(shared: &Arc<Shared>, connection: Box<dyn Connection>) {
    let mut connection = Some(connection);
    while let Some(Waiting { name, job }) = shared.reads.pop() {
        let began = Instant::now();
        let outcome = match begin(shared, &mut connection) {
            Ok(tx) => job(Ok(tx)),
            Err(error) => job(Err(error)),
        };
        shared.metrics.ran(name, Kind::Read, began.elapsed(), outcome == Outcome::Failed);
        if let Some(open) = &mut connection {
            let ended = open.rollback();
            if ended.is_err() || open.trouble() == Some(Trouble::Lost) {
                // The next read opens it anew.
                connection = None;
            }
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
