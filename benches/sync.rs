//! The cost of `/sync` without HTTP, for a user in fifty rooms: an initial sync, one with one message, one without
//! changes.
//!
//! `cargo bench --bench sync`.

#[allow(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hearth_base::Position;
use hearth_base::config::Synchronous;
use hearth_domain::Requester;
use hearth_domain::sync::SyncQuery;
use ruma::presence::PresenceState;
use support::{Bench, message};

/// Rooms of the syncing user, and messages in each.
const ROOMS: u64 = 50;
const MESSAGES: u64 = 20;

fn query(since: Option<Position>) -> SyncQuery {
    SyncQuery {
        since,
        filter: Arc::default(),
        full_state: false,
        wait: Duration::ZERO,
        presence: PresenceState::Offline,
        state_after: false,
    }
}

/// Runs one `/sync`; returns the position where it ends.
fn sync(bench: &Bench, who: &Requester, since: Option<Position>) -> Position {
    let response = bench.runtime.block_on(bench.domain().sync.sync(who, query(since))).expect("an answer");
    Position(response.next_batch[1..].parse().expect("a letter and a position"))
}

fn syncs(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("sync");
    group.sample_size(20).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    // Without syncing to disk, so that filling the rooms does not take longer than measuring.
    let bench = Bench::new(Synchronous::Normal);
    let (domain, alice) = (bench.domain(), bench.person("alice"));
    let rooms: Vec<_> = (0..ROOMS).map(|_| bench.room(&alice)).collect();
    let mut number = 0;
    for room in rooms.iter().flat_map(|room| std::iter::repeat_n(room, MESSAGES as usize)) {
        number += 1;
        bench.runtime.block_on(domain.actions.send(&alice, message(room, number), None)).expect("sent");
    }

    group.bench_function(format!("the first, {ROOMS} rooms"), |bencher| {
        bencher.iter(|| sync(&bench, &alice, None));
    });
    let before = sync(&bench, &alice, None);
    group.bench_function("nothing new", |bencher| bencher.iter(|| sync(&bench, &alice, Some(before))));
    group.bench_function("one message", |bencher| {
        let one_message = || {
            let since = sync(&bench, &alice, None);
            number += 1;
            bench.runtime.block_on(domain.actions.send(&alice, message(&rooms[0], number), None)).expect("sent");
            since
        };
        bencher.iter_batched(one_message, |since| sync(&bench, &alice, Some(since)), BatchSize::PerIteration);
    });
    group.finish();
}

criterion_group!(benches, syncs);
criterion_main!(benches);
