//! Reads while the store stops, and reads that no caller waits for any more.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use super::{Bed, COUNT, read, wait};
use crate::Store;
use crate::job::{Kept, Told};

/// A read that would go on for ten seconds; returns after it has begun.
fn long_read(store: &Store) -> (Told, Kept<()>) {
    let (began, begun) = mpsc::channel();
    let long = store.push_read("long", true, move |tx| {
        began.send(()).unwrap();
        for _ in 0..10_000 {
            tx.tx().int(COUNT, &[])?;
            std::thread::sleep(Duration::from_millis(1));
        }
        Ok(())
    });
    begun.recv().unwrap();
    long.unwrap()
}

pub(super) fn a_stop_ends_reads(bed: &Bed) {
    let store = bed.open();
    let slow_max = bed.options.readers - 1;
    let running: Vec<_> = (0..slow_max).map(|_| long_read(&store)).collect();
    // The last reader takes no slow read, so this one waits.
    let waiting = store.push_read("waiting", true, |_| Ok(())).unwrap();
    assert_eq!(store.health().queued_reads, 1);
    read(&store, |_| Ok(())).expect("fast reads go on");
    store.close();
    assert!(running.into_iter().all(|read| wait(read).is_err()), "ended at a statement");
    assert!(wait(waiting).is_err(), "never began");
}

pub(super) fn a_read_without_a_caller_never_runs(bed: &Bed) {
    let store = bed.open();
    let held: Vec<_> = (0..bed.options.readers).map(|_| hold_reader(&store)).collect();
    let ran = Arc::new(AtomicBool::new(false));
    let runs = ran.clone();
    let abandoned = store.push_read("abandoned", false, move |_| {
        runs.store(true, Ordering::Relaxed);
        Ok(())
    });
    drop(abandoned.unwrap());
    let later = store.push_read("later", false, |_| Ok(())).unwrap();
    drop(held);
    wait(later).unwrap();
    // Joins the readers, so that both reads have ended.
    store.close();
    assert!(!ran.load(Ordering::Relaxed));
}

/// Keeps a reader busy until the returned sender is dropped.
fn hold_reader(store: &Store) -> mpsc::Sender<()> {
    let (release, released) = mpsc::channel();
    let (began, begun) = mpsc::channel();
    let held = store.push_read("held", false, move |_| {
        began.send(()).unwrap();
        released.recv().unwrap_err();
        Ok(())
    });
    // Not before: a read without a caller does not begin.
    begun.recv().unwrap();
    drop(held.unwrap());
    release
}

#[test]
fn a_stop_interrupts_a_long_statement() {
    const LONG: &str = "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500000000) \
        SELECT COUNT(*) FROM n";
    let store = Bed::sqlite().open();
    let (began, begun) = mpsc::channel();
    let long = store.push_read("long", true, move |tx| {
        began.send(()).unwrap();
        tx.tx().int(LONG, &[])
    });
    begun.recv().unwrap();
    store.close();
    assert!(wait(long.unwrap()).is_err());
}
