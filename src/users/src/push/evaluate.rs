//! Evaluates push rules for an event and a user (client-server API, "Push rules") with ruma.

use std::sync::Arc;

use futures_util::FutureExt;
use hearth_base::limits::users::PUSH_FLATTENED_MAX;
use hearth_rooms::event::client::{Unsigned, show};
use hearth_rooms::load::Event;
use hearth_store::ids::EventSn;
use quick_cache::sync::Cache;
use ruma::RoomId;
use ruma::events::AnySyncTimelineEvent;
use ruma::push::{AnyPushRuleRef, FlattenedJson, PushCondition, PushConditionRoomCtx, Ruleset};

use super::display_name::is_named;
use super::legacy;

/// The result of the rules for an event.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PushOutcome {
    /// The event counts as a notification.
    pub notify: bool,
    /// The event counts as a highlight.
    pub highlight: bool,
}

/// Evaluates rules, with a cache of flattened events.
#[derive(Debug)]
pub struct Evaluator {
    flattened: Cache<EventSn, Arc<FlattenedJson>>,
}

impl Default for Evaluator {
    fn default() -> Self {
        Self { flattened: Cache::new(PUSH_FLATTENED_MAX) }
    }
}

impl Evaluator {
    /// Returns the result of `rules` for `event` in `context`.
    pub fn outcome(&self, rules: &Ruleset, event: &Event, context: &PushConditionRoomCtx) -> PushOutcome {
        self.matching(rules, event, context).map_or(PushOutcome::default(), |rule| PushOutcome {
            notify: rule.triggers_notification(),
            highlight: rule.triggers_highlight(),
        })
    }

    /// Returns the first matching rule; none when no rule matches, and for the user's own events.
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

/// Like ruma's evaluation, except that display names are not patterns.
fn applies(rule: AnyPushRuleRef<'_>, event: &FlattenedJson, context: &PushConditionRoomCtx) -> bool {
    // ruma's rules await only thread subscriptions, which this server does not support, so the future is ready at
    // once.
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
