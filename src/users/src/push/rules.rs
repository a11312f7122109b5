//! The push rules of a user: stored in account data, completed by the server's defaults.

use std::sync::Arc;

use hearth_base::{Error, Position, Result, limits};
use hearth_rooms::RoomCore;
use hearth_store::engine::Tx;
use hearth_store::hash64;
use hearth_store::ids::UserSn;
use hearth_store::tables::account_data::{self, WHOLE_ACCOUNT};
use quick_cache::Weighter;
use quick_cache::sync::Cache;
use ruma::UserId;
use ruma::events::push_rules::PushRulesEventContent;
use ruma::push::{ConditionalPushRule, RuleKind, Ruleset};
use serde_json::{Map, Value};

use super::matcher::Matcher;
use super::{legacy, unstable};

/// The account data type of push rules.
pub const TYPE: &str = "m.push_rules";

/// Memory that the server's default rules take, in bytes, about.
const RULES_BYTES_USUAL: usize = 16 * 1024;

/// Cache of compiled rules.
#[derive(Debug)]
pub(super) struct RuleCache(Cache<UserSn, Rules, RuleBytes>);

/// A user's rules.
#[derive(Debug, Clone)]
pub(super) struct Rules(Arc<Compiled>);

#[derive(Debug)]
struct Compiled {
    /// When the rules were changed last; none if the user has the server's defaults.
    changed: Option<Position>,
    hash: i64,
    bytes: usize,
    matcher: Matcher,
}

/// Weighs by estimated memory.
#[derive(Debug, Clone)]
struct RuleBytes;

impl Weighter<UserSn, Rules> for RuleBytes {
    fn weight(&self, _: &UserSn, rules: &Rules) -> u64 {
        rules.0.bytes as u64
    }
}

impl Default for RuleCache {
    fn default() -> Self {
        // An estimate that leads to few shards: each must hold the largest rules.
        let items = limits::PUSH_RULES_CACHED_BYTES_MAX / RULES_BYTES_USUAL;
        Self(Cache::with_weighter(items, limits::PUSH_RULES_CACHED_BYTES_MAX as u64, RuleBytes))
    }
}

impl Rules {
    fn new(changed: Option<Position>, text: Option<&str>, user_id: &UserId, has_legacy: bool) -> Self {
        let text_bytes = text.unwrap_or_default().as_bytes();
        let matcher = Matcher::new(&parse(text, user_id, has_legacy));
        // Actions, ids and values of conditions are in both forms about as long as in the text.
        let bytes = RULES_BYTES_USUAL + 2 * text_bytes.len() + matcher.weight();
        Self(Arc::new(Compiled { changed, hash: hash64(&[text_bytes, &[u8::from(has_legacy)]]), bytes, matcher }))
    }

    /// Returns a hash that differs for different rules.
    pub(super) fn hash(&self) -> i64 {
        self.0.hash
    }

    pub(super) fn matcher(&self) -> &Matcher {
        &self.0.matcher
    }
}

impl RuleCache {
    /// Returns a user's rules as this transaction sees them.
    pub(super) fn get(&self, core: &RoomCore, tx: &mut dyn Tx, user: UserSn, user_id: &UserId) -> Result<Rules> {
        // The cache compares the position of the last change instead of being invalidated, so it cannot miss one.
        let changed = account_data::changed_at(tx, user, WHOLE_ACCOUNT, TYPE)?;
        if let Some(known) = self.0.get(&user).filter(|known| known.0.changed == changed) {
            return Ok(known);
        }
        let text = account_data::get(tx, user, WHOLE_ACCOUNT, TYPE)?;
        let rules = Rules::new(changed, text.as_deref(), user_id, core.config.push.legacy_mentions);
        self.0.insert(user, rules.clone());
        Ok(rules)
    }
}

/// Parses rules from their stored text; the server's defaults when there is none. Adds defaults from newer versions
/// of the specification, and keeps the user's changes of old ones. With `has_legacy`, the defaults include the
/// mention rules from before `m.mentions` (`push.legacy_mentions`).
#[must_use]
pub fn parse(text: Option<&str>, user_id: &UserId, has_legacy: bool) -> Ruleset {
    let stored = text.and_then(|text| serde_json::from_str::<PushRulesEventContent>(text).ok());
    let mut defaults = Ruleset::server_default(user_id);
    unstable::add(&mut defaults, user_id);
    if has_legacy {
        legacy::add(&mut defaults, user_id);
    }
    match stored {
        None => defaults,
        Some(content) => {
            let mut rules = content.global;
            // `update_with_server_default` knows the other kinds only. Users have no rules of their own in this one.
            let changed = std::mem::take(&mut rules.postcontent);
            let own = std::mem::take(&mut defaults.postcontent);
            rules.update_with_server_default(defaults);
            let as_changed = |mut rule: ConditionalPushRule| {
                if let Some(changed) = changed.get(rule.rule_id.as_str()) {
                    rule.enabled = changed.enabled;
                    rule.actions.clone_from(&changed.actions);
                }
                rule
            };
            rules.postcontent = own.into_iter().map(as_changed).collect();
            rules
        }
    }
}

/// The kind of the server's rules for threads (MSC4306), after `content`.
const POSTCONTENT: &str = "postcontent";

/// Returns the kind of rules that a path names. Paths and rulesets name kinds alike; ruma has another name for
/// `postcontent` in paths.
#[must_use]
pub fn kind(named: RuleKind) -> RuleKind {
    if named.as_str() == POSTCONTENT { RuleKind::PostContent } else { named }
}

/// The kinds of rules.
const KINDS: [&str; 6] = ["override", "content", POSTCONTENT, "room", "sender", "underride"];

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
