//! Compiles push rules into a [`Matcher`].

use std::collections::HashMap;

use ruma::push::{AnyPushRuleRef, EventMatchConditionData, PushCondition, Ruleset};

use super::evaluate::PushOutcome;
use super::globs::{Globs, Mode};
use super::legacy;
use super::matcher::{Condition, Field, Matcher, Rule, Source};
use super::values::Path;

/// The property of `content` rules.
const BODY: &str = "content.body";
const ROOM_ID: &str = "room_id";
const SENDER: &str = "sender";

/// The parts that rules share. Indexed by key, because a user may have thousands of conditions.
#[derive(Default)]
struct Shared {
    fields: Vec<NewField>,
    field_of: HashMap<String, usize>,
    lists: Vec<Path>,
    list_of: HashMap<String, usize>,
}

struct NewField {
    source: Source,
    patterns: Vec<String>,
}

/// Compiles the rules that are enabled.
pub(super) fn rules(rules: &Ruleset) -> Matcher {
    let mut shared = Shared::default();
    let rules = rules.iter().filter(|rule| rule.enabled()).map(|rule| compile(rule, &mut shared)).collect();
    Matcher { rules, fields: shared.fields.into_iter().map(NewField::build).collect(), lists: shared.lists }
}

/// Returns the number of bytes of a rule's patterns that are searched for: they decide what an event costs.
pub(crate) fn searched_bytes(rule: AnyPushRuleRef<'_>) -> usize {
    patterns(rule).filter(|(key, pattern)| is_searched(key, pattern)).map(|(_, pattern)| pattern.len()).sum()
}

/// Returns the number of bytes of a rule's longest pattern.
pub(crate) fn longest_pattern(rule: AnyPushRuleRef<'_>) -> usize {
    patterns(rule).map(|(_, pattern)| pattern.len()).max().unwrap_or(0)
}

/// Returns the patterns of a rule, with the keys of their properties.
fn patterns<'a>(rule: AnyPushRuleRef<'a>) -> impl Iterator<Item = (&'a str, &'a str)> {
    let (conditions, word): (&'a [PushCondition], _) = match rule {
        AnyPushRuleRef::Override(rule) | AnyPushRuleRef::PostContent(rule) | AnyPushRuleRef::Underride(rule) => {
            (&rule.conditions, None)
        }
        AnyPushRuleRef::Content(rule) => (&[], Some((BODY, &*rule.pattern))),
        AnyPushRuleRef::Room(rule) => (&[], Some((ROOM_ID, rule.rule_id.as_str()))),
        AnyPushRuleRef::Sender(rule) => (&[], Some((SENDER, rule.rule_id.as_str()))),
        _ => (&[], None),
    };
    let matched = conditions.iter().filter_map(|condition| match condition {
        PushCondition::EventMatch(data) => Some((&*data.key, &*data.pattern)),
        _ => None,
    });
    matched.chain(word)
}

/// Returns the number of a rule's conditions.
pub(crate) fn conditions(rule: AnyPushRuleRef<'_>) -> usize {
    match rule {
        AnyPushRuleRef::Override(rule) | AnyPushRuleRef::PostContent(rule) | AnyPushRuleRef::Underride(rule) => {
            rule.conditions.len()
        }
        _ => 1,
    }
}

impl NewField {
    fn build(self) -> Field {
        let mode = if matches!(self.source, Source::Body) { Mode::Words } else { Mode::Whole };
        let globs = (!self.patterns.is_empty()).then(|| Globs::new(mode, &self.patterns));
        Field { source: self.source, globs }
    }
}

fn compile(rule: AnyPushRuleRef<'_>, shared: &mut Shared) -> Rule {
    let (conditions, mention_rules): (_, &[&str]) = match rule {
        AnyPushRuleRef::Override(rule) | AnyPushRuleRef::PostContent(rule) | AnyPushRuleRef::Underride(rule) => {
            let conditions = rule.conditions.iter().map(|condition| shared.condition(condition)).collect();
            (conditions, &[legacy::DISPLAY_NAME, legacy::ROOM])
        }
        AnyPushRuleRef::Content(rule) => (vec![shared.event_match(BODY, &rule.pattern)], &[legacy::USER_NAME]),
        AnyPushRuleRef::Room(rule) => (vec![shared.event_match(ROOM_ID, rule.rule_id.as_str())], &[]),
        AnyPushRuleRef::Sender(rule) => (vec![shared.event_match(SENDER, rule.rule_id.as_str())], &[]),
        _ => (vec![Condition::Never], &[]),
    };
    Rule {
        actions: rule.actions().to_vec(),
        outcome: PushOutcome { notify: rule.triggers_notification(), highlight: rule.triggers_highlight() },
        conditions,
        is_replaced_by_mentions: mention_rules.contains(&rule.rule_id()),
    }
}

impl Shared {
    #[expect(deprecated, reason = "old clients go by contains_display_name")]
    fn condition(&mut self, condition: &PushCondition) -> Condition {
        match condition {
            PushCondition::EventMatch(EventMatchConditionData { key, pattern, .. }) => self.event_match(key, pattern),
            PushCondition::ContainsDisplayName => Condition::DisplayName,
            PushCondition::RoomMemberCount(data) => Condition::MemberCount(data.is),
            PushCondition::SenderNotificationPermission(data) => Condition::SenderPermission(data.key.clone()),
            PushCondition::EventPropertyIs(data) => match Path::parse(&data.key) {
                Some(path) => Condition::PropertyIs(path, data.value.clone()),
                None => Condition::Never,
            },
            PushCondition::EventPropertyContains(data) => match self.list(&data.key) {
                Some(list) => Condition::Contains { list, value: data.value.clone() },
                None => Condition::Never,
            },
            PushCondition::ThreadSubscription(data) => Condition::ThreadSubscription(data.subscribed),
            _ => Condition::Never,
        }
    }

    fn event_match(&mut self, key: &str, pattern: &str) -> Condition {
        let Some(field) = self.field(key) else { return Condition::Never };
        let pattern = pattern.to_lowercase();
        if !is_searched(key, &pattern) {
            return Condition::Value { field, value: pattern };
        }
        let patterns = &mut self.fields[field].patterns;
        patterns.push(pattern);
        Condition::Pattern { field, pattern: patterns.len() - 1 }
    }

    fn field(&mut self, key: &str) -> Option<usize> {
        if let Some(field) = self.field_of.get(key) {
            return Some(*field);
        }
        let source = match key {
            BODY => Source::Body,
            ROOM_ID => Source::RoomId,
            _ => Source::Property(Path::parse(key)?),
        };
        self.fields.push(NewField { source, patterns: Vec::new() });
        self.field_of.insert(key.to_owned(), self.fields.len() - 1);
        Some(self.fields.len() - 1)
    }

    fn list(&mut self, key: &str) -> Option<usize> {
        if let Some(list) = self.list_of.get(key) {
            return Some(*list);
        }
        self.lists.push(Path::parse(key)?);
        self.list_of.insert(key.to_owned(), self.lists.len() - 1);
        Some(self.lists.len() - 1)
    }
}

/// Returns whether a pattern is more than a value to compare with.
fn is_searched(key: &str, pattern: &str) -> bool {
    key == BODY || pattern.contains(['*', '?'])
}
