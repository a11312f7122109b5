//! The cost of sending a message, from the use case to the disk: event creation, hashing, signing, authorisation,
//! storing, committing.
//!
//! `cargo bench --bench rooms`. One sender waits for each message; sixteen senders share commits. `full` syncs to disk
//! at each commit, which is the default; `normal` does not.

#[allow(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::time::Duration;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use futures_util::future::join_all;
use hearth_base::config::Synchronous;
use support::{Bench, message};

/// Concurrent senders.
const SENDERS: u64 = 16;

fn send(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("send");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    for (name, synchronous) in [("full", Synchronous::Full), ("normal", Synchronous::Normal)] {
        let bench = Bench::new(synchronous);
        let (domain, alice) = (bench.domain(), bench.person("alice"));
        let room = bench.room(&alice);
        let mut number = 0;
        group.throughput(Throughput::Elements(1));
        group.bench_function(format!("one by one, {name}"), |bencher| {
            bencher.iter(|| {
                number += 1;
                bench.runtime.block_on(domain.actions.send(&alice, message(&room, number), None)).expect("sent")
            });
        });
        group.throughput(Throughput::Elements(SENDERS));
        group.bench_function(format!("{SENDERS} at once, {name}"), |bencher| {
            bencher.iter(|| {
                let first = number + 1;
                number += SENDERS;
                let sends = (first..=number).map(|number| domain.actions.send(&alice, message(&room, number), None));
                bench.runtime.block_on(join_all(sends)).into_iter().for_each(|sent| drop(sent.expect("sent")));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, send);
criterion_main!(benches);
