//! The cost of unread counts: `/sync` for a user with many push rules and fifty unread messages of 60 kB, which are all
//! counted again because a rule has changed.
//!
//! `cargo bench --bench push_rules`.

#[allow(dead_code, reason = "each benchmark uses a part of it")]
mod support;

use std::sync::Arc;
use std::time::Duration;

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use hearth_base::config::Synchronous;
use hearth_domain::Requester;
use hearth_domain::personal::push_rules::Placed;
use hearth_domain::rooms::{JoinContent, Message};
use hearth_domain::sync::SyncQuery;
use ruma::OwnedRoomId;
use ruma::presence::PresenceState;
use ruma::push::{NewPatternedPushRule, NewPushRule, RuleKind};
use support::{Bench, message};

/// Unread messages.
const MESSAGES: u64 = 50;

/// A message of 60 kB.
fn long_message(room: &OwnedRoomId, number: u64) -> Message {
    let body = "a long message about b and c7, d or e ".repeat(60_000 / 38);
    Message { content: serde_json::json!({ "msgtype": "m.text", "body": body }).to_string(), ..message(room, number) }
}

fn adds_rule(bench: &Bench, who: &Requester, number: usize) {
    let (id, pattern) = (format!("r{number}"), format!("*a?b*c{number}*d?e*f*"));
    let rule = NewPushRule::Content(NewPatternedPushRule::new(id, pattern, vec![]));
    let put = bench.domain();
    let put = put.personal.push_rules.put(who, Placed { rule, before: None, after: None });
    bench.runtime.block_on(put).expect("a rule");
}

fn syncs(bench: &Bench, who: &Requester) {
    let query = SyncQuery {
        since: None,
        filter: Arc::default(),
        full_state: false,
        wait: Duration::ZERO,
        presence: PresenceState::Offline,
        state_after: false,
    };
    bench.runtime.block_on(bench.domain().sync.sync(who, query)).expect("an answer");
}

fn counts(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("unread counts");
    group.sample_size(10).warm_up_time(Duration::from_millis(500)).measurement_time(Duration::from_secs(3));
    let bench = Bench::new(Synchronous::Normal);
    let (domain, alice, bob) = (bench.domain(), bench.person("alice"), bench.person("bob"));
    let room = bench.room(&alice);
    let join = domain.actions.join(&bob, room.clone().into(), Vec::new(), JoinContent::default());
    bench.runtime.block_on(join).expect("a join");
    for number in 0..MESSAGES {
        bench.runtime.block_on(domain.actions.send(&alice, long_message(&room, number), None)).expect("sent");
    }
    let mut rules = 0;
    for wanted in [1, 100, 985] {
        while rules < wanted {
            adds_rule(&bench, &bob, rules);
            rules += 1;
        }
        let mut enabled = true;
        let mut changed = || {
            enabled = !enabled;
            let switched = domain.personal.push_rules.set_enabled(&bob, RuleKind::Content, "r0".to_owned(), enabled);
            bench.runtime.block_on(switched).expect("switched");
        };
        group.bench_function(format!("{rules} globs, {MESSAGES} messages of 60 kB"), |bencher| {
            bencher.iter_batched(&mut changed, |()| syncs(&bench, &bob), BatchSize::PerIteration);
        });
    }
    group.finish();
}

criterion_group!(benches, counts);
criterion_main!(benches);
