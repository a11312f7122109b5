//! What an event is worth to one user: evaluates push rules (client-server API, "Push rules") through ruma.

use std::sync::Arc;

use futures_util::FutureExt;
use hearth_store::ids::EventSn;
use quick_cache::sync::Cache;
use ruma::RoomId;
use ruma::events::AnySyncTimelineEvent;
use ruma::push::{AnyPushRuleRef, FlattenedJson, PushCondition, PushConditionRoomCtx, Ruleset};

use super::display_name::is_named;
use super::legacy;
use crate::rooms::event::client::{Unsigned, show};
use crate::rooms::load::Event;

/// Events whose flattened form is remembered: an event is evaluated once for each member, mostly at about the same time.
const FLATTENED_MAX: usize = 256;

/// What the rules say about an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PushOutcome {
    /// It counts as a notification.
    pub notify: bool,
    /// It counts as a highlight.
    pub highlight: bool,
}

/// Evaluates rules, remembering events in the form that rules want.
#[derive(Debug)]
pub struct Evaluator {
    flattened: Cache<EventSn, Arc<FlattenedJson>>,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self { flattened: Cache::new(FLATTENED_MAX) }
    }
}

impl Evaluator {
    /// What `rules` say about `event` in `context`.
    pub fn outcome(&self, rules: &Ruleset, event: &Event, context: &PushConditionRoomCtx) -> PushOutcome {
        self.matching(rules, event, context).map_or(PushOutcome::default(), |rule| PushOutcome {
            notify: rule.triggers_notification(),
            highlight: rule.triggers_highlight(),
        })
    }

    /// The rule that decides about an event; none when no rule matches, and for the user's own events.
    pub fn matching<'a>(
        &self,
        rules: &'a Ruleset,
        event: &Event,
        context: &PushConditionRoomCtx,
    ) -> Option<AnyPushRuleRef<'a>> {
        if event.pdu.sender == context.user_id {
            return None;
        }
        let flat = self.flatten(event, &context.room_id);
        rules.iter().find(|rule| applies(*rule, &flat, context))
    }

    fn flatten(&self, event: &Event, room_id: &RoomId) -> Arc<FlattenedJson> {
        if let Some(flat) = self.flattened.get(&event.sn) {
            return flat;
        }
        let raw = show::<AnySyncTimelineEvent>(&event.pdu, Some(room_id), &Unsigned::default());
        let flat = Arc::new(FlattenedJson::from_raw(&raw));
        self.flattened.insert(event.sn, flat.clone());
        flat
    }
}

/// As ruma's own, but for display names, which are not patterns.
fn applies(rule: AnyPushRuleRef<'_>, event: &FlattenedJson, context: &PushConditionRoomCtx) -> bool {
    // Without thread subscriptions, which Hearth does not have, nothing in ruma's rules waits for anything.
    let (AnyPushRuleRef::Override(conditional) | AnyPushRuleRef::Underride(conditional)) = rule else {
        return rule.applies(event, context).now_or_never().unwrap_or(false);
    };
    if !conditional.conditions.iter().any(is_display_name) {
        return rule.applies(event, context).now_or_never().unwrap_or(false);
    }
    let is_disabled = !conditional.enabled || conditional.rule_id == legacy::DISPLAY_NAME && event.contains_mentions();
    !is_disabled
        && conditional.conditions.iter().all(|condition| match condition {
            name if is_display_name(name) => {
                event.get_str("content.body").is_some_and(|body| is_named(body, &context.user_display_name))
            }
            other => other.applies(event, context).now_or_never().unwrap_or(false),
        })
}

#[expect(deprecated, reason = "old clients go by it")]
fn is_display_name(condition: &PushCondition) -> bool {
    matches!(condition, PushCondition::ContainsDisplayName)
}
