//! A server is partitioned while the room continues: with more events than are fetched at once, and with users who
//! join, are kicked and gain power meanwhile. Afterwards the first event it receives is from a user that it does not
//! know.

use serde_json::json;

use super::resident::Resident;
use super::story::Story;

/// Messages in a long outage: more than all rounds of `get_missing_events` return.
const LONG: u64 = 230;
/// Messages in a short outage.
const SHORT: u64 = 40;
/// One in this many stories has a long outage.
const LONG_EVERY: u64 = 10;

/// A user who joined during an outage.
#[derive(Debug)]
pub(super) struct Newcomer {
    pub(super) resident: Resident,
    /// The number of messages before the user joined. The user must receive all later ones.
    pub(super) after: usize,
}

impl Story<'_> {
    /// Partitions the third server from the others, continues the room, and heals the partition.
    pub(super) async fn outage(&mut self) {
        self.cluster.network.heal();
        for other in ["a.test", "b.test"] {
            self.cluster.network.part("c.test", other);
        }
        let length = if self.seed.is_multiple_of(LONG_EVERY) { LONG } else { SHORT };
        self.log.push(format!("c.test is away for {length} messages"));
        for step in 0..length {
            match step {
                3 => self.comes_in(0).await,
                9 => self.gives_power().await,
                15 => self.newcomer_uses_power().await,
                21 => self.comes_in(1).await,
                _ if step % 10 == 7 => {
                    let what = self.changes_state(1_000 + step).await;
                    self.log.push(what);
                }
                _ => self.goes_on(step).await,
            }
        }
        // They send first, since the partitioned server has never received their joins.
        for index in 0..self.newcomers.len() {
            let event = self.newcomers[index].resident.says(&self.room, "hello, you were away").await;
            self.log.push(format!("newcomer {index} says hello: {event:?}"));
            self.said.push(event.unwrap_or_else(|why| unreachable!("{}a newcomer was refused: {why}", self.so_far())));
        }
        self.cluster.network.heal();
        self.log.push("c.test is back".to_owned());
    }

    /// A new user joins at the second server, or at the first.
    async fn comes_in(&mut self, which: usize) {
        let home = 1 - which;
        let name = format!("new{which}x{}", self.seed);
        let mut resident = Resident::moves_in(&self.cluster.worlds[home], &name).await;
        let answer = resident.joins(&self.room, "a.test").await;
        self.log.push(format!("{name} comes in: {}", answer.text()));
        answer.ok();
        resident.looks(&self.room).await;
        self.newcomers.push(Newcomer { resident, after: self.said.len() });
    }

    async fn gives_power(&mut self) {
        let mut users = serde_json::Map::new();
        if self.room.contains(':') {
            users.insert(self.people[0].person.id.clone(), json!(100));
        }
        users.insert(self.newcomers[0].resident.person.id.clone(), json!(60));
        let levels = json!({ "users": users, "state_default": 0, "users_default": 0, "ban": 50, "kick": 50 });
        let answer = self.people[0].sets(&self.room, "m.room.power_levels", "", levels).await;
        self.log.push(format!("power for a newcomer: {}", answer.text()));
    }

    /// The newcomer kicks the last user, whose own server is partitioned, and sets the topic.
    async fn newcomer_uses_power(&mut self) {
        let victim = json!({ "user_id": self.people[4].person.id });
        let newcomer = &self.newcomers[0].resident;
        let path = crate::harness::v3!("rooms/{}/{}", self.room, "kick");
        let kick = newcomer.person.post(path, victim).await;
        let topic = newcomer.sets(&self.room, "m.room.topic", "", json!({ "topic": "of a newcomer" })).await;
        self.log.push(format!("a newcomer kicks: {}; and sets the topic: {}", kick.text(), topic.text()));
    }

    async fn goes_on(&mut self, step: u64) {
        // Mostly on the two connected servers; the third occasionally continues by itself.
        let index = if step % 12 == 5 { 3 } else { self.below(3) };
        let event = self.people[index].says(&self.room, &format!("away {step}")).await;
        self.log.push(format!("{} says away {step}: {event:?}", self.people[index].person.id));
        self.said.push(event.unwrap_or_else(|why| unreachable!("{}speaking was refused: {why}", self.so_far())));
    }
}
