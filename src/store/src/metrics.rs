//! Counters of the store, for metrics and the dashboard.

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

/// Cost of one named closure since the start. Durations cover the closure only, not its time in the queue or the
/// commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// The name given to `read` or `write`.
    pub name: &'static str,
    /// Whether it reads or writes.
    pub kind: OperationKind,
    /// How often it ran.
    pub count: u64,
    /// How often it returned a fault or a refusal.
    pub failed: u64,
    /// Total duration of its runs.
    pub total: Duration,
    /// Longest run.
    pub max: Duration,
}

/// The current state of the store.
#[derive(Debug, Clone, Default)]
pub struct StoreHealth {
    /// Commits that reached the disk.
    pub commits: u64,
    /// Closures that were committed; divided by `commits` it is the mean batch.
    pub writes: u64,
    /// The largest batch so far, in closures.
    pub batch_max: u64,
    /// Total duration of the commits.
    pub commit_time: Duration,
    /// The longest commit.
    pub commit_time_max: Duration,
    /// Waiting writes in the lanes `Client`, `Federation`, `Upkeep`.
    pub queued_writes: [usize; 3],
    /// Waiting reads.
    pub queued_reads: usize,
    /// Size of the database, in bytes.
    pub db_bytes: u64,
    /// Size of the write-ahead log, in bytes (SQLite only).
    pub wal_bytes: u64,
    /// Free bytes on the file system of the database; `None` for a database on another machine.
    pub free_bytes: Option<u64>,
    /// The disk is full; writes are refused until there is space.
    pub out_of_space: bool,
    /// A commit failed; writes fail until the database has been reopened and checked.
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
    /// Counts one run of a closure.
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

    /// Counts a committed batch of `writes` closures.
    pub(crate) fn committed(&self, writes: u64, took: Duration) {
        let ns = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.commits.fetch_add(1, Ordering::Relaxed);
        self.writes.fetch_add(writes, Ordering::Relaxed);
        self.batch_max.fetch_max(writes, Ordering::Relaxed);
        self.commit_ns.fetch_add(ns, Ordering::Relaxed);
        self.commit_ns_max.fetch_max(ns, Ordering::Relaxed);
    }

    /// Cost of each named closure, sorted by name.
    pub(crate) fn operations(&self) -> Vec<Operation> {
        let mut all: Vec<_> = self.operations.lock().values().cloned().collect();
        all.sort_by_key(|operation| (operation.name, operation.kind));
        all
    }

    /// The counters of a [`StoreHealth`]; the other fields are at their defaults.
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
