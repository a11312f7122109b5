//! The random history of one seed.

use hearth_base::Random;
use hearth_base::random::SeededRandom;

use super::model::{Is, Kind, Model};
use crate::harness::{Client, Person, Room, World, json, v3};
use crate::pushers::Gateway;

/// Steps in a history.
const STEPS: usize = 24;
/// All doors are tried each time that so many steps were made.
const STEPS_PER_CHECK: usize = 12;
const VISIBILITIES: [&str; 4] = ["world_readable", "shared", "invited", "joined"];
/// The type of the state events.
pub(super) const STATE: &str = "org.example.canary";
/// The users by number: the creator, a member who may be erased, two who come and go, one who never comes, and the
/// bot of an application service, who comes and goes.
pub(super) const ALICE: usize = 0;
pub(super) const DAVE: usize = 1;
pub(super) const BOB: usize = 2;
pub(super) const CAROL: usize = 3;
pub(super) const EVE: usize = 4;
pub(super) const BOT: usize = 5;

/// A room and its users.
pub(super) struct Story {
    pub(super) seed: u64,
    chance: SeededRandom,
    pub(super) room: Room,
    pub(super) people: Vec<Person>,
    pub(super) model: Model,
    /// Where each user's incremental syncs go on.
    pub(super) since: Vec<Option<String>>,
    pub(super) pos: Vec<Option<String>>,
    pub(super) log: Vec<String>,
}

impl Story {
    pub(super) async fn new(world: &World, bot: &Client, gateway: &Gateway, seed: u64) -> Self {
        let mut people = Vec::new();
        for name in ["alice", "dave", "bob", "carol", "eve"] {
            people.push(world.register(&format!("{name}{seed}")).await);
        }
        let login = json!({ "access_token": "as_irc", "user_id": "@ircbot:localhost", "device_id": "" });
        people.push(Person::from_login(bot, &login));
        for user in [BOB, CAROL, EVE] {
            gateway.notifies(&people[user], &key(seed, user)).await;
        }
        let chance = SeededRandom::new(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let (since, pos) = (vec![None; people.len()], vec![None; people.len()]);
        let model = Model::new("shared", people.len());
        let mut story = Self { seed, chance, room: Room(String::new()), people, model, since, pos, log: Vec::new() };
        let version = if seed.is_multiple_of(2) { "12" } else { "11" };
        story.model.visibility = VISIBILITIES[story.below(VISIBILITIES.len())];
        let creation = story.people[ALICE].creates_room().public().version(version).history(story.model.visibility);
        story.room = creation.await;
        story.log.push(format!("version {version}, {}", story.model.visibility));
        story.model.becomes(ALICE, Is::Joined);
        story.people[DAVE].joins(&story.room).await;
        story.model.becomes(DAVE, Is::Joined);
        story.keeps_secrets().await;
        story
    }

    pub(super) fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.chance.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % bound as u64).unwrap_or_default()
    }

    pub(super) async fn unfolds(&mut self) {
        for step in 1..=STEPS {
            match self.below(15) {
                0..=4 => self.moves().await,
                5 => self.changes_visibility().await,
                6 => self.redacts().await,
                7 if self.below(3) == 0 => self.erases().await,
                8 | 14 => self.sets_state().await,
                9 => self.reads_and_types().await,
                _ => self.speaks().await,
            }
            if step % STEPS_PER_CHECK == 0 {
                self.parts().await;
                self.tries_all_doors().await;
            }
        }
    }

    async fn moves(&mut self) {
        let user = [BOB, CAROL, BOT][self.below(3)];
        let (who, alice, room) = (&self.people[user], &self.people[ALICE], &self.room);
        let choice = self.below(3);
        let now = match (self.model.readers[user].is, choice) {
            (Is::Joined, 0) => {
                who.leaves(room).await;
                Is::Out
            }
            (Is::Joined | Is::Knocking, 1) | (Is::Knocking, 0) => {
                alice.kicks(who, room).await;
                Is::Out
            }
            (Is::Joined, _) => {
                alice.bans(who, room).await;
                Is::Banned
            }
            (Is::Banned | Is::Out, 1) if self.may_forget(user) => return self.forgets(user).await,
            (Is::Banned, _) => {
                alice.unbans(who, room).await;
                Is::Out
            }
            (Is::Invited, 0) => {
                who.leaves(room).await;
                Is::Out
            }
            (Is::Out, 0) if user != BOT && self.below(2) == 0 => return self.knocks(user).await,
            (Is::Out, 0) | (Is::Knocking, _) => {
                alice.invites(who, room).await;
                Is::Invited
            }
            (Is::Out | Is::Invited, _) => {
                who.joins(room).await;
                Is::Joined
            }
        };
        self.becomes(user, now);
    }

    fn becomes(&mut self, user: usize, now: Is) {
        self.log.push(format!("{user} is {now:?}"));
        self.model.becomes(user, now);
    }

    /// Whether a user has left the room and not forgotten it yet. The bot never does.
    fn may_forget(&self, user: usize) -> bool {
        let reader = &self.model.readers[user];
        user != BOT && !reader.forgot && matches!(reader.is, Is::Out | Is::Banned)
    }

    async fn forgets(&mut self, user: usize) {
        self.people[user].post(v3!("rooms/{}/forget", self.room), json!({})).await.ok();
        self.model.readers[user].forgot = true;
        self.log.push(format!("{user} forgets"));
    }

    async fn knocks(&mut self, user: usize) {
        let (who, alice, room) = (&self.people[user], &self.people[ALICE], &self.room);
        for (rule, knocks) in [("knock", true), ("public", false)] {
            alice.sets("m.room.join_rules", "", json!({ "join_rule": rule })).in_room(room).await;
            if knocks {
                who.knocks_on(room).await;
            }
        }
        self.model.becomes(user, Is::Knocking);
        self.log.push(format!("{user} knocks"));
    }

    /// Just before the doors are tried, some users become what may read the least: otherwise such users are rarely there.
    async fn parts(&mut self) {
        for user in [BOB, CAROL] {
            match (self.model.readers[user].is, self.below(4)) {
                (Is::Out | Is::Joined, 0) => self.goes(user).await,
                (Is::Out | Is::Joined, 1) => {
                    self.goes(user).await;
                    self.forgets(user).await;
                }
                (Is::Banned, 1) if self.may_forget(user) => self.forgets(user).await,
                (Is::Out, 2) => self.comes_late(user).await,
                _ => {}
            }
        }
    }

    /// A member, who has come for that if need be, sees a thread begin and leaves while the others go on.
    async fn goes(&mut self, user: usize) {
        if self.model.readers[user].is != Is::Joined {
            self.people[user].joins(&self.room).await;
            self.becomes(user, Is::Joined);
        }
        let root = self.says(ALICE, None).await;
        self.people[user].leaves(&self.room).await;
        self.becomes(user, Is::Out);
        self.sets_state().await;
        self.says(ALICE, root.map(|root| ("m.thread", root))).await;
    }

    /// A user comes after a thread has begun, of which only those who were there may know.
    async fn comes_late(&mut self, user: usize) {
        self.shows_history("joined").await;
        let root = self.says(ALICE, None).await;
        self.people[user].joins(&self.room).await;
        self.becomes(user, Is::Joined);
        self.says(ALICE, root.map(|root| ("m.thread", root))).await;
    }

    async fn changes_visibility(&mut self) {
        self.shows_history(VISIBILITIES[self.below(VISIBILITIES.len())]).await;
    }

    async fn shows_history(&mut self, visibility: &'static str) {
        let content = json!({ "history_visibility": visibility });
        self.people[ALICE].sets("m.room.history_visibility", "", content).in_room(&self.room).await;
        self.model.shows_history(visibility);
        self.log.push(visibility.to_owned());
    }

    async fn redacts(&mut self) {
        if self.model.said.is_empty() {
            return;
        }
        let number = self.below(self.model.said.len());
        if !self.model.is_spoken(number) {
            return;
        }
        self.people[ALICE].redacts(&self.model.said[number].event, &self.room).await;
        self.model.said[number].redacted = true;
        self.log.push(format!("{number} is redacted"));
    }

    async fn sets_state(&mut self) {
        let word = self.word();
        let content = json!({ "body": word });
        let event = self.people[ALICE].sets(STATE, "", content).in_room(&self.room).await;
        self.log.push(format!("{ALICE} sets {}", self.model.said.len()));
        self.model.says(ALICE, word, event, Kind::State);
    }

    /// A word that no other message has.
    fn word(&self) -> String {
        format!("q{}w{}q", self.seed, self.model.said.len())
    }

    async fn erases(&mut self) {
        if self.model.readers[DAVE].is != Is::Joined {
            return;
        }
        let dave = &self.people[DAVE];
        let proof = dave.proof(None);
        dave.post(v3!("account/deactivate"), json!({ "erase": true, "auth": proof })).await.ok();
        self.model.becomes(DAVE, Is::Out);
        self.model.readers[DAVE].erased = true;
        self.log.push("dave is erased".to_owned());
    }

    async fn speaks(&mut self) {
        let speakers: Vec<_> =
            [ALICE, DAVE, BOB, CAROL].into_iter().filter(|user| self.model.readers[*user].is == Is::Joined).collect();
        let sender = speakers[self.below(speakers.len())];
        let relations = ["m.thread", "m.thread", "m.reference", "m.replace", "m.annotation"];
        // Relations are only sent by those who were always there.
        let relation = relations.get(self.below(relations.len() + 3)).filter(|_| sender <= DAVE);
        let relation = relation.and_then(|relation| Some((*relation, self.target(sender, relation)?)));
        self.says(sender, relation).await;
    }

    /// Sends a message, with a relation to another one. Returns its id, unless it is refused.
    async fn says(&mut self, sender: usize, relation: Option<(&str, String)>) -> Option<String> {
        let word = self.word();
        let text = format!("canary {word}");
        let (mut kind, mut content) = ("m.room.message", json!({ "msgtype": "m.text", "body": text }));
        let rel_type = relation.as_ref().map(|(rel_type, _)| *rel_type);
        match relation {
            Some(("m.annotation", event)) => {
                let relation = json!({ "rel_type": "m.annotation", "event_id": event, "key": word });
                (kind, content) = ("m.reaction", json!({ "m.relates_to": relation }));
            }
            Some((rel_type, event)) => {
                content["m.relates_to"] = json!({ "rel_type": rel_type, "event_id": event });
                if rel_type == "m.replace" {
                    content["m.new_content"] = json!({ "msgtype": "m.text", "body": text });
                }
            }
            None => {}
        }
        let how = if matches!(rel_type, Some("m.replace" | "m.thread")) { Kind::Bundled } else { Kind::Plain };
        let log = format!("{sender} says {} {rel_type:?}", self.model.said.len());
        let who = &self.people[sender];
        let path = v3!("rooms/{}/send/{}/{}", self.room, kind, who.fresh_transaction());
        let answer = who.put(path, content).await;
        // An edit of an edit, or a thread in a thread, is refused.
        if answer.status != 200 {
            return None;
        }
        let event = answer.json()["event_id"].as_str().expect("an id").to_owned();
        self.model.says(sender, word, event.clone(), how);
        self.log.push(log);
        Some(event)
    }

    /// An earlier message of a sender. Threads mostly grow from the first one, so that there are some with several replies.
    fn target(&self, sender: usize, relation: &str) -> Option<String> {
        let own = self.model.said.iter().filter(|said| said.sender == sender && !said.redacted);
        let own: Vec<_> = own.filter(|said| said.kind != Kind::State).collect();
        let is_first = relation == "m.thread" && self.below(3) > 0;
        let number = if is_first { 0 } else { self.below(own.len().max(1)) };
        own.get(number).map(|said| said.event.clone())
    }
}

/// The pushkey of a user.
pub(super) fn key(seed: u64, user: usize) -> String {
    format!("{seed}-{user}")
}
