//! Batches: isolation between closures, and the order of effects and answers.

use std::sync::mpsc;

use hearth_base::Error;

use super::{ADD, Bed, COUNT, hold, ids, queue, read, wait, write};
use crate::Tx;

pub(super) fn an_error_undoes_one_closure_and_no_other(bed: &Bed) {
    let store = bed.open();
    let release = hold(&store);
    let answers: Vec<_> = (1..=3_i64)
        .map(|id| {
            queue(&store, move |tx| {
                tx.execute(ADD, &[id.into(), "x".into()])?;
                if id == 2 { Err(Error::broken("no")) } else { Ok(id) }
            })
        })
        .collect();
    drop(release);
    let answers: Vec<_> = answers.into_iter().map(|answer| wait(answer).ok()).collect();
    assert_eq!(answers, [Some(1), None, Some(3)]);
    assert_eq!(ids(&store), [1, 3]);
}

pub(super) fn a_panic_undoes_one_closure_and_no_other(bed: &Bed) {
    let store = bed.open();
    let release = hold(&store);
    let first = queue(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()]));
    let second = queue(&store, |tx| {
        tx.execute(ADD, &[2_i64.into(), "x".into()])?;
        if tx.position().0 > 0 { panic!("on purpose") } else { Ok(()) }
    });
    let third = queue(&store, |tx| tx.execute(ADD, &[3_i64.into(), "x".into()]));
    drop(release);
    wait(first).unwrap();
    assert!(wait(second).unwrap_err().to_string().contains("on purpose"));
    wait(third).unwrap();
    assert_eq!(ids(&store), [1, 3]);
}

pub(super) fn a_broken_constraint_leaves_the_others_fine(bed: &Bed) {
    let store = bed.open();
    let release = hold(&store);
    let answers: Vec<_> = [1_i64, 1, 2]
        .into_iter()
        .map(|id| queue(&store, move |tx| tx.execute(ADD, &[id.into(), "x".into()])))
        .collect();
    drop(release);
    let fine: Vec<_> = answers.into_iter().map(|answer| wait(answer).is_ok()).collect();
    assert_eq!(fine, [true, false, true]);
    assert_eq!(ids(&store), [1, 2]);
}

/// A closure must return after a failed statement. If it does not, it must be the only one that fails.
pub(super) fn going_on_after_an_error_harms_no_one_else(bed: &Bed) {
    let store = bed.open();
    let release = hold(&store);
    let first = queue(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()]));
    let second = queue(&store, |tx| {
        drop(tx.execute(ADD, &[1_i64.into(), "x".into()]));
        Ok(())
    });
    let third = queue(&store, |tx| tx.execute(ADD, &[3_i64.into(), "x".into()]));
    drop(release);
    wait(first).unwrap();
    drop(wait(second));
    wait(third).unwrap();
    assert_eq!(ids(&store), [1, 3]);
}

pub(super) fn effects_run_after_the_commit_and_in_order(bed: &Bed) {
    let store = bed.open();
    let release = hold(&store);
    let (seen, sees) = mpsc::channel();
    let answers: Vec<_> = (1..=3_u64)
        .map(|number| {
            let (seen, store) = (seen.clone(), store.clone());
            queue(&store.clone(), move |tx| {
                let position = tx.position();
                tx.execute(ADD, &[number.into(), "x".into()])?;
                // A reader has its own connection: what it sees is committed.
                tx.after_commit(move || {
                    let count = read(&store, |tx| tx.tx().int(COUNT, &[])).unwrap();
                    seen.send((number, store.position() < position, count)).unwrap();
                });
                Ok(())
            })
        })
        .collect();
    drop((release, seen));
    answers.into_iter().for_each(|answer| wait(answer).unwrap());
    let seen: Vec<_> = sees.into_iter().collect();
    // Effects must have updated caches before a reader can see the position of the change.
    let order: Vec<_> = seen.iter().map(|(number, before, _)| (*number, *before)).collect();
    assert_eq!(order, [(1, true), (2, true), (3, true)]);
    // All three are mostly one batch; a busy machine may end it earlier.
    assert!(seen.iter().all(|(number, _, count)| count.is_some_and(|count| count as u64 >= *number)), "{seen:?}");
}

pub(super) fn positions_are_published_before_any_user_is_woken(bed: &Bed) {
    let store = bed.open();
    let (woken, wakes) = mpsc::channel();
    let reader = store.clone();
    store.on_published(move || woken.send(reader.position()).unwrap());
    let position = write(&store, |tx| {
        let position = tx.position();
        tx.execute(ADD, &[1_i64.into(), "x".into()])?;
        Ok(position)
    });
    assert!(wakes.recv().unwrap() >= position.unwrap());
}

pub(super) fn effects_of_a_failed_closure_never_run(bed: &Bed) {
    let store = bed.open();
    let (seen, sees) = mpsc::channel();
    let failed = write(&store, move |tx| {
        tx.after_commit(move || seen.send(()).unwrap());
        Err::<(), _>(Error::broken("no"))
    });
    assert!(failed.is_err());
    assert!(sees.recv().is_err(), "the effect was dropped unrun");
}

pub(super) fn concurrent_writers_share_commits(bed: &Bed) {
    let store = bed.open();
    let before = store.health();
    std::thread::scope(|scope| {
        for writer in 0..16_i64 {
            let store = &store;
            scope.spawn(move || {
                for number in 0..25 {
                    let id = writer * 1_000 + number;
                    write(store, move |tx| tx.execute(ADD, &[id.into(), "x".into()])).unwrap();
                }
            });
        }
    });
    let after = store.health();
    assert_eq!(after.writes - before.writes, 400);
    assert!(after.commits - before.commits < 300, "{} commits for 400 writes", after.commits - before.commits);
    assert_eq!(ids(&store).len(), 400);
}

pub(super) fn a_batch_without_changes_commits_nothing(bed: &Bed) {
    let store = bed.open();
    // Takes the first block of positions.
    write(&store, |tx| Ok(tx.position())).unwrap();
    let before = store.health().commits;
    write(&store, |tx| {
        tx.position();
        tx.tx().int(COUNT, &[])
    })
    .unwrap();
    assert!(write(&store, |tx| tx.execute("SELECT no FROM nothing", &[])).is_err());
    assert_eq!(store.health().commits, before);
}

pub(super) fn a_reader_cannot_write(bed: &Bed) {
    let store = bed.open();
    assert!(read(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()])).is_err());
    assert!(ids(&store).is_empty());
}

pub(super) fn a_panicking_read_leaves_the_reader_alive(bed: &Bed) {
    let store = bed.open();
    for _ in 0..5 {
        let panicked = read(&store, |tx| if tx.position().0 < u64::MAX { panic!("on purpose") } else { Ok(()) });
        assert!(panicked.is_err());
    }
    assert!(ids(&store).is_empty());
    store.close();
    let operations = store.operations();
    assert_eq!(operations.iter().map(|operation| operation.failed).sum::<u64>(), 5);
}

pub(super) fn after_the_end_calls_fail_clearly(bed: &Bed) {
    let store = bed.open();
    let last = queue(&store, |tx| tx.execute(ADD, &[1_i64.into(), "x".into()]));
    store.close();
    wait(last).unwrap();
    let late = write(&store, |_| Ok(())).unwrap_err().to_string();
    assert!(late.contains("closed"), "{late}");
    assert!(read(&store, |_| Ok(())).is_err());
    store.close();
    assert_eq!(ids(&bed.open()), [1]);
}
