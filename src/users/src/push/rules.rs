//! The push rules of a user: stored in account data, completed by the server's defaults.

use std::sync::Arc;

use hearth_base::limits::users::PUSH_RULES_CACHED_USERS_MAX;
use hearth_base::{Error, Result};
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::hash64;
use hearth_store::ids::UserSn;
use hearth_store::tables::account_data::{self, WHOLE_ACCOUNT};
use quick_cache::sync::Cache;
use ruma::UserId;
use ruma::events::push_rules::PushRulesEventContent;
use ruma::push::Ruleset;
use serde_json::{Map, Value};

use super::legacy;

/// The account data type of push rules.
pub const TYPE: &str = "m.push_rules";

/// Cache of parsed rules, with their source text.
#[derive(Debug)]
pub struct RuleCache(Cache<UserSn, Arc<Parsed>>);

#[derive(Debug)]
struct Parsed {
    text: Option<String>,
    /// Hash of the inputs of the rules.
    hash: i64,
    rules: Ruleset,
}

impl Default for RuleCache {
    fn default() -> Self {
        Self(Cache::new(PUSH_RULES_CACHED_USERS_MAX))
    }
}

/// A user's rules; dereferences to the ruleset.
#[derive(Debug, Clone)]
pub struct Rules(Arc<Parsed>);

impl Rules {
    /// Returns a hash that differs for different rules.
    #[must_use]
    pub fn hash(&self) -> i64 {
        self.0.hash
    }
}

impl std::ops::Deref for Rules {
    type Target = Ruleset;

    fn deref(&self) -> &Ruleset {
        &self.0.rules
    }
}

impl RuleCache {
    /// Returns a user's rules as this transaction sees them.
    pub fn get(&self, core: &RoomCore, tx: &mut dyn Tx, user: UserSn, user_id: &UserId) -> Result<Rules> {
        let text = account_data::get(tx, user, WHOLE_ACCOUNT, TYPE)?;
        // The cache compares the text instead of being invalidated, so it cannot miss a rule change.
        if let Some(known) = self.0.get(&user).filter(|known| known.text == text) {
            return Ok(Rules(known));
        }
        let has_legacy = core.config.push.legacy_mentions;
        let rules = parse(text.as_deref(), user_id, has_legacy);
        let hash = hash64(&[text.as_deref().unwrap_or_default().as_bytes(), &[u8::from(has_legacy)]]);
        let entry = Arc::new(Parsed { text, hash, rules });
        self.0.insert(user, entry.clone());
        Ok(Rules(entry))
    }
}

/// Parses rules from their stored text; the server's defaults when there is none. Adds defaults from newer versions
/// of the specification, and keeps the user's changes of old ones. With `has_legacy`, the defaults include the
/// mention rules from before `m.mentions` (`push.legacy_mentions`).
#[must_use]
pub fn parse(text: Option<&str>, user_id: &UserId, has_legacy: bool) -> Ruleset {
    let stored = text.and_then(|text| serde_json::from_str::<PushRulesEventContent>(text).ok());
    let mut defaults = Ruleset::server_default(user_id);
    if has_legacy {
        legacy::add(&mut defaults, user_id);
    }
    match stored {
        None => defaults,
        Some(content) => {
            let mut rules = content.global;
            rules.update_with_server_default(defaults);
            rules
        }
    }
}

/// The kinds of rules.
const KINDS: [&str; 5] = ["override", "content", "room", "sender", "underride"];

/// Returns rules in the client format. Includes empty kinds, because some clients rely on every kind.
pub fn shown(rules: &Ruleset) -> Result<Map<String, Value>> {
    match serde_json::to_value(rules) {
        Ok(Value::Object(mut shown)) => {
            for kind in KINDS {
                shown.entry(kind).or_insert_with(|| Value::Array(Vec::new()));
            }
            Ok(shown)
        }
        Ok(_) => Err(Error::broken("push rules were written as something else than an object")),
        Err(error) => Err(Error::fault("writing push rules", error)),
    }
}
