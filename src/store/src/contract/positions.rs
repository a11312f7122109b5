//! Positions: in commit order, never reused, never ahead of what a reader sees.

use hearth_base::{Error, Position};

use super::{ADD, Bed, hold, ids, queue, read, wait, write};
use crate::Tx;
use crate::positions::BLOCK;

const NEWEST: &str = "SELECT MAX(id) FROM notes";

pub(super) fn commit_order_is_position_order(bed: &Bed) {
    let store = bed.open();
    let release = hold(&store);
    let answers: Vec<_> = (0..50).map(|_| queue(&store, |tx| Ok(tx.position()))).collect();
    drop(release);
    let positions: Vec<_> = answers.into_iter().map(|answer| wait(answer).unwrap()).collect();
    assert!(positions.is_sorted_by(|one, next| one < next), "{positions:?}");
    assert_eq!(store.position(), positions[49]);
}

pub(super) fn a_reader_sees_all_up_to_its_position(bed: &Bed) {
    let store = bed.open();
    std::thread::scope(|scope| {
        let writing = scope.spawn(|| {
            for _ in 0..200 {
                write(&store, |tx| {
                    let position = tx.position();
                    tx.execute(ADD, &[position.into(), "x".into()])
                })
                .unwrap();
            }
        });
        while !writing.is_finished() {
            let (position, newest) = read(&store, |tx| Ok((tx.position(), tx.tx().int(NEWEST, &[])?))).unwrap();
            let newest = newest.map_or(Position::ZERO, Position::from_i64);
            assert!(newest >= position, "a reader at {position} saw only {newest}");
        }
    });
}

pub(super) fn no_position_is_reused_after_a_crash(bed: &Bed) {
    let store = bed.open();
    let before = write(&store, |tx| Ok(tx.position())).unwrap();
    // Dropped, not closed: reserved positions are not given back, as after a crash.
    drop(store);
    let store = bed.open();
    assert!(store.position() >= before);
    let after = write(&store, |tx| Ok(tx.position())).unwrap();
    assert!(after > before, "{after} after {before}");
}

pub(super) fn no_gap_after_a_clean_end(bed: &Bed) {
    let store = bed.open();
    let before = write(&store, |tx| Ok(tx.position())).unwrap();
    store.close();
    let store = bed.open();
    // One position marks the new run: the tokens of clients from the last run are older.
    assert_eq!(store.position(), Position(before.0 + 1));
    let after = write(&store, |tx| Ok(tx.position())).unwrap();
    assert_eq!(after, Position(before.0 + 2));
}

pub(super) fn positions_without_changes_are_published(bed: &Bed) {
    let store = bed.open();
    write(&store, |tx| Ok(tx.position())).unwrap();
    let position = write(&store, |tx| Ok(tx.position())).unwrap();
    assert_eq!(store.position(), position);
}

pub(super) fn a_block_can_run_out_within_one_closure(bed: &Bed) {
    let store = bed.open();
    let last = write(&store, |tx| {
        let mut last = tx.position();
        for _ in 0..BLOCK * 2 {
            last = tx.position();
        }
        Ok(last)
    });
    let last = last.unwrap();
    drop(store);
    let next = write(&bed.open(), |tx| Ok(tx.position())).unwrap();
    assert!(next > last, "{next} after {last}");
}

pub(super) fn skipped_positions_are_never_taken(bed: &Bed) {
    const SKIPPED: u64 = BLOCK * 10;
    let store = bed.open();
    let (before, from, after) = write(&store, |tx| Ok((tx.position(), tx.skip(SKIPPED), tx.position()))).unwrap();
    assert_eq!((from, after), (before, Position(before.0 + SKIPPED + 1)));
    // Published like others, and not reused after a crash.
    assert_eq!(store.position(), after);
    drop(store);
    let next = write(&bed.open(), |tx| Ok(tx.position())).unwrap();
    assert!(next > after, "{next} after {after}");
}

pub(super) fn a_failed_closure_costs_a_gap_at_most(bed: &Bed) {
    let store = bed.open();
    let first = write(&store, |tx| Ok(tx.position())).unwrap();
    let failed = write(&store, |tx| {
        let position = tx.position();
        tx.execute(ADD, &[position.into(), "x".into()])?;
        Err::<(), _>(Error::broken("no"))
    });
    assert!(failed.is_err());
    let next = write(&store, |tx| Ok(tx.position())).unwrap();
    assert!(next > first);
    assert!(ids(&store).is_empty());
}
