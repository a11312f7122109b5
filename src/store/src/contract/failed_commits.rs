//! A failing disk, simulated by an engine that fails on demand: no write is acknowledged that is not on disk, and no
//! write is accepted before the database has been reopened.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc;
use std::time::Duration;

use hearth_base::{Error, Result, Seams};

use super::{ADD, Bed, SCHEMA, hold, ids, queue, wait, write};
use crate::engine::sqlite::Sqlite;
use crate::engine::{Connection, Dialect, EachRow, Engine, Interrupter, Sizes, Trouble, Tx, Value};
use crate::{EngineOptions, Store, store};

/// What fails, and how often the database was reopened.
#[derive(Default)]
struct Faults {
    commit: AtomicBool,
    tidy: AtomicBool,
    reopen: AtomicBool,
    reopened: AtomicU64,
}

struct FaultyEngine(Sqlite, Arc<Faults>);
struct FaultyConnection(Box<dyn Connection>, Arc<Faults>);

/// A store on an engine that fails on demand.
fn open(bed: &Bed) -> (Store, Arc<Faults>) {
    let EngineOptions::Sqlite(sqlite) = &bed.options.engine else {
        unreachable!("these tests open SQLite");
    };
    let faults = Arc::new(Faults::default());
    let engine = FaultyEngine(Sqlite::open(sqlite, super::SCHEMA).unwrap(), Arc::clone(&faults));
    let store = store::open_on(Box::new(engine), &bed.options, &Seams::system(), SCHEMA).unwrap();
    (store, faults)
}

#[test]
fn a_failed_commit_fails_every_caller_and_publishes_nothing() {
    let bed = Bed::sqlite();
    let (store, faults) = open(&bed);
    let (first, release) = (write(&store, |tx| Ok(tx.position())).unwrap(), hold(&store));
    let (seen, sees) = mpsc::channel();
    let answers: Vec<_> = (0..3_i64)
        .map(|id| {
            let seen = seen.clone();
            queue(&store, move |tx| {
                tx.position();
                tx.after_commit(move || seen.send(id).unwrap());
                tx.execute(ADD, &[id.into(), "x".into()])
            })
        })
        .collect();
    drop(seen);
    faults.commit.store(true, Ordering::SeqCst);
    drop(release);
    for answer in answers {
        assert!(wait(answer).unwrap_err().to_string().contains("input/output"));
    }
    assert!(sees.recv().is_err(), "no effect ran");
    assert_eq!(store.position(), first);
    assert!(ids(&store).is_empty());

    // Positions of the failed batch are not used again: they may have appeared in a log.
    faults.commit.store(false, Ordering::SeqCst);
    let next = write(&store, |tx| Ok(tx.position())).unwrap();
    assert!(next.0 > first.0 + 3, "{next} after {first} and three lost ones");
}

#[test]
fn nothing_is_written_before_the_database_is_checked_again() {
    let bed = Bed::sqlite();
    let (store, faults) = open(&bed);
    write(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()])).unwrap();
    faults.commit.store(true, Ordering::SeqCst);
    faults.reopen.store(true, Ordering::SeqCst);
    write(&store, |tx| tx.execute(ADD, &[2_i64.into(), "x".into()])).unwrap_err();
    faults.commit.store(false, Ordering::SeqCst);
    write(&store, |tx| tx.execute(ADD, &[3_i64.into(), "x".into()])).unwrap_err();
    assert!(store.health().in_doubt);
    assert_eq!(ids(&store), [1], "reading goes on");

    faults.reopen.store(false, Ordering::SeqCst);
    std::thread::sleep(Duration::from_millis(1_100));
    write(&store, |tx| tx.execute(ADD, &[4_i64.into(), "x".into()])).unwrap();
    assert!(!store.health().in_doubt);
    assert_eq!(faults.reopened.load(Ordering::SeqCst), 1);
    assert_eq!(ids(&store), [1, 4]);
}

#[test]
fn a_failed_checkpoint_is_as_bad_as_a_failed_commit() {
    let bed = Bed::sqlite();
    let (store, faults) = open(&bed);
    faults.tidy.store(true, Ordering::SeqCst);
    write(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()])).unwrap();
    // That write is committed and was answered; the checkpoint runs afterwards.
    while !store.health().in_doubt {
        std::thread::yield_now();
    }
    faults.tidy.store(false, Ordering::SeqCst);
    write(&store, |tx| tx.execute(ADD, &[2_i64.into(), "x".into()])).unwrap();
    assert_eq!(faults.reopened.load(Ordering::SeqCst), 1);
    assert_eq!(ids(&store), [1, 2]);
}

fn fail(told: &AtomicBool) -> Result<()> {
    if told.load(Ordering::SeqCst) { Err(Error::broken("input/output error, on purpose")) } else { Ok(()) }
}

impl Engine for FaultyEngine {
    fn connect_writer(&self, again: bool) -> Result<Box<dyn Connection>> {
        if again {
            fail(&self.1.reopen)?;
            self.1.reopened.fetch_add(1, Ordering::SeqCst);
        }
        Ok(Box::new(FaultyConnection(self.0.connect_writer(again)?, Arc::clone(&self.1))))
    }

    fn connect_reader(&self) -> Result<Box<dyn Connection>> {
        self.0.connect_reader()
    }

    fn snapshot(&self, to: &Path) -> Result<()> {
        self.0.snapshot(to)
    }

    fn check(&self) -> Result<Vec<String>> {
        self.0.check()
    }

    fn unlock(&self) {
        self.0.unlock();
    }

    fn sizes(&self) -> Sizes {
        self.0.sizes()
    }
}

impl Tx for FaultyConnection {
    fn dialect(&self) -> Dialect {
        self.0.dialect()
    }

    fn execute(&mut self, sql: &'static str, args: &[Value<'_>]) -> Result<u64> {
        self.0.execute(sql, args)
    }

    fn query(&mut self, sql: &'static str, args: &[Value<'_>], each: &mut EachRow<'_>) -> Result<()> {
        self.0.query(sql, args, each)
    }
}

impl Connection for FaultyConnection {
    fn begin_read(&mut self) -> Result<()> {
        self.0.begin_read()
    }

    fn begin_write(&mut self) -> Result<()> {
        self.0.begin_write()
    }

    fn commit(&mut self) -> Result<()> {
        fail(&self.1.commit)?;
        self.0.commit()
    }

    fn rollback(&mut self) -> Result<()> {
        self.0.rollback()
    }

    fn savepoint(&mut self) -> Result<()> {
        self.0.savepoint()
    }

    fn release(&mut self) -> Result<()> {
        self.0.release()
    }

    fn rollback_to(&mut self) -> Result<()> {
        self.0.rollback_to()
    }

    fn in_transaction(&self) -> bool {
        self.0.in_transaction()
    }

    fn interrupter(&self) -> Interrupter {
        self.0.interrupter()
    }

    fn changes(&self) -> u64 {
        self.0.changes()
    }

    fn script(&mut self, sql: &str) -> Result<()> {
        self.0.script(sql)
    }

    fn has_table(&mut self, name: &str) -> Result<bool> {
        self.0.has_table(name)
    }

    fn prepare(&mut self, sql: &'static str) -> Result<()> {
        self.0.prepare(sql)
    }

    fn trouble(&mut self) -> Option<Trouble> {
        self.0.trouble()
    }

    fn tidy(&mut self) -> Result<()> {
        fail(&self.1.tidy)?;
        self.0.tidy()
    }

    fn finish(&mut self) -> Result<()> {
        self.0.finish()
    }
}
