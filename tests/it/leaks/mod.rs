//! No endpoint shows a message to a user who may not read it, whatever has happened before.
//!
//! Each seed makes a random history of a room: invites, joins, leaves, kicks, bans, knocks, forgotten rooms, changes
//! of the history visibility, state, threads, edits, reactions, redactions and an erased account. Every message has a
//! word of its own. A small model of the specification decides who may read it, and the response of each endpoint is
//! searched for the words.
//!
//! An ordinary run plays a few seeds; `HEARTH_LEAKS=1-2000` plays these instead. A failure names its seed.

mod doors;
mod model;
mod private;
mod story;

use crate::appservices::Bridge;
use crate::harness::World;
use crate::pushers::Gateway;
use crate::simulation::seeds_of;
use hearth_admin::wire::{Appservice, NewAppservice, paths};
use story::Story;

/// Histories in an ordinary run.
const SEEDS: u64 = 12;
/// Histories for one server.
const HISTORIES_PER_WORLD: usize = 50;
/// Histories of which at least one has something for the push gateway and the application service.
const HISTORIES_ENOUGH: usize = 8;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_endpoint_shows_what_its_reader_may_not_read() {
    let seeds = seeds_of("HEARTH_LEAKS").unwrap_or_else(|| (1..=SEEDS).collect());
    for seeds in seeds.chunks(HISTORIES_PER_WORLD) {
        let allow = |config: &mut hearth_base::config::Config| {
            config.push.allowed_ranges = vec!["127.0.0.0/8".parse().expect("a range")];
        };
        let (world, gateway, bridge) = (World::with(allow).await, Gateway::opens().await, Bridge::starts("irc").await);
        let registration = NewAppservice { registration: bridge.registration("") };
        let _: Appservice = world.operator().post(paths::APPSERVICES, &registration).await.expect("a registration");
        let (bot, mut stories) = (bridge.client(&world), Vec::new());
        for seed in seeds {
            let mut story = Story::new(&world, &bot, &gateway, *seed).await;
            story.unfolds().await;
            stories.push(story);
        }
        for story in &stories {
            story.checks_what_was_sent(&gateway, &bridge);
        }
        // It would otherwise pass when nothing is sent on at all. A single history may have nothing to send.
        let is_sent = !gateway.taken().is_empty() && !bridge.messages().is_empty();
        assert!(is_sent || seeds.len() < HISTORIES_ENOUGH, "nothing was sent on");
        world.ends().await;
    }
}
