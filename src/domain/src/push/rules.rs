//! The push rules of a user: kept in their account data, with the server's defaults where they say nothing.

use std::sync::Arc;

use hearth_base::{Error, Result};
use hearth_store::engine::Tx;
use hearth_store::ids::UserSn;
use hearth_store::tables::account_data::{self, WHOLE_ACCOUNT};
use quick_cache::sync::Cache;
use ruma::UserId;
use ruma::events::push_rules::PushRulesEventContent;
use ruma::push::Ruleset;
use serde_json::{Map, Value};

/// The account data type that holds push rules.
pub const TYPE: &str = "m.push_rules";

/// Users whose parsed rules are remembered.
const USERS_MAX: usize = 500;

/// Rules that were parsed lately, with the text they were parsed from.
#[derive(Debug)]
pub struct RuleCache(Cache<UserSn, Arc<(Option<String>, Ruleset)>>);

impl Default for RuleCache {
    fn default() -> Self {
        Self(Cache::new(USERS_MAX))
    }
}

/// A user's rules; dereferences to the ruleset.
#[derive(Debug, Clone)]
pub struct Rules(Arc<(Option<String>, Ruleset)>);

impl std::ops::Deref for Rules {
    type Target = Ruleset;

    fn deref(&self) -> &Ruleset {
        &self.0.1
    }
}

impl RuleCache {
    /// A user's rules as this transaction sees them.
    pub fn get(&self, tx: &mut dyn Tx, user: UserSn, user_id: &UserId) -> Result<Rules> {
        let text = account_data::get(tx, user, WHOLE_ACCOUNT, TYPE)?;
        // Comparing the text needs no invalidation, so a rule change can't be missed.
        if let Some(known) = self.0.get(&user).filter(|known| known.0 == text) {
            return Ok(Rules(known));
        }
        let rules = parse(text.as_deref(), user_id);
        let entry = Arc::new((text, rules));
        self.0.insert(user, entry.clone());
        Ok(Rules(entry))
    }
}

/// Rules from their stored text; the server's defaults when there is none. Defaults that came with a newer version of the
/// specification are added, what the user has changed about old ones stays.
#[must_use]
pub fn parse(text: Option<&str>, user_id: &UserId) -> Ruleset {
    let stored = text.and_then(|text| serde_json::from_str::<PushRulesEventContent>(text).ok());
    let defaults = Ruleset::server_default(user_id);
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

/// Rules as clients get them: with every kind, also those that have no rules, as some clients count on that.
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
