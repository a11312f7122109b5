//! The one thread that writes. It drains the queue: each closure in a savepoint of its own, one commit for the batch, then
//! its effects happen, the position is published, wakes go out, and everybody is answered. Nothing is acknowledged that is
//! not on disk.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use hearth_base::{Error, Reason, Result, error::refuse};

use crate::engine::sqlite::OUT_OF_SPACE;
use crate::engine::{Connection, Trouble};
use crate::job::{Outcome, WriteJob};
use crate::metrics::OperationKind;
use crate::positions::Positions;
use crate::store::Shared;
use crate::tx::{Effect, WriteTx};

/// Closures in one batch.
const BATCH_JOBS_MAX: u64 = 256;
/// How long a batch goes on taking closures: with the commit, what the first one waits.
const BATCH_TIME_MAX: Duration = Duration::from_millis(10);
/// How often a lost database is opened again, at most.
const REOPEN_EVERY: Duration = Duration::from_secs(1);

/// The writer's own things, which no other thread sees.
pub(crate) struct Writer {
    shared: Arc<Shared>,
    /// `None` after a failed commit, until opening it again has been proven.
    connection: Option<Box<dyn Connection>>,
    positions: Positions,
    reopen_tried: Option<Instant>,
}

/// A batch in the making.
#[derive(Default)]
struct Batch {
    /// Those whose fate is the batch's.
    jobs: Vec<Box<dyn WriteJob>>,
    effects: Vec<Effect>,
    done: u64,
    changed: bool,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, connection: Box<dyn Connection>, positions: Positions) -> Self {
        Self { shared, connection: Some(connection), positions, reopen_tried: None }
    }

    /// Works until the queue is closed and empty.
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

    /// Runs closures until the queue is empty or the batch is large or old enough. An error concerns the whole batch.
    fn fill(&mut self, batch: &mut Batch, first: Box<dyn WriteJob>) -> Result<()> {
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
            // Nothing to keep, so nothing to sync: typing and presence take positions without touching the disk.
            connection.rollback()?;
        }
        Ok(())
    }

    /// Lets the batch's effects happen, or undoes it, and answers everybody.
    fn after(&mut self, batch: Batch, fate: Result<()>) {
        match fate {
            Ok(()) => {
                // Effects first: whoever reads the new position must find in memory what belongs to it. Wakes last: whoever
                // is woken must find the new position.
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

    /// Between batches: lets the engine do its housekeeping, and looks at what became of the connection.
    fn tidy(&mut self) {
        let Some(connection) = &mut self.connection else {
            return;
        };
        let tidied = connection.tidy();
        // A full disk may have struck one closure only, or the housekeeping; the batch stands.
        match (connection.trouble(), tidied) {
            (Some(Trouble::Full), _) => self.shared.space.ran_out(),
            (Some(Trouble::Lost), Ok(())) => {
                self.lose(&Error::broken("a statement found the database damaged or gone"))
            }
            (_, Err(error)) => self.lose(&error),
            (None, Ok(())) => {}
        }
    }

    /// After a failed batch: rolls back, and parts with the connection unless the disk was merely full. Returns what the
    /// callers are told.
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

    /// Parts with the connection. Whether the disk holds what was last written is unknown now; a retried sync would say yes
    /// without knowing, so the database has to be opened anew.
    fn lose(&mut self, error: &Error) {
        tracing::error!(%error, "Writing to the database failed. Nothing is written until it has been opened anew and checked.");
        self.connection = None;
        self.shared.in_doubt.store(true, Ordering::Release);
    }

    /// After a lost connection: opens and checks the database anew, at most once a second.
    fn reopened(&mut self) -> Result<()> {
        if self.connection.is_some() {
            return Ok(());
        }
        if self.reopen_tried.is_some_and(|at| at.elapsed() < REOPEN_EVERY) {
            return Err(Error::broken("the database could not be opened again after a failed write; see the log"));
        }
        self.reopen_tried = Some(Instant::now());
        let connection = self.shared.engine.connect_writer(true).inspect_err(|error| {
            tracing::error!(%error, "Opening the database again failed.");
        })?;
        tracing::info!("The database was opened anew and is sound; writing goes on.");
        self.connection = Some(connection);
        self.shared.in_doubt.store(false, Ordering::Release);
        Ok(())
    }

    /// The clean end, unless the store was merely dropped: the next start continues right after the positions of this run.
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
            // Not an error for anybody: all that was acknowledged is on disk, only the next positions leave a gap.
            tracing::warn!(%error, "The database could not be closed cleanly; the next start will put it right.");
        }
    }
}

/// The connection, which is there whenever a batch is under way.
fn live(connection: &mut Option<Box<dyn Connection>>) -> Result<&mut dyn Connection> {
    match connection {
        Some(connection) => Ok(&mut **connection),
        None => Err(Error::broken("the database is not open")),
    }
}

/// Runs one closure in a savepoint. Its own error is its caller's alone; an error here is everybody's.
fn run(
    mut job: Box<dyn WriteJob>,
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
    shared.metrics.ran(job.name(), OperationKind::Write, began.elapsed(), outcome == Outcome::Failed);
    let settled = settle(&mut *job, outcome, connection);
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

/// Keeps what a closure did or undoes it; says which.
fn settle(job: &mut dyn WriteJob, outcome: Outcome, connection: &mut dyn Connection) -> Result<Outcome> {
    if !connection.in_transaction() {
        return Err(Error::broken("the database gave up the transaction of this batch of writes"));
    }
    if outcome == Outcome::Done {
        match connection.release() {
            Ok(()) => return Ok(Outcome::Done),
            // The closure went on after an error, which PostgreSQL does not forgive.
            Err(error) => job.fail(error),
        }
    }
    connection.rollback_to().map(|()| Outcome::Failed)
}

/// Runs an effect; a panic in it is nobody's failure, for the commit stands.
fn perform(effect: Box<dyn FnOnce() + '_>) {
    let ran = std::panic::catch_unwind(std::panic::AssertUnwindSafe(effect));
    if let Err(panic) = ran {
        tracing::error!(panic = crate::job::panicked(&*panic), "Something to be done after a commit panicked.");
    }
}
