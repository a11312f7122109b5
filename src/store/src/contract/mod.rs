//! The contract of a storage engine, as tests that run on each: on SQLite one by one; on PostgreSQL in one test, on a
//! server that the test starts and stops (cargo feature `postgres`; skipped if PostgreSQL is not installed, unless
//! `HEARTH_REQUIRE_POSTGRES=1`).

mod batches;
#[cfg(feature = "postgres")]
mod cluster;
mod costs;
mod disk_full;
mod failed_commits;
mod keys;
mod migrations;
mod positions;
mod search;
mod sqlite_files;
mod statements;
mod stopping;
mod values;

use std::sync::mpsc;

use hearth_base::{Result, Seams};

use crate::job::{self, Kept, Told};
use crate::migrate::Migration;
use crate::{Lane, Options, ReadTx, Store, WriteTx};

/// The schema of the tests.
pub(crate) const SCHEMA: &[Migration] = &[(
    1,
    "test",
    "CREATE TABLE notes (
         id INTEGER NOT NULL PRIMARY KEY,
         body TEXT
     ) STRICT;
     -- Every kind of column;
     CREATE TABLE kinds (id INTEGER PRIMARY KEY, i INTEGER, t TEXT, b BLOB) STRICT;",
)];

pub(crate) const ADD: &str = "INSERT INTO notes (id, body) VALUES (?1, ?2)";
pub(crate) const COUNT: &str = "SELECT COUNT(*) FROM notes";
pub(crate) const IDS: &str = "SELECT id FROM notes ORDER BY id";

/// The database of one test.
pub(crate) struct Bed {
    pub(crate) options: Options,
    _folder: Option<tempfile::TempDir>,
}

impl Bed {
    /// An empty SQLite database.
    pub(crate) fn sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = Options::sqlite(folder.path().join("hearth.db"));
        options.ballast = None;
        options.readers = 2;
        Self { options, _folder: Some(folder) }
    }

    /// Opens the store with the tests' schema.
    pub(crate) fn open(&self) -> Store {
        Store::open_with(self.options.clone(), Seams::system(), SCHEMA).unwrap()
    }
}

/// Queues a write without waiting for it.
pub(crate) fn queue<T: Send + 'static>(
    store: &Store,
    write: impl FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
) -> (Told, Kept<T>) {
    store.push_write(Lane::Client, "test", write).unwrap()
}

/// Waits for a queued write.
pub(crate) fn wait<T>((told, kept): (Told, Kept<T>)) -> Result<T> {
    job::wait(told)?;
    kept.take("test")
}

/// Writes and waits.
pub(crate) fn write<T: Send + 'static>(
    store: &Store,
    write: impl FnOnce(&mut WriteTx<'_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    store.write_blocking(Lane::Client, "test", write)
}

/// Reads and waits.
pub(crate) fn read<T: Send + 'static>(
    store: &Store,
    read: impl FnOnce(&mut ReadTx<'_>) -> Result<T> + Send + 'static,
) -> Result<T> {
    store.read_blocking("test", read)
}

/// The ids of all notes.
pub(crate) fn ids(store: &Store) -> Vec<i64> {
    read(store, |tx| tx.tx().all(IDS, &[], |row| row.int(0))).unwrap()
}

/// Keeps the writer busy until the returned sender is dropped, so that writes queued meanwhile become one batch.
pub(crate) fn hold(store: &Store) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (began, begun) = mpsc::channel();
    drop(queue(store, move |_| {
        began.send(()).unwrap();
        released.recv().unwrap_err();
        // Longer than a batch takes further closures, so that this closure is alone in its batch.
        std::thread::sleep(std::time::Duration::from_millis(20));
        Ok(())
    }));
    begun.recv().unwrap();
    release
}

/// Lists the cases: each a test on SQLite, all together one test on PostgreSQL.
macro_rules! cases {
    ($($module:ident :: $case:ident),+ $(,)?) => {
        mod on_sqlite {
            $(#[test] fn $case() { super::$module::$case(&super::Bed::sqlite()); })+
        }

        #[cfg(feature = "postgres")]
        const CASES: &[(&str, fn(&Bed))] = &[$((stringify!($case), $module::$case)),+];
    };
}

cases! {
    batches::an_error_undoes_one_closure_and_no_other,
    batches::a_panic_undoes_one_closure_and_no_other,
    batches::a_broken_constraint_leaves_the_others_fine,
    batches::going_on_after_an_error_harms_no_one_else,
    batches::effects_run_after_the_commit_and_in_order,
    batches::positions_are_published_before_any_user_is_woken,
    batches::effects_of_a_failed_closure_never_run,
    batches::concurrent_writers_share_commits,
    batches::a_batch_without_changes_commits_nothing,
    batches::a_reader_cannot_write,
    batches::a_panicking_read_leaves_the_reader_alive,
    batches::after_the_end_calls_fail_clearly,
    positions::commit_order_is_position_order,
    positions::a_reader_sees_all_up_to_its_position,
    positions::no_position_is_reused_after_a_crash,
    positions::no_gap_after_a_clean_end,
    positions::positions_without_changes_are_published,
    positions::a_block_can_run_out_within_one_closure,
    positions::skipped_positions_are_never_taken,
    positions::a_failed_closure_costs_a_gap_at_most,
    values::every_value_comes_back_as_it_went,
    values::numbers_are_chosen_and_returned,
    values::wrong_types_are_faults,
    values::too_few_arguments_are_a_fault,
    values::truth_reads_as_a_number,
    values::text_sorts_by_its_bytes,
    values::a_query_stops_when_told,
    keys::the_keys_of_many_are_those_of_each,
    migrations::steps_are_applied_once_and_in_order,
    migrations::a_step_that_fails_changes_nothing,
    migrations::a_newer_schema_is_refused,
    migrations::events_survive_the_loss_of_their_codec,
    search::words_lead_to_their_events,
    statements::every_statement_is_understood,
    statements::a_second_server_is_kept_out,
    stopping::a_stop_ends_reads,
    stopping::a_read_without_a_caller_never_runs,
}

#[cfg(feature = "postgres")]
#[test]
fn on_postgres() {
    let Some(cluster) = cluster::Cluster::start() else {
        return;
    };
    for (name, case) in CASES {
        eprintln!("on PostgreSQL: {name}");
        case(&Bed { options: Options::postgres(cluster.database(name)), _folder: None });
    }
}
