//! Push rule endpoints (client-server API, "Push Rules: API"). The rules are one item of account data, so that `/sync`
//! sends every change to the user's other clients; their evaluation is in `push`.

use hearth_base::boxed;
use std::sync::Arc;

use hearth_base::{Error, Reason, Result, error::refuse, limits};
use hearth_core::Requester;
use hearth_rooms::RoomCore;
use hearth_store::WriteTx;
use hearth_store::tables::account_data::{self as table, WHOLE_ACCOUNT};
use ruma::api::client::push::PushRule;
use ruma::push::{Action, AnyPushRuleRef, NewPushRule, RuleKind, Ruleset};
use serde_json::json;

use super::account_data::store;
use crate::push::{self, rules};

/// The push rule use cases.
#[derive(Debug)]
pub struct PushRules {
    core: Arc<RoomCore>,
}

/// A rule with its position among the rules of its kind.
#[derive(Debug, Clone)]
pub struct Placed {
    /// The rule.
    pub rule: NewPushRule,
    /// ID of the rule that must follow it directly.
    pub before: Option<String>,
    /// ID of the rule that must precede it directly.
    pub after: Option<String>,
}

impl PushRules {
    pub(super) fn new(core: Arc<RoomCore>) -> Self {
        Self { core }
    }

    /// All rules of a user, including the server-default rules.
    #[boxed]
    pub async fn all(&self, who: &Requester) -> Result<Ruleset> {
        let (who, has_legacy) = (who.clone(), self.core.config.push.legacy_mentions);
        let read = self.core.store.read("push_rules_get", move |tx| {
            let text = table::get(tx.tx(), who.user, WHOLE_ACCOUNT, rules::TYPE)?;
            Ok(rules::parse(text.as_deref(), &who.user_id, has_legacy))
        });
        read.await
    }

    /// One rule. `M_NOT_FOUND` for an unknown kind and ID.
    #[boxed]
    pub async fn get(&self, who: &Requester, kind: RuleKind, id: &str) -> Result<PushRule> {
        self.all(who).await?.get(rules::kind(kind), id).map(one).ok_or_else(unknown)
    }

    /// Adds a rule, or replaces the one with its ID, which stays enabled or disabled.
    ///
    /// Refuses with `M_INVALID_PARAM` invalid IDs and positions, `M_TOO_LARGE` more rules than
    /// [`limits::PUSH_RULES_PER_USER_MAX`], longer patterns than [`limits::PUSH_PATTERN_BYTES_MAX`], more conditions than
    /// [`limits::PUSH_CONDITIONS_PER_USER_MAX`] and more to search for than [`limits::PUSH_PATTERNS_BYTES_MAX`].
    #[boxed]
    pub async fn put(&self, who: &Requester, placed: Placed) -> Result<()> {
        self.edit(who, move |rules| put(rules, placed)).await
    }

    /// Deletes a user-defined rule. `M_NOT_FOUND` if there is none.
    #[boxed]
    pub async fn delete(&self, who: &Requester, kind: RuleKind, id: String) -> Result<()> {
        self.edit(who, move |all| delete(all, rules::kind(kind), &id)).await
    }

    /// Enables or disables a rule. `M_NOT_FOUND` if there is none.
    #[boxed]
    pub async fn set_enabled(&self, who: &Requester, kind: RuleKind, id: String, enabled: bool) -> Result<()> {
        let kind = rules::kind(kind);
        self.edit(who, move |rules| rules.set_enabled(kind, &id, enabled).map_err(|_| unknown())).await
    }

    /// Sets the actions of a rule. `M_NOT_FOUND` if there is none.
    #[boxed]
    pub async fn set_actions(&self, who: &Requester, kind: RuleKind, id: String, actions: Vec<Action>) -> Result<()> {
        let kind = rules::kind(kind);
        self.edit(who, move |rules| rules.set_actions(kind, &id, actions).map_err(|_| unknown())).await
    }

    async fn edit<F>(&self, who: &Requester, change: F) -> Result<()>
    where
        F: FnOnce(&mut Ruleset) -> Result<()> + Send + 'static,
    {
        let (core, who) = (self.core.clone(), who.clone());
        let write = move |tx: &mut WriteTx<'_>| {
            let text = table::get(tx.tx(), who.user, WHOLE_ACCOUNT, rules::TYPE)?;
            let mut rules = rules::parse(text.as_deref(), &who.user_id, core.config.push.legacy_mentions);
            change(&mut rules)?;
            let content = json!({ "global": rules::shown(&rules)? }).to_string();
            if content.len() > limits::ACCOUNT_DATA_BYTES_MAX {
                let message = format!("Push rules can have {} bytes in all.", limits::ACCOUNT_DATA_BYTES_MAX);
                return Err(refuse(Reason::TooLarge, message));
            }
            store(&core, tx, (who.user, WHOLE_ACCOUNT), rules::TYPE, &content)
        };
        self.core.store.write("push_rules_set", write).await
    }
}

/// Returns a rule in the client format.
fn one(rule: AnyPushRuleRef<'_>) -> PushRule {
    match rule {
        // ruma's conversion of all kinds panics at this one.
        AnyPushRuleRef::PostContent(rule) => rule.clone().into(),
        rule => rule.into(),
    }
}

fn unknown() -> Error {
    Error::not_found("There is no such push rule.")
}

fn put(rules: &mut Ruleset, placed: Placed) -> Result<()> {
    let Placed { rule, before, after } = placed;
    let (kind, id) = (rule.kind(), rule.rule_id().to_owned());
    if id.is_empty() || id.len() > limits::ID_BYTES_MAX {
        return Err(Error::invalid(format!("A rule's id has 1 to {} bytes.", limits::ID_BYTES_MAX)));
    }
    if [&before, &after].into_iter().flatten().any(|other| *other == id) {
        return Err(Error::invalid("A rule cannot come before or after itself."));
    }
    let was_enabled = rules.get(kind.clone(), &id).map(|rule| rule.enabled());
    if was_enabled.is_none() && rules.iter().count() >= limits::PUSH_RULES_PER_USER_MAX {
        let message = format!("You have {} push rules; remove one first.", limits::PUSH_RULES_PER_USER_MAX);
        return Err(refuse(Reason::TooLarge, message));
    }
    let size = Size::of(rules);
    if was_enabled.is_some() && (before.is_some() || after.is_some()) {
        // Remove the old rule first, so that positions refer to the other rules only.
        delete(rules, kind.clone(), &id)?;
    }
    rules.insert(rule, after.as_deref(), before.as_deref()).map_err(|error| Error::invalid(format!("{error}.")))?;
    Size::of(rules).check(size)?;
    match was_enabled {
        Some(enabled) => rules.set_enabled(kind, &id, enabled).map_err(|_| unknown()),
        None => Ok(()),
    }
}

/// What a user's own rules cost whenever an event is evaluated.
#[derive(Debug, Clone, Copy, Default)]
struct Size {
    /// The longest pattern, in bytes.
    pattern: usize,
    /// All patterns that are searched for, in bytes.
    patterns: usize,
    conditions: usize,
}

impl Size {
    fn of(rules: &Ruleset) -> Self {
        let own = rules.iter().filter(|rule| !rule.is_server_default());
        own.fold(Self::default(), |size, rule| Self {
            pattern: size.pattern.max(push::longest_pattern(rule)),
            patterns: size.patterns + push::searched_bytes(rule),
            conditions: size.conditions + push::conditions(rule),
        })
    }

    /// Refuses with `M_TOO_LARGE` rules over a limit, unless they were over it `before` and have not grown: so that
    /// rules from before a limit can be changed.
    fn check(self, before: Self) -> Result<()> {
        let is_over = |now: usize, before: usize, most: usize| now > most && now > before;
        let message = if is_over(self.pattern, before.pattern, limits::PUSH_PATTERN_BYTES_MAX) {
            format!("A pattern can have {} bytes at most.", limits::PUSH_PATTERN_BYTES_MAX)
        } else if is_over(self.patterns, before.patterns, limits::PUSH_PATTERNS_BYTES_MAX) {
            let most = limits::PUSH_PATTERNS_BYTES_MAX;
            format!("The words and wildcard patterns of your push rules can have {most} bytes in all. Remove some.")
        } else if is_over(self.conditions, before.conditions, limits::PUSH_CONDITIONS_PER_USER_MAX) {
            let most = limits::PUSH_CONDITIONS_PER_USER_MAX;
            format!("Your push rules can have {most} conditions in all. Remove some.")
        } else {
            return Ok(());
        };
        Err(refuse(Reason::TooLarge, message))
    }
}

fn delete(rules: &mut Ruleset, kind: RuleKind, id: &str) -> Result<()> {
    use ruma::push::RemovePushRuleError as Why;
    rules.remove(kind, id).map_err(|why| match why {
        Why::NotFound => unknown(),
        _ => Error::invalid("This rule is the server's; switch it off instead of removing it."),
    })
}

#[cfg(test)]
mod tests {
    use ruma::push::{
        EventMatchConditionData, NewConditionalPushRule, NewPatternedPushRule, NewSimplePushRule, PushCondition,
    };
    use ruma::{RoomId, user_id};

    use super::*;

    fn defaults() -> Ruleset {
        rules::parse(None, user_id!("@alice:a.example"), true)
    }

    fn word(id: &str) -> Placed {
        let rule = NewPatternedPushRule::new(id.to_owned(), id.to_owned(), vec![Action::Notify]);
        Placed { rule: NewPushRule::Content(rule), before: None, after: None }
    }

    fn words(rules: &Ruleset) -> Vec<&str> {
        rules.content.iter().filter(|rule| !rule.default).map(|rule| &*rule.rule_id).collect()
    }

    #[test]
    fn rules_stand_where_they_are_put() {
        let mut rules = defaults();
        for id in ["a", "b", "c"] {
            put(&mut rules, word(id)).expect(id);
        }
        assert_eq!(words(&rules), ["c", "b", "a"]);
        put(&mut rules, Placed { after: Some("a".to_owned()), ..word("c") }).expect("to the end");
        assert_eq!(words(&rules), ["b", "a", "c"]);
        put(&mut rules, Placed { before: Some("b".to_owned()), ..word("c") }).expect("to the front");
        assert_eq!(words(&rules), ["c", "b", "a"]);
        put(&mut rules, word("a")).expect("stays where it is");
        assert_eq!(words(&rules), ["c", "b", "a"]);
    }

    #[test]
    fn impossible_ids_and_places_are_refused() {
        let mut rules = defaults();
        put(&mut rules, word("a")).expect("a rule");
        for (id, before) in [("a", "a"), ("b", "nobody"), ("b", ".m.rule.master"), (".b", "a"), ("x/y", "a"), ("", "a")]
        {
            let refused = put(&mut rules.clone(), Placed { before: Some(before.to_owned()), ..word(id) });
            assert_eq!(refused.expect_err(id).reason(), Some(Reason::InvalidParam), "{id} before {before}");
        }
        let long = put(&mut rules, word(&"x".repeat(limits::ID_BYTES_MAX + 1)));
        assert_eq!(long.expect_err("too long").reason(), Some(Reason::InvalidParam));
    }

    #[test]
    fn a_replaced_rule_stays_switched_off() {
        let mut rules = defaults();
        put(&mut rules, word("a")).expect("a rule");
        put(&mut rules, word("b")).expect("another");
        rules.set_enabled(RuleKind::Content, "a", false).expect("there");
        put(&mut rules, word("a")).expect("replaced");
        put(&mut rules, Placed { before: Some("b".to_owned()), ..word("a") }).expect("moved");
        assert!(!rules.get(RuleKind::Content, "a").expect("there").enabled());
    }

    #[test]
    fn only_own_rules_can_be_removed() {
        let mut rules = defaults();
        let room = RoomId::parse("!r:a.example").expect("an id");
        let mute = NewPushRule::Room(NewSimplePushRule::new(room, vec![]));
        put(&mut rules, Placed { rule: mute, before: None, after: None }).expect("a rule");
        delete(&mut rules, RuleKind::Room, "!r:a.example").expect("own");
        let gone = delete(&mut rules, RuleKind::Room, "!r:a.example").expect_err("gone");
        assert_eq!(gone.reason(), Some(Reason::NotFound));
        let default = delete(&mut rules, RuleKind::Override, ".m.rule.master").expect_err("the server's");
        assert_eq!(default.reason(), Some(Reason::InvalidParam));
    }

    #[test]
    fn rules_have_an_end() {
        let mut rules = defaults();
        let permits = limits::PUSH_RULES_PER_USER_MAX - rules.iter().count();
        for n in 0..permits {
            put(&mut rules, word(&n.to_string())).expect("fits");
        }
        assert_eq!(put(&mut rules, word("more")).expect_err("full").reason(), Some(Reason::TooLarge));
        put(&mut rules, word("0")).expect("replacing one adds none");
    }

    fn pattern(id: &str, pattern: String) -> Placed {
        let rule = NewPatternedPushRule::new(id.to_owned(), pattern, vec![Action::Notify]);
        Placed { rule: NewPushRule::Content(rule), before: None, after: None }
    }

    #[test]
    fn patterns_have_an_end_in_all() {
        let mut rules = defaults();
        let long = pattern("long", "x".repeat(limits::PUSH_PATTERN_BYTES_MAX + 1));
        assert_eq!(put(&mut rules.clone(), long).expect_err("too long").reason(), Some(Reason::TooLarge));
        for n in 0..limits::PUSH_PATTERNS_BYTES_MAX / limits::PUSH_PATTERN_BYTES_MAX {
            let longest = pattern(&n.to_string(), "x".repeat(limits::PUSH_PATTERN_BYTES_MAX));
            put(&mut rules, longest).expect("fits");
        }
        let more = put(&mut rules.clone(), pattern("more", "x".to_owned()));
        assert_eq!(more.expect_err("full").reason(), Some(Reason::TooLarge));
        put(&mut rules, pattern("0", "short".to_owned())).expect("a shorter one");
        // Rules about rooms and senders are compared and not searched for.
        let room = RoomId::parse(format!("!{}:a.example", "r".repeat(200))).expect("an id");
        let mute = NewPushRule::Room(NewSimplePushRule::new(room, vec![]));
        put(&mut rules, Placed { rule: mute, before: None, after: None }).expect("a room");
    }

    #[test]
    fn conditions_have_an_end_in_all() {
        let mut rules = defaults();
        let conditions = |count: usize| -> Placed {
            let one: PushCondition = EventMatchConditionData::new("type".to_owned(), "m.x".to_owned()).into();
            let rule = NewConditionalPushRule::new("many".to_owned(), vec![one; count], vec![Action::Notify]);
            Placed { rule: NewPushRule::Override(rule), before: None, after: None }
        };
        let refused = put(&mut rules.clone(), conditions(limits::PUSH_CONDITIONS_PER_USER_MAX + 1));
        assert_eq!(refused.expect_err("too many").reason(), Some(Reason::TooLarge));
        put(&mut rules, conditions(limits::PUSH_CONDITIONS_PER_USER_MAX)).expect("fits");
    }
}
