//! Push rules compiled for matching (client-server API, "Push rules"): the first rule that matches an event decides.
//!
//! Answers as ruma's `Ruleset::get_match`, which it replaces because that builds a regular expression for each rule
//! and event; a test compares the two. The patterns of all rules for one property are matched in one pass over it.
//! Two deliberate differences: display names are not patterns (`names.rs`), and `**` is `*` also in `content.body`,
//! where ruma reads the second star as a letter.

use std::collections::HashSet;
use std::ops::RangeBounds;

use hearth_base::limits;
use ruma::UserId;
use ruma::power_levels::NotificationPowerLevelsKey;
use ruma::push::{Action, PushConditionRoomCtx, RoomMemberCountIs, Ruleset, ScalarJsonValue};

use super::compile;
use super::evaluate::PushOutcome;
use super::globs::{Globs, Matches};
use super::names::is_named;
use super::values::{EventValues, Path, Scalar};

/// The compiled rules of a user.
#[derive(Debug, Default)]
pub(super) struct Matcher {
    pub(super) rules: Vec<Rule>,
    pub(super) fields: Vec<Field>,
    /// Properties that `event_property_contains` conditions read.
    pub(super) lists: Vec<Path>,
}

/// A rule that is enabled.
#[derive(Debug)]
pub(super) struct Rule {
    /// Its actions.
    pub(super) actions: Vec<Action>,
    /// What they amount to.
    pub(super) outcome: PushOutcome,
    pub(super) conditions: Vec<Condition>,
    /// Whether events with `m.mentions` disable it.
    pub(super) is_replaced_by_mentions: bool,
}

/// A condition of a rule.
#[derive(Debug)]
pub(super) enum Condition {
    /// A pattern of a field.
    Pattern {
        field: usize,
        pattern: usize,
    },
    /// The whole value of a field, in lower case.
    Value {
        field: usize,
        value: String,
    },
    DisplayName,
    MemberCount(RoomMemberCountIs),
    SenderPermission(NotificationPowerLevelsKey),
    PropertyIs(Path, ScalarJsonValue),
    /// A value in a list.
    Contains {
        list: usize,
        value: ScalarJsonValue,
    },
    /// Whether the user is subscribed to the thread of the event (MSC4306). Holds for no event outside of threads.
    ThreadSubscription(bool),
    /// A condition that this server does not know.
    Never,
}

/// A property that `event_match` conditions read.
#[derive(Debug)]
pub(super) struct Field {
    pub(super) source: Source,
    /// The patterns for it; none if all conditions compare whole values.
    pub(super) globs: Option<Globs>,
}

/// Where a field comes from.
#[derive(Debug)]
pub(super) enum Source {
    /// `content.body`, whose patterns match words.
    Body,
    /// The room of the event, also for events without `room_id`.
    RoomId,
    /// Another property.
    Property(Path),
}

/// A field of an event; computed when the first condition asks for it.
enum FieldValue<'a> {
    Unknown,
    Absent,
    Present { value: String, matches: Option<Matches<'a>> },
}

/// The search for the matching rule of one event.
struct Search<'a> {
    matcher: &'a Matcher,
    event: &'a EventValues,
    context: &'a PushConditionRoomCtx,
    subscribed: Option<bool>,
    fields: Vec<FieldValue<'a>>,
    lists: Vec<Option<HashSet<Scalar<'a>>>>,
    is_named: Option<bool>,
    steps: u64,
}

impl Matcher {
    /// Compiles rules.
    pub(super) fn new(rules: &Ruleset) -> Self {
        compile::rules(rules)
    }

    /// Returns about how many bytes of memory the compiled patterns take.
    pub(super) fn weight(&self) -> usize {
        self.globs().map(Globs::weight).sum::<usize>() + 64 * (self.rules.len() + self.conditions())
    }

    /// Returns the most steps that an event of so many bytes can cost.
    ///
    /// The fields of an event are disjoint parts of it, except for the room id, so the field with the most patterns
    /// stands for all. Lower case can be longer by half.
    pub(super) fn steps(&self, event_bytes: usize) -> u64 {
        let bytes = event_bytes + event_bytes / 2 + limits::ID_BYTES_MAX;
        let fields = self.globs().map(|globs| globs.steps(bytes)).max().unwrap_or(0);
        fields + (2 * bytes + self.rules.len() + self.conditions()) as u64
    }

    fn globs(&self) -> impl Iterator<Item = &Globs> {
        self.fields.iter().filter_map(|field| field.globs.as_ref())
    }

    fn conditions(&self) -> usize {
        self.rules.iter().map(|rule| rule.conditions.len()).sum()
    }

    /// Returns whether a rule depends on the user's subscriptions to threads.
    pub(super) fn reads_subscriptions(&self) -> bool {
        let mut conditions = self.rules.iter().flat_map(|rule| &rule.conditions);
        conditions.any(|condition| matches!(condition, Condition::ThreadSubscription(_)))
    }

    /// Returns the first rule that matches an event, and the number of steps that this took. The caller has checked
    /// that the user has not sent it. `subscribed` is whether the user is subscribed to the event's thread, if it is in one.
    pub(super) fn first(
        &self,
        event: &EventValues,
        context: &PushConditionRoomCtx,
        subscribed: Option<bool>,
    ) -> (Option<&Rule>, u64) {
        let fields = self.fields.iter().map(|_| FieldValue::Unknown).collect();
        let lists = self.lists.iter().map(|_| None).collect();
        let mut search = Search { matcher: self, event, context, subscribed, fields, lists, is_named: None, steps: 0 };
        let found = self.rules.iter().find(|rule| search.applies(rule));
        (found, search.steps)
    }
}

impl Search<'_> {
    fn applies(&mut self, rule: &Rule) -> bool {
        self.steps += 1;
        if rule.is_replaced_by_mentions && self.event.has_mentions() {
            return false;
        }
        rule.conditions.iter().all(|condition| self.holds(condition))
    }

    fn holds(&mut self, condition: &Condition) -> bool {
        self.steps += 1;
        let (event, context) = (self.event, self.context);
        match condition {
            Condition::Pattern { field, pattern } => match self.field(*field) {
                FieldValue::Present { matches: Some(matches), .. } => matches.has(*pattern),
                _ => false,
            },
            Condition::Value { field, value: expected } => match self.field(*field) {
                FieldValue::Present { value, .. } => value == expected,
                _ => false,
            },
            Condition::DisplayName => self.is_named(),
            Condition::MemberCount(is) => is.contains(&context.member_count),
            Condition::SenderPermission(key) => {
                let sender = event.sender().and_then(|sender| <&UserId>::try_from(sender).ok());
                let levels = context.power_levels.as_ref();
                levels
                    .zip(sender)
                    .is_some_and(|(levels, sender)| levels.has_sender_notification_permission(sender, key))
            }
            Condition::PropertyIs(path, expected) => {
                event.get(path).and_then(Scalar::of) == Some(Scalar::from(expected))
            }
            Condition::Contains { list, value } => self.list(*list).contains(&Scalar::from(value)),
            Condition::ThreadSubscription(expected) => self.subscribed == Some(*expected),
            Condition::Never => false,
        }
    }

    /// Returns a field, after matching all patterns for it in one pass.
    fn field(&mut self, field: usize) -> &FieldValue<'_> {
        if matches!(self.fields[field], FieldValue::Unknown) {
            let Field { source, globs } = &self.matcher.fields[field];
            let value = match source {
                Source::Body => self.event.body().map(str::to_owned),
                Source::RoomId => Some(self.context.room_id.as_str().to_lowercase()),
                Source::Property(path) => self.event.text(path).map(str::to_lowercase),
            };
            self.fields[field] = value.map_or(FieldValue::Absent, |value| {
                self.steps += globs.as_ref().map_or(0, |globs| globs.steps(value.len()));
                FieldValue::Present { matches: globs.as_ref().map(|globs| globs.run(&value)), value }
            });
        }
        &self.fields[field]
    }

    /// Returns the values of a list. As a set, because thousands of conditions may ask for thousands of values.
    fn list(&mut self, list: usize) -> &HashSet<Scalar<'_>> {
        let path = &self.matcher.lists[list];
        let values = || self.event.get(path).and_then(serde_json::Value::as_array).into_iter().flatten();
        let steps = &mut self.steps;
        self.lists[list].get_or_insert_with(|| {
            let set: HashSet<_> = values().filter_map(Scalar::of).collect();
            *steps += set.len() as u64;
            set
        })
    }

    fn is_named(&mut self) -> bool {
        if let Some(known) = self.is_named {
            return known;
        }
        let (body, name) = (self.event.body().unwrap_or_default(), self.context.user_display_name.to_lowercase());
        self.steps += (body.len() + name.len()) as u64;
        let is_named = is_named(body, &name);
        self.is_named = Some(is_named);
        is_named
    }
}
