//! The store: opening, reading, writing, closing.

use std::collections::HashMap;
use std::future::Future;
use std::path::Path;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use hearth_base::limits::STOP_READERS_MS_MAX;
use hearth_base::limits::store::STOP_READERS_LOOK_EVERY;
use hearth_base::{Error, Position, Result, Seams};
use parking_lot::Mutex;

use crate::engine::{Connection, Engine, Interrupter, sqlite::Sqlite};
use crate::job::{self, Kept, Told, WriteJob};
use crate::metrics::{Metrics, Operation, StoreHealth};
use crate::migrate::{self, Migration};
use crate::options::{EngineOptions, Options};
use crate::positions::Positions;
use crate::queue::{Lane, Queue};
use crate::read_queue::ReadQueue;
use crate::readers::{self, WaitingRead};
use crate::snapshot;
use crate::space::Space;
use crate::tables::server_name::ServerNameRow;
use crate::tx::{ReadTx, WriteTx};
use crate::writer::Writer;

/// The future that [`Store::before_writes`] returns.
pub type Before = Pin<Box<dyn Future<Output = ()> + Send>>;

type BeforeWrite = Box<dyn Fn(&'static str) -> Before + Send + Sync>;

/// The database and its threads. A clone is a handle to the same one.
///
/// Dropping the last handle ends the threads, as a crash would; for a graceful shutdown call [`Store::close`].
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    threads: Mutex<Threads>,
}

#[derive(Default)]
struct Threads {
    writer: Option<JoinHandle<()>>,
    readers: Vec<JoinHandle<()>>,
}

/// State shared by the handles and the threads.
pub(crate) struct Shared {
    pub(crate) engine: Box<dyn Engine>,
    pub(crate) writes: Queue<WriteJob, 3>,
    pub(crate) reads: ReadQueue,
    /// Functions that end the statement which a reader runs, by the reader's number.
    pub(crate) interrupters: Mutex<HashMap<usize, Interrupter>>,
    /// The store is being closed: reads fail.
    pub(crate) stopping: AtomicBool,
    /// The newest committed position.
    pub(crate) committed: AtomicU64,
    /// Called after each publication of a position.
    pub(crate) published: OnceLock<Box<dyn Fn() + Send + Sync>>,
    /// Awaited before each write; see [`Store::before_writes`].
    pub(crate) before_write: OnceLock<BeforeWrite>,
    pub(crate) space: Space,
    pub(crate) metrics: Metrics,
    /// A commit failed, and the database has not been reopened since.
    pub(crate) in_doubt: AtomicBool,
    /// The threads end because of [`Store::close`].
    pub(crate) graceful: AtomicBool,
}

impl Shared {
    fn queue_write(&self, lane: Lane, job: WriteJob) -> Result<()> {
        self.space.admit(lane)?;
        let name = job.name;
        self.writes.push(lane as usize, job).map_err(|why| job::turned_away(name, &why))
    }

    fn queue_read(&self, read: WaitingRead) -> Result<()> {
        let name = read.job.name;
        self.reads.push(read).map_err(|why| job::turned_away(name, &why))
    }
}

impl Store {
    /// Opens the database, creates it if it is missing, migrates its schema, and starts the threads. Blocks.
    ///
    /// # Errors
    /// When another server uses the database, or it is damaged, foreign, or of a newer version; the error names the
    /// remedy.
    pub fn open(options: Options, seams: Seams) -> Result<Self> {
        Self::open_with(options, seams, migrate::MIGRATIONS)
    }

    /// [`Store::open`] with other migrations.
    pub(crate) fn open_with(options: Options, seams: Seams, migrations: &'static [Migration]) -> Result<Self> {
        // On a new thread: the PostgreSQL driver panics when it connects inside an asynchronous runtime.
        let opening =
            std::thread::Builder::new().name("store-open".into()).spawn(move || open(&options, &seams, migrations));
        let opening = opening.map_err(|error| Error::fault("starting a thread", error))?;
        opening.join().map_err(|panic| Error::broken(format!("opening the database: {}", job::panicked(&*panic))))?
    }

    /// Runs `closure` in a write transaction, in the lane of clients, and returns when it is on disk. An error or a
    /// panic rolls back what the closure wrote and nothing else. `name` labels metrics. The closure must not block or
    /// compute for long, because all other writes wait for it. If the caller drops the future, the closure still runs.
    pub async fn write<T, F>(&self, name: &'static str, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        self.write_in(Lane::Client, name, closure).await
    }

    /// [`Store::write`] in another lane. On a full disk all lanes but upkeep refuse with `Reason::OutOfSpace`.
    pub async fn write_in<T, F>(&self, lane: Lane, name: &'static str, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        if let Some(before) = self.0.shared.before_write.get() {
            before(name).await;
        }
        let (told, kept) = self.push_write(lane, name, closure)?;
        told.await?;
        kept.take(name)
    }

    /// [`Store::write_in`] that blocks this thread: for start-up and benches.
    pub fn write_blocking<T, F>(&self, lane: Lane, name: &'static str, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        let (told, kept) = self.push_write(lane, name, closure)?;
        job::wait(told)?;
        kept.take(name)
    }

    pub(crate) fn push_write<T, F>(&self, lane: Lane, name: &'static str, closure: F) -> Result<(Told, Kept<T>)>
    where
        T: Send + 'static,
        F: FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
    {
        let (job, told, kept) = job::write(name, closure);
        self.0.shared.queue_write(lane, job)?;
        Ok((told, kept))
    }

    /// Runs `closure` on one snapshot of the database. `name` labels metrics.
    pub async fn read<T, F>(&self, name: &'static str, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let (told, kept) = self.push_read(name, false, closure)?;
        told.await?;
        kept.take(name)
    }

    /// [`Store::read`] for closures that may visit thousands of rows. Fast reads that wait share a snapshot and run one
    /// after another on one thread; none of them is queued behind a slow one, and one reader takes only fast ones.
    pub async fn read_slow<T, F>(&self, name: &'static str, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let (told, kept) = self.push_read(name, true, closure)?;
        told.await?;
        kept.take(name)
    }

    /// [`Store::read`] that blocks this thread: for start-up and benches.
    pub fn read_blocking<T, F>(&self, name: &'static str, closure: F) -> Result<T>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let (told, kept) = self.push_read(name, false, closure)?;
        job::wait(told)?;
        kept.take(name)
    }

    pub(crate) fn push_read<T, F>(&self, name: &'static str, slow: bool, closure: F) -> Result<(Told, Kept<T>)>
    where
        T: Send + 'static,
        F: FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
    {
        let (job, told, kept) = job::read(name, closure);
        self.0.shared.queue_read(WaitingRead { job, slow })?;
        Ok((told, kept))
    }

    /// Sets the function that the writer thread calls each time a newer position can be read, to wake waiters. Only the
    /// first call has an effect.
    pub fn on_published(&self, published: impl Fn() + Send + Sync + 'static) {
        let _ = self.0.shared.published.set(Box::new(published));
    }

    /// Sets a function whose future is awaited before each write of an asynchronous caller, with the write's name. It
    /// lets tests stop a use case between two of its writes; the server never sets it. Only the first call has an
    /// effect.
    pub fn before_writes(&self, before: impl Fn(&'static str) -> Before + Send + Sync + 'static) {
        let _ = self.0.shared.before_write.set(Box::new(before));
    }

    /// The newest committed position.
    #[must_use]
    pub fn position(&self) -> Position {
        Position(self.0.shared.committed.load(Ordering::Acquire))
    }

    /// Cost of each named closure since the start, sorted by name.
    #[must_use]
    pub fn operations(&self) -> Vec<Operation> {
        self.0.shared.metrics.operations()
    }

    /// Current queue lengths, sizes and failures.
    #[must_use]
    pub fn health(&self) -> StoreHealth {
        let shared = &self.0.shared;
        let sizes = shared.engine.sizes();
        StoreHealth {
            queued_writes: shared.writes.lengths(),
            queued_reads: shared.reads.waiting(),
            db_bytes: sizes.database,
            wal_bytes: sizes.log,
            free_bytes: shared.space.free_bytes(),
            out_of_space: shared.space.is_out(),
            in_doubt: shared.in_doubt.load(Ordering::Acquire),
            ..shared.metrics.health()
        }
    }

    /// The name of the server that the SQLite database at `path` belongs to; `None` if there is no database, or none
    /// with a name. Takes no lock and changes nothing, so it works while a server runs.
    pub fn server_name_of(path: &Path) -> Result<Option<ServerNameRow>> {
        crate::engine::sqlite::server_name(path)
    }

    /// Copies one snapshot of the database into a new file at `to`. Blocks for as long as reading the database takes;
    /// writes continue meanwhile. SQLite only.
    pub fn snapshot_blocking(&self, to: &Path) -> Result<()> {
        self.0.shared.engine.snapshot(to)
    }

    /// Checks the whole database for damage; blocks and is slow. Returns one line per problem, none if it is intact.
    pub fn check_blocking(&self) -> Result<Vec<String>> {
        self.0.shared.engine.check()
    }

    /// Shuts down gracefully: refuses further closures, finishes the writes that wait, moves the write-ahead log into
    /// the database, and joins the threads. Reads fail, also those under way. Later calls fail. Blocks; a second call
    /// does nothing.
    pub fn close(&self) {
        self.0.shared.graceful.store(true, Ordering::Release);
        self.0.end();
    }
}

impl Inner {
    /// Ends the threads. Readers end first, because an open snapshot keeps the writer from emptying the write-ahead
    /// log.
    fn end(&self) {
        let mut threads = self.threads.lock();
        // Before running reads end, or a reader that is free by that takes a read that waits. Those are dropped, not run:
        // their callers get an error at once.
        drop(self.shared.reads.close());
        self.shared.stopping.store(true, Ordering::Relaxed);
        if !self.end_readers(threads.readers.drain(..).collect()) {
            tracing::warn!("A read did not end in time. The next start recovers the database.");
            self.shared.graceful.store(false, Ordering::Release);
        }
        self.shared.writes.close();
        threads.writer.take().into_iter().for_each(join);
        self.shared.engine.unlock();
    }

    /// Interrupts the readers until they end; returns false if one does not within
    /// [`STOP_READERS_MS_MAX`], because its closure computes for long: then it is left behind.
    fn end_readers(&self, readers: Vec<JoinHandle<()>>) -> bool {
        let until = Instant::now() + Duration::from_millis(STOP_READERS_MS_MAX);
        let own = std::thread::current().id();
        let is_running = |thread: &JoinHandle<()>| thread.thread().id() != own && !thread.is_finished();
        while readers.iter().any(is_running) && Instant::now() < until {
            // Again and again: an interrupt that comes just before a statement starts has no effect on it.
            self.shared.interrupters.lock().values().for_each(|interrupt| interrupt());
            std::thread::sleep(STOP_READERS_LOOK_EVERY);
        }
        let (late, ended): (Vec<_>, Vec<_>) = readers.into_iter().partition(is_running);
        ended.into_iter().for_each(join);
        late.is_empty()
    }
}

impl Drop for Inner {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits for a thread, unless it is the current one: the last handle may be dropped inside a closure.
fn join(thread: JoinHandle<()>) {
    if thread.thread().id() != std::thread::current().id() && thread.join().is_err() {
        tracing::error!("A thread of the store panicked.");
    }
}

fn open(options: &Options, seams: &Seams, migrations: &[Migration]) -> Result<Store> {
    open_on(engine(options, migrations)?, options, seams, migrations)
}

/// The part of opening that does not depend on the engine.
pub(crate) fn open_on(
    engine: Box<dyn Engine>,
    options: &Options,
    seams: &Seams,
    migrations: &[Migration],
) -> Result<Store> {
    let mut connection = engine.connect_writer(false)?;
    migrate::run(&mut *connection, migrations, |schema| match &options.engine {
        EngineOptions::Sqlite(sqlite) if options.snapshot_before_migration => {
            snapshot::before_migration(&*engine, &sqlite.path, schema, &*seams.clock)
        }
        _ => Ok(()),
    })?;
    let positions = Positions::load(&mut *connection)?;
    let folder = match &options.engine {
        EngineOptions::Sqlite(sqlite) => Some(snapshot::folder_of(&sqlite.path)),
        EngineOptions::Postgres { .. } => None,
    };
    let shared = Arc::new(Shared {
        engine,
        writes: Queue::new(),
        reads: ReadQueue::new(options.readers.max(1)),
        interrupters: Mutex::default(),
        stopping: false.into(),
        committed: positions.last().0.into(),
        published: OnceLock::new(),
        before_write: OnceLock::new(),
        space: Space::new(folder, options.ballast.clone(), options.free_bytes_min),
        metrics: Metrics::default(),
        in_doubt: false.into(),
        graceful: false.into(),
    });
    start(shared, options.readers.max(1), connection, positions)
}

fn engine(options: &Options, migrations: &[Migration]) -> Result<Box<dyn Engine>> {
    match &options.engine {
        EngineOptions::Sqlite(sqlite) => Ok(Box::new(Sqlite::open(sqlite, migrations)?)),
        #[cfg(feature = "postgres")]
        EngineOptions::Postgres { url } => Ok(Box::new(crate::engine::postgres::Postgres::open(url)?)),
        #[cfg(not(feature = "postgres"))]
        EngineOptions::Postgres { .. } => Err(Error::broken(
            "this Hearth was built without PostgreSQL; use SQLite, or a build with the feature `postgres`",
        )),
    }
}

fn start(shared: Arc<Shared>, readers: usize, connection: Box<dyn Connection>, positions: Positions) -> Result<Store> {
    // Created first: if a thread cannot start, dropping the store ends those that have.
    let store = Store(Arc::new(Inner { shared: Arc::clone(&shared), threads: Mutex::default() }));
    let mut threads = store.0.threads.lock();
    for number in 0..readers {
        let (shared, connection) = (Arc::clone(&shared), shared.engine.connect_reader()?);
        threads
            .readers
            .push(spawn(format!("store-read-{number}"), move || readers::run(&shared, (number, readers), connection))?);
    }
    let writer = Writer::new(shared, connection, positions);
    threads.writer = Some(spawn("store-write".into(), move || writer.run())?);
    drop(threads);
    Ok(store)
}

fn spawn(name: String, work: impl FnOnce() + Send + 'static) -> Result<JoinHandle<()>> {
    let thread = std::thread::Builder::new().name(name).spawn(work);
    thread.map_err(|error| Error::fault("starting a thread of the store", error))
}
