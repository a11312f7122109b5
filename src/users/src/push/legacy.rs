//! The mention rules from before `m.mentions` (client-server API 1.7, "Predefined Rules"). Matrix 1.17 removed them,
//! but many clients still send no `m.mentions`, and Synapse still serves the rules. ruma skips them for messages with
//! `m.mentions`.

use ruma::UserId;
use ruma::power_levels::NotificationPowerLevelsKey;
use ruma::push::{
    Action, ConditionalPushRule, ConditionalPushRuleInit, EventMatchConditionData, HighlightTweakValue,
    PatternedPushRule, PatternedPushRuleInit, PushCondition, Ruleset, SenderNotificationPermissionConditionData,
    SoundTweakValue, Tweak,
};

/// The id of the rule for the user's display name.
pub(super) const DISPLAY_NAME: &str = ".m.rule.contains_display_name";
/// The id of the rule for the local part of the user id.
pub(super) const USER_NAME: &str = ".m.rule.contains_user_name";
/// The id of the rule for `@room`.
pub(super) const ROOM: &str = ".m.rule.roomnotif";

/// Adds the legacy rules to the server's defaults, each after its replacement, as in Synapse.
pub(super) fn add(defaults: &mut Ruleset, user_id: &UserId) {
    let rules = std::mem::take(&mut defaults.override_).into_iter().flat_map(|rule| {
        let old = match rule.rule_id.as_str() {
            ".m.rule.is_user_mention" => Some(display_name()),
            ".m.rule.is_room_mention" => Some(room()),
            _ => None,
        };
        std::iter::once(rule).chain(old)
    });
    defaults.override_ = rules.collect();
    defaults.content.insert(user_name(user_id));
}

fn sound() -> Action {
    Action::SetTweak(Tweak::Sound(SoundTweakValue::Default))
}

fn highlight() -> Action {
    Action::SetTweak(Tweak::Highlight(HighlightTweakValue::Yes))
}

fn display_name() -> ConditionalPushRule {
    #[expect(deprecated, reason = "old clients go by it")]
    let condition = PushCondition::ContainsDisplayName;
    ConditionalPushRuleInit {
        actions: vec![Action::Notify, sound(), highlight()],
        default: true,
        enabled: true,
        rule_id: DISPLAY_NAME.to_owned(),
        conditions: vec![condition],
    }
    .into()
}

fn room() -> ConditionalPushRule {
    let power = SenderNotificationPermissionConditionData::new(NotificationPowerLevelsKey::Room);
    let body = EventMatchConditionData::new("content.body".to_owned(), "@room".to_owned());
    ConditionalPushRuleInit {
        actions: vec![Action::Notify, highlight()],
        default: true,
        enabled: true,
        rule_id: ROOM.to_owned(),
        conditions: vec![PushCondition::SenderNotificationPermission(power), PushCondition::EventMatch(body)],
    }
    .into()
}

fn user_name(user_id: &UserId) -> PatternedPushRule {
    PatternedPushRuleInit {
        actions: vec![Action::Notify, sound(), highlight()],
        default: true,
        enabled: true,
        rule_id: USER_NAME.to_owned(),
        pattern: user_id.localpart().to_owned(),
    }
    .into()
}
