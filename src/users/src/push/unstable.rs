//! Default rules of proposals that clients rely on: calls that ring (MSC4075), and polls (MSC3930).

use ruma::UserId;
use ruma::power_levels::NotificationPowerLevelsKey;
use ruma::push::{
    Action, ConditionalPushRule, ConditionalPushRuleInit, EventPropertyContainsConditionData,
    EventPropertyIsConditionData, PushCondition, RoomMemberCountConditionData, RoomMemberCountIs, Ruleset,
    SenderNotificationPermissionConditionData, SoundTweakValue, Tweak,
};
use ruma::uint;

/// The event that announces a call to those who are to join.
const CALL: &str = "org.matrix.msc4075.rtc.notification";
const POLL_RESPONSE: &str = "org.matrix.msc3381.poll.response";
const POLL_START: &str = "org.matrix.msc3381.poll.start";
const POLL_END: &str = "org.matrix.msc3381.poll.end";

/// Adds the rules to the server's defaults: each call rule before the mention rule that it would match as well, so that
/// the call rings and does not only notify.
pub(super) fn add(defaults: &mut Ruleset, user_id: &UserId) {
    let rules = std::mem::take(&mut defaults.override_).into_iter().flat_map(|rule| {
        let call = match rule.rule_id.as_str() {
            ".m.rule.is_user_mention" => Some(call_for_me(user_id)),
            ".m.rule.is_room_mention" => Some(call_for_room()),
            _ => None,
        };
        call.into_iter().chain(std::iter::once(rule))
    });
    defaults.override_ = rules.collect();
    defaults.override_.insert(rule(".org.matrix.msc3930.rule.poll_response", vec![is_type(POLL_RESPONSE)], vec![]));
    for (name, kind) in [("poll_start", POLL_START), ("poll_end", POLL_END)] {
        let two = RoomMemberCountConditionData::new(RoomMemberCountIs::from(uint!(2)));
        let id = format!(".org.matrix.msc3930.rule.{name}");
        let conditions = vec![PushCondition::RoomMemberCount(two), is_type(kind)];
        let loud = vec![Action::Notify, sound(SoundTweakValue::Default)];
        defaults.underride.insert(rule(&format!("{id}_one_to_one"), conditions, loud));
        defaults.underride.insert(rule(&id, vec![is_type(kind)], vec![Action::Notify]));
    }
}

fn rule(id: &str, conditions: Vec<PushCondition>, actions: Vec<Action>) -> ConditionalPushRule {
    ConditionalPushRuleInit { actions, default: true, enabled: true, rule_id: id.to_owned(), conditions }.into()
}

fn is_type(kind: &str) -> PushCondition {
    PushCondition::EventPropertyIs(EventPropertyIsConditionData::new("type".to_owned(), kind.into()))
}

fn sound(sound: SoundTweakValue) -> Action {
    Action::SetTweak(Tweak::Sound(sound))
}

fn ringing() -> Vec<Action> {
    vec![Action::Notify, sound(SoundTweakValue::from("ring"))]
}

fn call_for_me(user_id: &UserId) -> ConditionalPushRule {
    let mentioned =
        EventPropertyContainsConditionData::new(r"content.m\.mentions.user_ids".to_owned(), user_id.as_str().into());
    let conditions = vec![is_type(CALL), PushCondition::EventPropertyContains(mentioned)];
    rule(".org.matrix.msc4075.rule.rtc.invite_for_me", conditions, ringing())
}

fn call_for_room() -> ConditionalPushRule {
    let mentioned = EventPropertyIsConditionData::new(r"content.m\.mentions.room".to_owned(), true.into());
    let power = SenderNotificationPermissionConditionData::new(NotificationPowerLevelsKey::Room);
    let conditions = vec![
        is_type(CALL),
        PushCondition::EventPropertyIs(mentioned),
        PushCondition::SenderNotificationPermission(power),
    ];
    rule(".org.matrix.msc4075.rule.rtc.invite_for_room", conditions, ringing())
}

#[cfg(test)]
mod tests {
    use super::super::rules::parse;
    use super::*;

    #[test]
    fn calls_ring_before_mentions_and_polls_have_rules() {
        let rules = parse(None, <&UserId>::try_from("@a:home.example").expect("an id"), false);
        let place = |id: &str| rules.override_.iter().position(|rule| rule.rule_id == id).expect("a rule");
        let call = ".org.matrix.msc4075.rule.rtc.invite_for_me";
        assert!(place(call) < place(".m.rule.is_user_mention"));
        assert!(place(".org.matrix.msc4075.rule.rtc.invite_for_room") < place(".m.rule.is_room_mention"));
        assert_eq!(place(".m.rule.master"), 0);
        let json = serde_json::to_value(&rules.override_[place(call)]).expect("JSON");
        assert_eq!(json["actions"], serde_json::json!(["notify", { "set_tweak": "sound", "value": "ring" }]));
        let ids: Vec<_> = rules.underride.iter().map(|rule| rule.rule_id.as_str()).collect();
        let first = |id: &str| ids.iter().position(|known| *known == id).expect("a rule");
        let poll = ".org.matrix.msc3930.rule.poll_end";
        assert!(first(&format!("{poll}_one_to_one")) < first(poll), "the first rule that matches decides");
    }
}
