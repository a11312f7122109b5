//! What only its owner may see, and what only members may see while it happens.

use super::model::Is;
use super::story::{ALICE, BOB, CAROL, Story};
use crate::harness::{Value, json, v3};

impl Story {
    /// The word in all that belongs to Alice alone.
    fn secret(&self) -> String {
        format!("q{}secretq", self.seed)
    }

    /// Alice's account data, tags, push rules and to-device messages have the secret word.
    pub(super) async fn keeps_secrets(&self) {
        let (alice, room, secret) = (&self.people[ALICE], &self.room, self.secret());
        let note = json!({ "note": secret });
        alice.put(v3!("user/{}/account_data/org.example.note", alice.id), note.clone()).await.ok();
        let in_room = v3!("user/{}/rooms/{}/account_data/org.example.note", alice.id, room);
        alice.put(in_room, note.clone()).await.ok();
        let tag = v3!("user/{}/rooms/{}/tags/{}", alice.id, room, format!("u.{secret}"));
        alice.put(tag, json!({})).await.ok();
        let rule = json!({ "pattern": secret, "actions": ["notify"] });
        alice.put(v3!("pushrules/global/content/{}", secret), rule).await.ok();
        let messages = json!({ "messages": { &alice.id: { "*": note } } });
        alice.put(v3!("sendToDevice/org.example.note/{}", alice.fresh_transaction()), messages).await.ok();
        // Otherwise the checks would search for what is nowhere.
        let own = alice.get(v3!("sync")).query(&[("timeout", "0")]).await.html();
        assert!(own.matches(&secret).count() >= 5, "seed {}: {own}", self.seed);
    }

    /// Fails if a response to another user has the secret word.
    pub(super) fn checks_secrets(&self, user: usize, door: &str, text: &str) {
        assert!(!text.contains(&self.secret()), "seed {}: {door} shows Alice's data to user {user}: {text}", self.seed);
    }

    /// A member marks the newest message as read, publicly or not, and Alice types.
    pub(super) async fn reads_and_types(&mut self) {
        let Some(newest) = self.model.said.last() else { return };
        let (room, event, alice) = (&self.room, &newest.event, &self.people[ALICE]);
        let kind = ["m.read", "m.read.private"][self.below(2)];
        for user in [ALICE, BOB, CAROL] {
            if self.model.readers[user].is == Is::Joined {
                self.people[user].post(v3!("rooms/{}/receipt/{}/{}", room, kind, event), json!({})).await;
            }
        }
        let typing = json!({ "typing": true, "timeout": 30_000 });
        alice.put(v3!("rooms/{}/typing/{}", room, alice.id), typing).await.ok();
        self.log.push(format!("{kind} and typing"));
    }

    /// Fails if a sync tells a user who is not in the room what its members do.
    pub(super) fn checks_ephemeral(&self, user: usize, door: &str, answer: &Value) {
        self.checks_receipts(user, door, answer);
        let (text, is) = (answer.to_string(), self.model.readers[user].is);
        let is_told = ["\"m.receipt\"", "\"m.typing\""].iter().any(|kind| text.contains(kind));
        let so_far = format!("seed {}, user {user} is {is:?}: {:#?}", self.seed, self.log);
        assert!(is == Is::Joined || !is_told, "{so_far}: {door} shows receipts or typing users: {text}");
    }

    /// Fails if a private receipt of another user is in `value`.
    pub(super) fn checks_receipts(&self, user: usize, door: &str, value: &Value) {
        match value {
            Value::Object(fields) => {
                if let Some(Value::Object(private)) = fields.get("m.read.private") {
                    let own = self.people[user].id.as_str();
                    let is_own = private.keys().all(|reader| reader.as_str() == own);
                    assert!(is_own, "seed {}: {door} shows private receipts to {own}: {value}", self.seed);
                }
                fields.values().for_each(|value| self.checks_receipts(user, door, value));
            }
            Value::Array(items) => items.iter().for_each(|value| self.checks_receipts(user, door, value)),
            _ => {}
        }
    }
}
