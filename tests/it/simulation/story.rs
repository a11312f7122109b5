//! The story of one seed: users in a room on three servers, faults, partitions, and the final checks.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use hearth_base::Random;
use hearth_base::random::SeededRandom;
use serde_json::json;

use super::explain::explain;
use super::outage::Newcomer;
use super::resident::{Resident, id_of};
use crate::harness::{Cluster, Faults, v3};

/// Steps in a story.
const EVENTS: u64 = 30;
/// How long the servers may take to converge after the faults.
const PATIENCE: Duration = Duration::from_secs(60);
/// The room versions of stories.
const VERSIONS: [&str; 6] = ["6", "10", "11", "11", "12", "12"];
/// One in this many stories has an outage.
const OUTAGE_EVERY: u64 = 2;

/// A story about one room.
pub(super) struct Story<'a> {
    pub(super) cluster: &'a Cluster,
    pub(super) seed: u64,
    chance: SeededRandom,
    pub(super) room: String,
    /// The first user created the room; the second is on the same server; the third and fourth are on other servers;
    /// the last is kicked and rejoins, so that user's messages are not counted.
    pub(super) people: Vec<Resident>,
    /// Users who joined during an outage.
    pub(super) newcomers: Vec<Newcomer>,
    /// Accepted messages from users who are never kicked.
    pub(super) said: Vec<String>,
    pub(super) log: Vec<String>,
}

impl<'a> Story<'a> {
    /// Creates the users and the room, and joins all of them.
    pub(super) async fn new(cluster: &'a Cluster, seed: u64) -> Self {
        let mut people = Vec::new();
        for (name, home) in [("ann", 0), ("abe", 0), ("bea", 1), ("cal", 2), ("out", 2)] {
            people.push(Resident::moves_in(&cluster.worlds[home], &format!("{name}{seed}")).await);
        }
        let chance = SeededRandom::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (newcomers, said, log) = (Vec::new(), Vec::new(), Vec::new());
        let mut story = Self { cluster, seed, chance, room: String::new(), people, newcomers, said, log };
        let version = VERSIONS[story.below(VERSIONS.len() as u64)];
        let levels = json!({ "state_default": 0, "users_default": 0, "ban": 50, "kick": 50 });
        let ann = &story.people[0].person;
        let room = ann.creates_room().public().version(version).with("power_level_content_override", levels).await;
        story.room = id_of(&room);
        for index in 1..story.people.len() {
            story.people[index].joins(&story.room, "a.test").await.ok();
        }
        // From here on every message counts.
        for person in &mut story.people {
            person.looks(&story.room).await;
        }
        story
    }

    pub(super) fn below(&self, bound: u64) -> usize {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound).unwrap_or_default()
    }

    /// Plays the story, and checks its result.
    pub(super) async fn unfolds(mut self) {
        for step in 0..EVENTS {
            if step == EVENTS / 2 && self.seed.is_multiple_of(OUTAGE_EVERY) {
                self.outage().await;
            }
            self.something_happens(step).await;
            if self.below(3) == 0 {
                let index = self.below(4);
                self.people[index].looks(&self.room).await;
            }
        }
        self.cluster.network.heal();
        self.settles().await;
    }

    async fn something_happens(&mut self, step: u64) {
        let names = ["a.test", "b.test", "c.test"];
        let what = match self.below(20) {
            0 => {
                let (one, other) = [(0, 1), (0, 2), (1, 2)][self.below(3)];
                self.cluster.network.part(names[one], names[other]);
                format!("{} and {} are parted", names[one], names[other])
            }
            1 => {
                self.cluster.network.heal();
                "the roads are open".to_owned()
            }
            2 => {
                let faults = Faults { lost: 20, unanswered: 10, doubled: 10, late_ms: [0, 5, 40][self.below(3)] };
                self.cluster.network.faults(faults);
                format!("{faults:?}")
            }
            3 => self.throws_out().await,
            4 | 5 => self.changes_state(step).await,
            6 => self.changes_power(step).await,
            _ => self.speaks(step).await,
        };
        self.log.push(what);
    }

    async fn speaks(&mut self, step: u64) -> String {
        let index = self.below(5);
        let person = &self.people[index];
        let event = person.says(&self.room, &format!("{step}")).await;
        let what = format!("{} says {step}: {event:?}", person.person.id);
        if index < 4 {
            self.said.push(event.unwrap_or_else(|why| unreachable!("{}speaking was refused: {why}", self.so_far())));
        }
        what
    }

    pub(super) async fn changes_state(&mut self, step: u64) -> String {
        let person = &self.people[self.below(5)];
        let (kind, key) = [("m.room.topic", ""), ("org.example.note", "x"), ("org.example.note", "y")][self.below(3)];
        let answer = person.sets(&self.room, kind, key, json!({ "topic": format!("{step}") })).await;
        format!("{} sets {kind} {key}: {}", person.person.id, answer.text())
    }

    async fn changes_power(&mut self, step: u64) -> String {
        // In version 12 the creator is above all levels, and must not be named in them.
        let mut users = serde_json::Map::new();
        if self.room.contains(':') {
            users.insert(self.people[0].person.id.clone(), json!(100));
        }
        users.insert(self.people[2].person.id.clone(), json!(step % 2 * 50));
        let levels = json!({ "users": users, "state_default": 0, "users_default": 0, "ban": 50, "kick": 50 });
        let answer = self.people[0].sets(&self.room, "m.room.power_levels", "", levels).await;
        format!("levels: {}", answer.text())
    }

    /// Bans, unbans or rejoins the last user.
    async fn throws_out(&mut self) -> String {
        let (room, victim) = (&self.room, self.people[4].person.id.clone());
        let path = |verb: &str| v3!("rooms/{}/{}", room, verb);
        let body = json!({ "user_id": victim });
        let by = &self.people[[0, 2][self.below(2)]].person;
        match self.below(4) {
            0 => format!("{} bans: {}", by.id, by.post(path("ban"), body).await.text()),
            1 => format!("{} kicks: {}", by.id, by.post(path("kick"), body).await.text()),
            2 => format!("{} unbans: {}", by.id, by.post(path("unban"), body).await.text()),
            _ => format!("comes back: {}", self.people[4].joins(room, "a.test").await.text()),
        }
    }

    /// Waits until all servers agree and all users have received everything.
    async fn settles(&mut self) {
        let began = Instant::now();
        let mut round = 0;
        loop {
            // A request from each server, so that servers in backoff are retried.
            for index in [0, 2, 3] {
                let event = self.people[index].says(&self.room, &format!("still here {round}")).await;
                self.log.push(format!("{} says still here {round}: {event:?}", self.people[index].person.id));
                self.said
                    .push(event.unwrap_or_else(|why| unreachable!("{}speaking was refused: {why}", self.so_far())));
            }
            if round > 0 {
                self.all_scroll_up().await;
            }
            round += 1;
            for _ in 0..10 {
                tokio::time::sleep(Duration::from_millis(60)).await;
                if self.is_settled().await {
                    return self.nothing_came_twice();
                }
            }
            assert!(began.elapsed() < PATIENCE, "{}", self.disagreement().await);
        }
    }

    async fn all_scroll_up(&mut self) {
        for person in &mut self.people[..4] {
            person.scrolls_up(&self.room).await;
        }
        for newcomer in &mut self.newcomers {
            newcomer.resident.scrolls_up(&self.room).await;
        }
    }

    async fn is_settled(&mut self) -> bool {
        for index in 0..4 {
            self.people[index].looks(&self.room).await;
        }
        for newcomer in &mut self.newcomers {
            newcomer.resident.looks(&self.room).await;
        }
        let has_all =
            |newcomer: &Newcomer| self.said[newcomer.after..].iter().all(|event| newcomer.resident.times(event) > 0);
        if !self.newcomers.iter().all(has_all) {
            return false;
        }
        let all_seen = |person: &Resident| self.said.iter().all(|event| person.times(event) > 0);
        if !self.people[..4].iter().all(all_seen) {
            return false;
        }
        let first = self.people[0].state(&self.room).await;
        first.is_some()
            && first == self.people[2].state(&self.room).await
            && first == self.people[3].state(&self.room).await
    }

    fn nothing_came_twice(&self) {
        let newcomers = self.newcomers.iter().map(|newcomer| &newcomer.resident);
        for person in self.people[..4].iter().chain(newcomers) {
            let doubled = person.doubled();
            assert!(doubled.is_empty(), "{}{} saw twice: {doubled:?}", self.so_far(), person.person.id);
        }
    }

    pub(super) fn so_far(&self) -> String {
        format!("seed {} in {}:\n{}\n", self.seed, self.room, self.log.join("\n"))
    }

    async fn disagreement(&self) -> String {
        let mut text = self.so_far();
        for person in &self.people[..4] {
            let missing: Vec<_> = self.said.iter().filter(|event| person.times(event) == 0).collect();
            text += &format!("{} misses {missing:?}\n", person.person.id);
            for event in missing {
                let answer = person.person.get(v3!("rooms/{}/event/{}", self.room, event)).await;
                text += &format!("  asked for {event}: {}\n", answer.text());
            }
        }
        for Newcomer { resident, after } in &self.newcomers {
            let missing: Vec<_> = self.said[*after..].iter().filter(|event| resident.times(event) == 0).collect();
            text += &format!("{} misses {missing:?}\n", resident.person.id);
        }
        let ours = self.people[0].state(&self.room).await.unwrap_or_default();
        for (person, world) in [(&self.people[2], 1), (&self.people[3], 2)] {
            let theirs = person.state(&self.room).await.unwrap_or_default();
            let lacks: Vec<_> = ours.iter().filter(|part| !theirs.contains(part)).collect();
            let adds: Vec<_> = theirs.iter().filter(|part| !ours.contains(part)).collect();
            text += &format!("{} lacks {lacks:?}, and has instead {adds:?}\n", person.server);
            let keys: BTreeSet<_> =
                lacks.iter().chain(&adds).map(|(kind, key, _)| (kind.clone(), key.clone())).collect();
            if !keys.is_empty() {
                let worlds = &self.cluster.worlds;
                text += &explain(&worlds[0], &worlds[world], &self.room, &keys).await;
            }
        }
        text
    }
}
