//! The writer thread: group commit.
//!
//! It drains the queue, runs each closure in its own savepoint, commits the batch once, runs the closures' effects,
//! publishes the position, wakes waiters, and answers the callers. No write is acknowledged before it is on disk.
//!
//! There is one writer because SQLite allows one write transaction at a time: with a queue, writers wait for their turn
//! instead of failing with `SQLITE_BUSY`, and writes that arrive during a commit share the next fsync.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Instant;

use hearth_base::limits::store::{BATCH_JOBS_MAX, BATCH_TIME_MAX, WRITER_REOPEN_EVERY};
use hearth_base::{Error, Reason, Result, error::refuse};

use crate::engine::sqlite::OUT_OF_SPACE;
use crate::engine::{Connection, Trouble};
use crate::job::{Outcome, WriteJob};
use crate::metrics::OperationKind;
use crate::positions::Positions;
use crate::store::Shared;
use crate::tx::{Effect, WriteTx};

/// State that only the writer thread uses, so none of it needs a lock.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// `None` after a failed commit, until the database has been reopened and checked.
    connection: Option<Box<dyn Connection>>,
    positions: Positions,
    reopen_tried: Option<Instant>,
}

/// Closures that share one transaction.
#[derive(Default)]
struct Batch {
    /// All jobs of the batch, to be answered when its outcome is known.
    jobs: Vec<WriteJob>,
    /// Effects of the jobs that succeeded, in their order.
    effects: Vec<Effect>,
    /// How many jobs succeeded.
    done: u64,
    /// Whether any of them changed a row.
    changed: bool,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, connection: Box<dyn Connection>, positions: Positions) -> Self {
        Self { shared, connection: Some(connection), positions, reopen_tried: None }
    }

    /// Runs until the queue is closed and empty.
    pub(crate) fn run(mut self) {
        while let Some(first) = self.shared.writes.pop() {
            let mut batch = Batch::default();
            let fate = match self.reopened() {
                Ok(()) => self.fill(&mut batch, first).and_then(|()| self.commit(&mut batch)),
                Err(error) => {
                    batch.jobs.push(first);
                    Err(error)
                }
            };
            self.after(batch, fate);
        }
        self.finish();
    }

    /// Runs closures until the queue is empty or the batch reaches its limits. An error fails the whole batch.
    ///
    /// Does not wait for more closures: an idle server commits a single write at once, and under load the queue fills
    /// during the commit.
    fn fill(&mut self, batch: &mut Batch, first: WriteJob) -> Result<()> {
        let (began, mut next, mut count) = (Instant::now(), Some(first), 0);
        let connection = live(&mut self.connection)?;
        let mut begun = connection.begin_write();
        while let Some(job) = next {
            if begun.is_ok() {
                begun = run(job, batch, connection, &mut self.positions, &self.shared);
            } else {
                batch.jobs.push(job);
            }
            count += 1;
            let more = begun.is_ok() && count < BATCH_JOBS_MAX && began.elapsed() < BATCH_TIME_MAX;
            next = if more { self.shared.writes.try_pop() } else { None };
        }
        begun
    }

    /// Commits what the batch changed, if it changed anything.
    fn commit(&mut self, batch: &mut Batch) -> Result<()> {
        let connection = live(&mut self.connection)?;
        let reserved = self.positions.reserve(&mut *connection)?;
        if batch.changed || reserved.is_some() {
            let began = Instant::now();
            connection.commit()?;
            self.shared.metrics.committed(batch.done, began.elapsed());
            if let Some(bound) = reserved {
                self.positions.reserved(bound);
            }
        } else {
            // Without changes there is nothing to sync: typing and presence take positions without touching the disk.
            connection.rollback()?;
        }
        Ok(())
    }

    /// Runs the effects of a committed batch, or undoes a failed one, and answers its callers.
    fn after(&mut self, batch: Batch, fate: Result<()>) {
        match fate {
            Ok(()) => {
                // Effects before the position: a reader that sees the new position must find the caches updated for it.
                // The position before wakes: a waiter that wakes must be able to read the change. Answers last: the
                // caller's next request must see its own write. `Release` pairs with `Acquire` in `readers::begin`.
                batch.effects.into_iter().for_each(|effect| perform(effect));
                self.shared.committed.store(self.positions.last().0, Ordering::Release);
                if let Some(published) = self.shared.published.get() {
                    perform(Box::new(published.as_ref()));
                }
                batch.jobs.into_iter().for_each(|job| job.answer(None));
                self.tidy();
            }
            Err(error) => {
                let error = self.undo(error);
                batch.jobs.into_iter().for_each(|job| job.answer(Some(&error)));
            }
        }
    }

    /// Between batches, after the callers have their answers: runs the engine's maintenance (checkpoints) and checks
    /// whether the connection is still usable.
    fn tidy(&mut self) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let tidied = connection.tidy();
        // The disk may have been full for one closure only, or for the maintenance. The committed batch is not
        // affected.
        match (connection.trouble(), tidied) {
            (Some(Trouble::Full), _) => self.shared.space.ran_out(),
            (Some(Trouble::Lost), Ok(())) => {
                self.lose(&Error::broken("a statement found the database damaged or gone"))
            }
            (_, Err(error)) => self.lose(&error),
            (None, Ok(())) => {}
        }
    }

    /// After a failed batch: rolls back, and drops the connection unless the disk was only full. Returns the error for
    /// the callers.
    fn undo(&mut self, error: Error) -> Error {
        let Some(connection) = &mut self.connection else {
            return error;
        };
        let (trouble, undone) = (connection.trouble(), connection.rollback());
        if trouble != Some(Trouble::Full) {
            self.lose(&error);
            return error;
        }
        self.shared.space.ran_out();
        if let Err(error) = undone {
            self.lose(&error);
        }
        refuse(Reason::OutOfSpace, OUT_OF_SPACE)
    }

    /// Drops the connection. It is unknown whether the last write is on disk, and a second fsync cannot tell: after a
    /// failed fsync the kernel may mark dirty pages as clean, so that the next one succeeds without writing them. Only
    /// reopening, rewriting the log and checking the database can tell.
    fn lose(&mut self, error: &Error) {
        tracing::error!(%error, "Failed to write to the database. Writes are refused until it is reopened.");
        self.connection = None;
        self.shared.in_doubt.store(true, Ordering::Release);
    }

    /// Reopens and checks the database if the connection was dropped, at most once per [`WRITER_REOPEN_EVERY`]: on a broken
    /// disk each attempt reads the whole database, and writes keep arriving.
    fn reopened(&mut self) -> Result<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        if self.reopen_tried.is_some_and(|at| at.elapsed() < WRITER_REOPEN_EVERY) {
            return Err(Error::broken("the database could not be reopened after a failed write; see the log"));
        }
        self.reopen_tried = Some(Instant::now());
        let connection = self.shared.engine.connect_writer(true).inspect_err(|error| {
            tracing::error!(%error, "Failed to reopen the database.");
        })?;
        tracing::info!("Reopened the database. It is intact; writes are accepted again.");
        self.connection = Some(connection);
        self.shared.in_doubt.store(false, Ordering::Release);
        Ok(())
    }

    /// Closes the database cleanly, unless the store was merely dropped: the next start then continues right after the
    /// positions of this run.
    fn finish(mut self) {
        if !self.shared.graceful.load(Ordering::Acquire) {
            return;
        }
        let Some(connection) = &mut self.connection else {
            return;
        };
        let settled = connection
            .begin_write()
            .and_then(|()| self.positions.settle(&mut **connection))
            .and_then(|wrote| if wrote { connection.commit() } else { connection.rollback() })
            .and_then(|()| connection.finish());
        if let Err(error) = settled {
            // No data is lost: acknowledged writes are on disk. The next start skips the reserved positions.
            tracing::warn!(%error, "Failed to close the database cleanly. The next start recovers it.");
        }
    }
}

/// The connection; an error if it was dropped.
fn live(connection: &mut Option<Box<dyn Connection>>) -> Result<&mut dyn Connection> {
    match connection {
        Some(connection) => Ok(&mut **connection),
        None => Err(Error::broken("the database is not open")),
    }
}

/// Runs one closure in a savepoint. The closure's own error goes to its caller only; an error returned here fails the
/// whole batch.
fn run(
    mut job: WriteJob,
    batch: &mut Batch,
    connection: &mut dyn Connection,
    positions: &mut Positions,
    shared: &Shared,
) -> Result<()> {
    if let Err(error) = connection.savepoint() {
        batch.jobs.push(job);
        return Err(error);
    }
    let (before, kept, began) = (connection.changes(), batch.effects.len(), Instant::now());
    let outcome = job.run(&mut WriteTx { connection: &mut *connection, positions, effects: &mut batch.effects });
    shared.metrics.ran(job.name, OperationKind::Write, began.elapsed(), outcome == Outcome::Failed);
    let settled = settle(&mut job, outcome, connection);
    match settled {
        Ok(Outcome::Done) => {
            batch.done += 1;
            batch.changed |= connection.changes() != before;
        }
        _ => batch.effects.truncate(kept),
    }
    batch.jobs.push(job);
    settled.map(drop)
}

/// Releases or rolls back the closure's savepoint, and returns which.
fn settle(job: &mut WriteJob, outcome: Outcome, connection: &mut dyn Connection) -> Result<Outcome> {
    if !connection.in_transaction() {
        // SQLite rolls back the whole transaction by itself on some errors (full disk, I/O); the savepoints of the
        // earlier closures are gone, too.
        return Err(Error::broken("the database rolled back the transaction of this batch of writes"));
    }
    if outcome == Outcome::Done {
        match connection.release() {
            Ok(()) => return Ok(Outcome::Done),
            // The closure returned `Ok` after a failed statement; PostgreSQL then refuses to release the savepoint.
            Err(error) => job.fail(error),
        }
    }
    connection.rollback_to().map(|()| Outcome::Failed)
}

/// Runs an effect. A panic is logged and fails no caller, because the commit stands.
fn perform(effect: Box<dyn FnOnce() + '_>) {
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(effect));
    if let Err(panic) = ran {
        tracing::error!(panic = crate::job::panicked(&*panic), "An effect panicked after the commit.");
    }
}
