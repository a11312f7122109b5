//! What the store counts about itself, for metrics and the dashboard.

use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use parking_lot::Mutex;

/// Whether an operation reads or writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum OperationKind {
    /// Runs on a reader.
    Read,
    /// Runs on the writer.
    Write,
}

/// What one named closure has cost so far. Durations are of the closure alone, without waiting and without the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The name given to `read` or `write`.
    pub name: &'static str,
    /// Reading or writing.
    pub kind: OperationKind,
    /// How often it ran.
    pub count: u64,
    /// How often it ended in an error or a refusal.
    pub failed: u64,
    /// All its runs together.
    pub total: Duration,
    /// Its longest run.
    pub max: Duration,
}

/// The store's condition at this moment.
#[derive(Debug, Clone, Default)]
pub struct StoreHealth {
    /// Commits that reached the disk.
    pub commits: u64,
    /// Closures that were committed; divided by `commits` it is the mean batch.
    pub writes: u64,
    /// The largest batch so far, in closures.
    pub batch_max: u64,
    /// All commits together.
    pub commit_time: Duration,
    /// The longest commit.
    pub commit_time_max: Duration,
    /// Writes waiting, for `Client`, `Federation`, `Upkeep` in this order.
    pub queued_writes: [usize; 3],
    /// Reads waiting.
    pub queued_reads: usize,
    /// The database, in bytes.
    pub db_bytes: u64,
    /// The write-ahead log, in bytes (SQLite only).
    pub wal_bytes: u64,
    /// What is free for us where the database lies, in bytes; `None` when it is elsewhere.
    pub free_bytes: Option<u64>,
    /// The disk was found full, and writes are refused until there is room.
    pub out_of_space: bool,
    /// A commit failed in a way that puts the disk in doubt, and writes fail until reopening the database has been proven.
    pub in_doubt: bool,
}

/// The counters behind [`Operation`] and [`StoreHealth`].
#[derive(Debug, Default)]
pub(crate) struct Metrics {
    operations: Mutex<HashMap<(&'static str, OperationKind), Operation>>,
    commits: AtomicU64,
    writes: AtomicU64,
    batch_max: AtomicU64,
    commit_ns: AtomicU64,
    commit_ns_max: AtomicU64,
}

impl Metrics {
    /// One closure ran.
    pub(crate) fn ran(&self, name: &'static str, kind: OperationKind, took: Duration, failed: bool) {
        let mut operations = self.operations.lock();
        let operation = operations.entry((name, kind)).or_insert(Operation {
            name,
            kind,
            count: 0,
            failed: 0,
            total: Duration::ZERO,
            max: Duration::ZERO,
        });
        operation.count += 1;
        operation.failed += u64::from(failed);
        operation.total += took;
        operation.max = operation.max.max(took);
    }

    /// A batch of `writes` closures was committed.
    pub(crate) fn committed(&self, writes: u64, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
        self.batch_max.fetch_max(writes, Ordering::Relaxed);
        self.commit_ns.fetch_add(ns, Ordering::Relaxed);
        self.commit_ns_max.fetch_max(ns, Ordering::Relaxed);
    }

    /// What every named closure has cost, in the order of their names.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut all: Vec<_> = self.operations.lock().values().cloned().collect();
        all.sort_by_key(|operation| (operation.name, operation.kind));
        all
    }

    /// The counters' part of a [`StoreHealth`].
    pub(crate) fn health(&self) -> StoreHealth {
        StoreHealth {
            commits: self.commits.load(Ordering::Relaxed),
            writes: self.writes.load(Ordering::Relaxed),
            batch_max: self.batch_max.load(Ordering::Relaxed),
            commit_time: Duration::from_nanos(self.commit_ns.load(Ordering::Relaxed)),
            commit_time_max: Duration::from_nanos(self.commit_ns_max.load(Ordering::Relaxed)),
            ..StoreHealth::default()
        }
    }
}
