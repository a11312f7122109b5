//! Several servers in one process over a network that delays, loses, duplicates and partitions. Once the faults are
//! over, every server has the same room state, and every client has received every message exactly once.
//!
//! Half of the stories have an outage of one server (`outage.rs`), some of them with more events
//! than all rounds of `get_missing_events` fetch.
//!
//! An ordinary run plays a few seeds, so that it stays below a minute; `HEARTH_SIMULATION=1-1000` plays these seeds
//! instead, `HEARTH_SIMULATION=17` only that one, and `.ci/run` the first hundred. A failure names its seed.

mod explain;
mod outage;
mod resident;
mod story;

use std::env;

use crate::harness::Cluster;
use story::Story;

/// The number of seeds in an ordinary run, starting with the first.
const SEEDS: u64 = 15;
/// Later seeds that have failed before. They belong to every run.
const FAILED_BEFORE: [u64; 2] = [20, 40];
/// Stories per cluster, so that servers also carry the data of earlier stories.
const STORIES_PER_CLUSTER: u64 = 25;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn servers_agree_after_whatever_happened() {
    let seeds = seeds_of("HEARTH_SIMULATION").unwrap_or_else(|| (1..=SEEDS).chain(FAILED_BEFORE).collect());
    let chunk = usize::try_from(STORIES_PER_CLUSTER).unwrap_or(1);
    for seeds in seeds.chunks(chunk) {
        let cluster = Cluster::with(["a.test", "b.test", "c.test"], seeds[0], |_| {}).await;
        for seed in seeds {
            Story::new(&cluster, *seed).await.unfolds().await;
        }
        cluster.ends().await;
    }
}

/// The seeds that an environment variable asks for: one, or two with a dash between them.
#[expect(clippy::disallowed_methods, reason = "says how long the tests may run; the server is not concerned")]
pub(crate) fn seeds_of(variable: &str) -> Option<Vec<u64>> {
    let wish = env::var(variable).ok()?;
    Some(seeds(&wish).expect("a seed, or two with a dash between them"))
}

fn seeds(wish: &str) -> Option<Vec<u64>> {
    let (first, last) = wish.split_once('-').unwrap_or((wish, wish));
    Some((first.parse().ok()?..=last.parse().ok()?).collect())
}
