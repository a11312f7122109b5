//! Measures the overhead of the store. Run it with `cargo test -p hearth-store costs -- --ignored --nocapture`.

use std::time::Instant;

use super::{ADD, Bed, COUNT, read, write};
use crate::Tx;

const ROUNDS: u32 = 20_000;

/// Runs `work` many times and prints the mean duration.
fn measure<T>(what: &str, rounds: u32, mut work: impl FnMut(u32) -> T) {
    let began = Instant::now();
    for round in 0..rounds {
        work(round);
    }
    eprintln!("{what}: {:.1} µs", began.elapsed().as_secs_f64() * 1e6 / f64::from(rounds));
}

#[test]
#[ignore = "measures, does not test"]
fn costs() {
    let bed = Bed::sqlite();
    let store = bed.open();
    measure("a read that does nothing", ROUNDS, |_| read(&store, |_| Ok(())).unwrap());
    measure("a read of one number", ROUNDS, |_| read(&store, |tx| tx.tx().int(COUNT, &[])).unwrap());
    measure("a write that only takes a position", ROUNDS, |_| write(&store, |tx| Ok(tx.position())).unwrap());
    measure("a write of one row", 200, |id| {
        write(&store, move |tx| tx.execute(ADD, &[i64::from(id).into(), "x".into()])).unwrap()
    });
}
