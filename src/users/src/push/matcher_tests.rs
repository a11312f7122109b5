//! Compares the matcher with ruma's on random rules and events, and bounds its cost.

use futures_util::FutureExt;
use hearth_base::limits;
use ruma::events::AnySyncTimelineEvent;
use ruma::push::{PushConditionRoomCtx, RuleKind, Ruleset};
use ruma::room_version_rules::AuthorizationRules;
use ruma::serde::Raw;
use ruma::{int, owned_room_id, owned_user_id, uint};
use serde_json::{Value, json};

use super::matcher::{Matcher, Rule};
use super::rules;
use super::values::EventValues;

/// A generator of small numbers (xorshift); each test repeats its sequence.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % sides
    }

    fn pick<'a, T: ?Sized>(&mut self, of: &[&'a T]) -> &'a T {
        of[self.roll(of.len())]
    }

    fn one_in(&mut self, sides: usize) -> bool {
        self.roll(sides) == 0
    }

    fn text(&mut self, pieces: &[&str], most: usize) -> String {
        (0..self.roll(most + 1)).map(|_| self.pick(pieces)).collect()
    }
}

const LETTERS: [&str; 14] = ["a", "b", "ab", "A", "\u{e9}", "\u{c9}", "\u{1f375}", "_", "-", " ", "@", "\n", "1", "."];

/// A pattern for words. No two wildcards in a row, which ruma reads differently.
fn word_pattern(dice: &mut Dice) -> String {
    let mut pattern = String::new();
    for _ in 0..dice.roll(6) {
        match dice.roll(3) {
            0 if !pattern.ends_with(['*', '?']) => pattern.push_str(dice.pick(&["*", "?"])),
            _ => pattern.push_str(dice.pick(&LETTERS)),
        }
    }
    pattern
}

fn pattern(dice: &mut Dice) -> String {
    let mut pattern = String::new();
    for _ in 0..dice.roll(6) {
        pattern.push_str(if dice.one_in(3) { dice.pick(&["*", "?"]) } else { dice.pick(&LETTERS) });
    }
    pattern
}

const KEYS: [&str; 12] = [
    "content.body",
    "content.body",
    "content.text",
    r"content.x\.y",
    r"content.x\.y.z",
    r"content.back\\slash",
    r"content.x\y",
    "content.list",
    "content.missing",
    "room_id",
    "sender",
    "type",
];

fn scalar(dice: &mut Dice) -> Value {
    match dice.roll(6) {
        0 => json!(null),
        1 => json!(true),
        2 => json!(dice.roll(3)),
        3 => json!(dice.text(&LETTERS, 1)),
        4 => json!(1.5),
        _ => json!("a"),
    }
}

fn condition(dice: &mut Dice) -> Value {
    let key = dice.pick(&KEYS);
    match dice.roll(8) {
        0..4 if key == "content.body" => json!({"kind": "event_match", "key": key, "pattern": word_pattern(dice)}),
        0..4 => json!({"kind": "event_match", "key": key, "pattern": pattern(dice)}),
        4 => {
            let value = scalar(dice);
            // Conditions with other numbers are no conditions.
            let value = if value.is_f64() { json!(1) } else { value };
            json!({"kind": dice.pick(&["event_property_is", "event_property_contains"]), "key": key, "value": value})
        }
        5 => json!({"kind": "room_member_count", "is": dice.pick(&["2", "==3", "<3", ">=2", ">7"])}),
        6 => json!({"kind": "sender_notification_permission", "key": dice.pick(&["room", "other"])}),
        _ => json!({"kind": dice.pick(&["contains_display_name", "org.example.unknown"])}),
    }
}

/// Rules with a number each.
fn ruleset(dice: &mut Dice) -> Ruleset {
    let mut number = 0;
    let mut rules = |dice: &mut Dice, make: fn(&mut Dice) -> Value| -> Value {
        let of_kind = (0..dice.roll(4)).map(|_| {
            number += 1;
            let mut rule = make(dice);
            rule["rule_id"] = rule.get("rule_id").cloned().unwrap_or_else(|| json!(format!("r{number}")));
            rule["enabled"] = json!(!dice.one_in(8));
            rule["default"] = json!(false);
            rule["actions"] = json!(["notify", {"set_tweak": "org.example.number", "value": number}]);
            rule
        });
        of_kind.collect()
    };
    let conditional = |dice: &mut Dice| {
        let conditions: Value = (0..dice.roll(3)).map(|_| condition(dice)).collect();
        let mut rule = json!({ "conditions": conditions });
        if dice.one_in(4) {
            rule["rule_id"] = json!(dice.pick(&[".m.rule.roomnotif", ".m.rule.contains_display_name"]));
        }
        rule
    };
    let word = |dice: &mut Dice| {
        let mut rule = json!({"pattern": word_pattern(dice)});
        if dice.one_in(4) {
            rule["rule_id"] = json!(".m.rule.contains_user_name");
        }
        rule
    };
    let rules = json!({
        "override": rules(dice, conditional),
        "content": rules(dice, word),
        "room": rules(dice, |dice| json!({"rule_id": dice.pick(&["!R:a.example", "!other:a.example"])})),
        "sender": rules(dice, |dice| json!({"rule_id": dice.pick(&["@bob:a.example", "@eve:a.example"])})),
        "underride": rules(dice, conditional),
    });
    serde_json::from_value(rules).expect("rules")
}

fn event(dice: &mut Dice) -> Value {
    let mut content = json!({"x.y": {"z": scalar(dice)}, "back\\slash": scalar(dice), "text": dice.text(&LETTERS, 5)});
    if !dice.one_in(8) {
        content["body"] = json!(dice.text(&LETTERS, 10));
    }
    content["list"] = (0..dice.roll(3)).map(|_| scalar(dice)).collect();
    if dice.one_in(4) {
        content["m.mentions"] = if dice.one_in(2) { json!({}) } else { json!({ "room": scalar(dice) }) };
    }
    json!({
        "type": dice.pick(&["m.room.message", "a"]),
        "sender": dice.pick(&["@bob:a.example", "@Carol:a.example"]),
        "room_id": "!r:a.example",
        "content": content,
    })
}

fn context(dice: &mut Dice) -> PushConditionRoomCtx {
    let name = dice.pick(&["anna", "a", "Anna Lena", "b"]).to_owned();
    let context =
        PushConditionRoomCtx::new(owned_room_id!("!r:a.example"), uint!(3), owned_user_id!("@alice:a.example"), name);
    let levels = ruma::push::PushConditionPowerLevelsCtx::new(
        [(owned_user_id!("@bob:a.example"), int!(50))].into(),
        int!(0),
        ruma::power_levels::NotificationPowerLevels::new(),
        ruma::room_version_rules::RoomPowerLevelsRules::new(&AuthorizationRules::V11, None),
    );
    if dice.one_in(4) { context } else { context.with_power_levels(levels) }
}

fn number(actions: &[ruma::push::Action]) -> Value {
    serde_json::to_value(actions).expect("actions")
}

#[test]
fn it_answers_as_ruma_does() {
    let (mut dice, mut matched) = (Dice(0x5EED), 0);
    for round in 0..1_000 {
        let (rules, context) = (ruleset(&mut dice), context(&mut dice));
        let matcher = Matcher::new(&rules);
        for _ in 0..4 {
            let event = event(&mut dice);
            let raw = Raw::<AnySyncTimelineEvent>::from_json(serde_json::value::to_raw_value(&event).expect("JSON"));
            let expected = rules.get_match(&raw, &context).now_or_never().flatten();
            let (found, _) = matcher.first(&EventValues::of(event.clone()), &context, None);
            matched += usize::from(found.is_some());
            assert_eq!(
                found.map(|rule| number(&rule.actions)),
                expected.map(|rule| number(rule.actions())),
                "round {round}: {event}\n{}",
                serde_json::to_string(&rules).expect("rules"),
            );
        }
    }
    assert!((500..3_500).contains(&matched), "{matched} rules matched: the test compares too little");
}

fn content_rules(patterns: impl Iterator<Item = String>) -> Matcher {
    let rule = |(n, pattern)| json!({"rule_id": format!("{n}"), "pattern": pattern, "actions": [], "default": false, "enabled": true});
    let rules: Vec<Value> = patterns.enumerate().map(rule).collect();
    Matcher::new(&serde_json::from_value(json!({ "content": rules })).expect("rules"))
}

fn first<'a>(matcher: &'a Matcher, body: &str) -> (Option<&'a Rule>, u64) {
    let event = json!({"sender": "@bob:a.example", "type": "m.room.message", "content": {"body": body}});
    matcher.first(&EventValues::of(event), &context(&mut Dice(1)), None)
}

#[test]
fn no_pattern_and_no_body_make_it_slow() {
    let body = "ab1 ".repeat(15_000);
    let hostile = [
        (0..985).map(|n| format!("*a?b*c{n}*d?e*f*")).collect::<Vec<_>>(),
        vec!["*a".repeat(500); 16],
        vec!["a?".repeat(500) + "z"; 16],
        vec!["ab1 ".repeat(250) + "z"; 16],
        (0..985).map(|n| format!("*{n}?*?*?*")).collect(),
    ];
    for patterns in hostile {
        let bytes: usize = patterns.iter().map(String::len).sum();
        let matcher = content_rules(patterns.clone().into_iter());
        let (found, steps) = first(&matcher, &body);
        // Each byte of the body costs a step for each 64 bytes of patterns, and one more.
        let most = body.len() * (bytes / 64 + 2) + 4 * patterns.len();
        assert!(steps <= most as u64, "{steps} steps for {}, expected at most {most}", patterns[0]);
        assert!(steps <= matcher.steps(body.len()), "the estimate is an upper bound");
        let _ = found;
    }
}

#[test]
fn the_largest_rules_allowed_cost_what_is_documented() {
    let matcher = content_rules((0..16).map(|_| "x".repeat(limits::PUSH_PATTERN_BYTES_MAX)));
    let (found, steps) = first(&matcher, &"x ".repeat(32_000));
    assert!(found.is_none());
    assert!(steps < 17_000_000, "{steps}");
    let (found, _) = first(&matcher, &("y ".repeat(30_000) + &"x".repeat(limits::PUSH_PATTERN_BYTES_MAX)));
    assert!(found.is_some(), "a word at the end of a long message is found");
}

#[test]
fn two_wildcards_are_as_good_as_one() {
    for (pattern, body, expected) in [("a**b", "a-b", true), ("a*?b", "ab", false), ("a?*?b", "a--b", true)] {
        let matcher = content_rules(std::iter::once(pattern.to_owned()));
        assert_eq!(first(&matcher, body).0.is_some(), expected, "{pattern} in {body}");
    }
}

#[test]
fn a_body_of_many_near_matches_does_not_exhaust_the_stack() {
    let matcher = content_rules(std::iter::once("a".to_owned()));
    assert!(first(&matcher, &"ab ".repeat(20_000)).0.is_none());
    assert!(first(&matcher, &("ab ".repeat(20_000) + "a")).0.is_some());
}

#[test]
fn threads_notify_by_subscription_unless_an_earlier_rule_decides() {
    let me = owned_user_id!("@me:a.example");
    let rules = rules::parse(None, &me, false);
    let matcher = Matcher::new(&rules);
    assert!(matcher.reads_subscriptions());
    let message = |mentions: Value| {
        let content = json!({"body": "hi", "msgtype": "m.text", "m.mentions": mentions});
        EventValues::of(json!({"sender": "@bob:a.example", "type": "m.room.message", "content": content}))
    };
    let context = PushConditionRoomCtx::new(owned_room_id!("!r:a.example"), uint!(3), me, String::new());
    let notifies = |mentions: Value, subscribed| {
        matcher.first(&message(mentions), &context, subscribed).0.is_some_and(|rule| rule.outcome.notify)
    };
    assert!(notifies(json!({}), None), "as the room does");
    assert!(notifies(json!({}), Some(true)));
    assert!(!notifies(json!({}), Some(false)));
    assert!(notifies(json!({"user_ids": ["@me:a.example"]}), Some(false)), "mentions come first");
    let mut off = rules;
    for rule in [".io.element.msc4306.rule.unsubscribed_thread", ".io.element.msc4306.rule.subscribed_thread"] {
        off.set_enabled(RuleKind::PostContent, rule, false).expect("a rule");
    }
    assert!(!Matcher::new(&off).reads_subscriptions(), "then nothing is looked up");
}
