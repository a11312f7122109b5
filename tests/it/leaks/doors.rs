//! Every endpoint by which a user could read a message.

use super::model::{Is, Model};
use super::story::{ALICE, BOB, BOT, CAROL, EVE, STATE, Story, key};
use crate::appservices::Bridge;
use crate::harness::{Answer, Person, Value, json, list, v1, v3};
use crate::pushers::Gateway;

const SLIDING: &str = "/_matrix/client/unstable/org.matrix.simplified_msc3575/sync";
/// Messages for each check whose own endpoints are tried.
const MESSAGES_PER_CHECK: usize = 4;

/// Which messages a door may show.
type Rule = fn(&Model, usize, usize) -> bool;

impl Story {
    pub(super) async fn tries_all_doors(&mut self) {
        for user in [BOB, CAROL, EVE] {
            self.tries_syncs(user).await;
            self.tries_sliding(user).await;
            self.tries_lists(user).await;
            for _ in 0..MESSAGES_PER_CHECK.min(self.model.said.len()) {
                self.tries_message(user, self.below(self.model.said.len())).await;
            }
            self.tries_times(user).await;
        }
        self.tries_lists(BOT).await;
        self.keys_of_strangers_stay_unknown().await;
    }

    /// Fails if a response has a message that the user may not get.
    fn check(&self, user: usize, door: &str, answer: &Answer, rule: Rule) {
        assert!(answer.status < 500, "{}: {}", answer.asked, answer.text());
        self.check_text(user, door, &answer.html(), rule);
    }

    fn check_text(&self, user: usize, door: &str, text: &str, rule: Rule) {
        self.checks_secrets(user, door, text);
        let found = self.model.found_in(text);
        let leaked: Vec<_> = found.into_iter().filter(|number| !rule(&self.model, user, *number)).collect();
        let so_far = format!("seed {}: {door} shows {leaked:?} to user {user}: {:#?}", self.seed, self.log);
        assert!(leaked.is_empty(), "{so_far}\n{text}");
    }

    /// Fails if a sync has a message that the user may not get, or an event from after the user has left.
    fn check_sync(&self, user: usize, door: &str, answer: &Answer, rule: Rule) {
        self.check(user, door, answer, rule);
        self.checks_ephemeral(user, door, &answer.json());
        let reader = &self.model.readers[user];
        // A sync that goes on tells once more that the user has left.
        let is_gone = reader.forgot && (reader.is_told || !door.contains("next"));
        let is_named = answer.html().contains(&self.room.0);
        assert!(
            !is_gone || !is_named,
            "seed {}: {door} of user {user} has a forgotten room: {:#?}",
            self.seed,
            self.log
        );
        let mut events = answer.json();
        unbundle(&mut events);
        self.check_text(user, &format!("an event of {door}"), &events.to_string(), Model::is_in_time);
    }

    async fn tries_syncs(&mut self, user: usize) {
        let person = &self.people[user];
        let filter = json!({ "room": { "include_leave": true, "timeline": { "limit": 100 } } }).to_string();
        let first = person.get(v3!("sync")).query(&[("filter", &filter), ("timeout", "0")]).await;
        self.check_sync(user, "the first sync", &first, Model::may_sync);
        if let Some(since) = &self.since[user] {
            let query = [("filter", filter.as_str()), ("timeout", "0"), ("since", since)];
            let next = person.get(v3!("sync")).query(&query).await;
            self.check_sync(user, "the next sync", &next, Model::may_sync_next);
            let members = person.get(v3!("rooms/{}/members", self.room)).query(&[("at", since)]).await;
            self.check(user, "/members", &members, |_, _, _| false);
        }
        self.since[user] = Some(first.ok()["next_batch"].as_str().expect("a token").to_owned());
    }

    async fn tries_sliding(&mut self, user: usize) {
        let person = &self.people[user];
        let wanted = json!({ "timeline_limit": 50, "required_state": [["*", "*"]] });
        let on = json!({ "enabled": true });
        let mut list = wanted.clone();
        list["ranges"] = json!([[0, 99]]);
        let mut body = json!({
            "conn_id": "first", "lists": { "all": list }, "room_subscriptions": { &self.room.0: wanted },
            "extensions": { "receipts": on, "typing": on, "account_data": on, "to_device": on },
        });
        let first = person.post(SLIDING, body.clone()).query(&[("timeout", "0")]).await;
        self.check_sync(user, "the first sliding sync", &first, Model::may_sync);
        body["conn_id"] = json!("next");
        let ask = person.post(SLIDING, body).query(&[("timeout", "0")]);
        let (next, rule): (_, Rule) = match &self.pos[user] {
            Some(pos) => (ask.query(&[("pos", pos)]).await, Model::may_sync_next),
            None => (ask.await, Model::may_sync),
        };
        self.check_sync(user, "the next sliding sync", &next, rule);
        self.pos[user] = Some(next.ok()["pos"].as_str().expect("a pos").to_owned());
        self.model.readers[user].is_told = true;
    }

    async fn tries_lists(&self, user: usize) {
        let (person, room) = (&self.people[user], &self.room);
        for dir in ["b", "f"] {
            let messages = person.get(v3!("rooms/{}/messages", room)).query(&[("dir", dir), ("limit", "200")]).await;
            self.check(user, &format!("/messages?dir={dir}"), &messages, Model::may_read);
            if self.model.readers[user].is == Is::Joined {
                // Without this, a server that shows nothing would pass.
                let spoken = (0..self.model.said.len()).filter(|number| self.model.is_spoken(*number));
                let all = spoken.filter(|number| self.model.may_read(user, *number));
                let mut found = self.model.found_in(&messages.html());
                found.retain(|number| self.model.is_spoken(*number));
                assert_eq!(found, all.collect::<Vec<_>>(), "seed {}, user {user}: {:#?}", self.seed, self.log);
            }
        }
        let event_context = json!({ "before_limit": 5, "after_limit": 5 });
        let criteria = json!({ "search_term": "canary", "keys": ["content.body"], "event_context": event_context });
        let search = json!({ "search_categories": { "room_events": criteria } });
        self.check(user, "/search", &person.post(v3!("search"), search).await, Model::may_read);
        for path in [
            v1!("rooms/{}/threads", room),
            v1!("rooms/{}/hierarchy", room),
            v1!("room_summary/{}", room),
            v3!("rooms/{}/initialSync", room),
            v3!("rooms/{}/state", room),
            v3!("rooms/{}/state/{}/", room, STATE),
            format!("{}?limit=100", v3!("notifications")),
            format!("{}?timeout=0&room_id={}", v3!("events"), crate::harness::encoded(room)),
        ] {
            self.check(user, &path, &person.get(&path).await, Model::may_read);
        }
    }

    async fn tries_message(&self, user: usize, number: usize) {
        let (person, room, event) = (&self.people[user], &self.room, &self.model.said[number].event);
        for path in [
            v3!("rooms/{}/event/{}", room, event),
            format!("{}?limit=50", v3!("rooms/{}/context/{}", room, event)),
            format!("{}?limit=50&recurse=true", v1!("rooms/{}/relations/{}", room, event)),
        ] {
            let answer = person.get(&path).await;
            self.check(user, &path, &answer, Model::may_read);
            let is_shown = answer.status == 200 && path.contains("/event/");
            assert!(!is_shown || self.model.may_see(user, number), "seed {}: {path}: {:#?}", self.seed, self.log);
        }
    }

    async fn tries_times(&self, user: usize) {
        for (ts, dir) in [("0", "f"), ("4102444800000", "b")] {
            let ask = self.people[user].get(v1!("rooms/{}/timestamp_to_event", self.room));
            let answer = ask.query(&[("ts", ts), ("dir", dir)]).await;
            let event = answer.json()["event_id"].clone();
            if let Some(number) = self.model.said.iter().position(|said| event == said.event.as_str()) {
                assert!(self.model.may_see(user, number), "seed {}, user {user}, {number}: {:#?}", self.seed, self.log);
            }
        }
    }

    /// Who shares no room learns of no keys.
    async fn keys_of_strangers_stay_unknown(&mut self) {
        let eve: &Person = &self.people[EVE];
        let Some(from) = &self.since[EVE] else { return };
        let seen = eve.syncs().since(from).await;
        let changes = eve.get(v3!("keys/changes")).query(&[("from", from.as_str()), ("to", seen.next())]).await.ok();
        for kind in ["changed", "left"] {
            let strangers: Vec<&Value> = list(&changes[kind]).iter().filter(|id| **id != eve.id).collect();
            assert!(strangers.is_empty(), "seed {}: {strangers:?} of {}", self.seed, self.people[ALICE].id);
        }
    }

    /// What was sent on: only what was said while its receiver was in the room.
    pub(super) fn checks_what_was_sent(&self, gateway: &Gateway, bridge: &Bridge) {
        for user in [BOB, CAROL, EVE] {
            self.check_sent(user, &gateway.bodies(&key(self.seed, user)).join(" "));
        }
        self.check_sent(BOT, &Value::from(bridge.all("events")).to_string());
        for part in ["events", "ephemeral", "to_device"] {
            let sent = Value::from(bridge.all(part));
            self.checks_secrets(BOT, part, &sent.to_string());
            self.checks_receipts(BOT, part, &sent);
        }
    }

    fn check_sent(&self, user: usize, text: &str) {
        let found = self.model.found_in(text);
        let leaked: Vec<_> = found.into_iter().filter(|number| !self.model.was_there(user, *number)).collect();
        assert!(leaked.is_empty(), "seed {}: {leaked:?} were sent to user {user}: {:#?}", self.seed, self.log);
    }
}

/// Removes what is bundled with events.
fn unbundle(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.remove("m.relations");
            fields.values_mut().for_each(unbundle);
        }
        Value::Array(items) => items.iter_mut().for_each(unbundle),
        _ => {}
    }
}
