//! The screen of the relay for calls.

use crossterm::event::KeyCode;

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::tui::message::{Change, Effect, Load, Loaded, Message, Outcome};
use crate::tui::state::{CallsPart, Link, List, Overlay, Screen, State};
use crate::tui::update::update;
use crate::wire::RelayStatus;

fn gone() -> ClientError {
    ClientError { kind: ErrorKind::NotRunning, what: "Gone.".into(), remedy: "Start it.".into() }
}

/// The screen after its second look, five seconds later.
fn looked_twice() -> State {
    let mut state = sample_state_at(Screen::Calls);
    answer(&mut state, Loaded::Relay(Box::new(relay_later())));
    state
}

fn selected(state: &State) -> &str {
    state.calls.now.selected().map_or("", |call| call.allocation.id.as_str())
}

fn seconds(state: &mut State, count: usize) -> Vec<Effect> {
    (0..count).flat_map(|_| update(state, Message::Tick)).collect()
}

#[test]
fn its_parts() {
    let mut state = looked_twice();
    insta::assert_snapshot!("calls_now", shown(&mut state, 80, 24));
    insta::assert_snapshot!("calls_now_wide", shown(&mut state, 160, 24));
    press(&mut state, KeyCode::Right);
    insta::assert_snapshot!("calls_people", shown(&mut state, 80, 24));
    insta::assert_snapshot!("calls_people_60x20", shown(&mut state, 60, 20));
    type_keys(&mut state, "l");
    insta::assert_snapshot!("calls_relay", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Right);
    assert!(shown(&mut state, 80, 24).contains("Not tested yet"));
    press(&mut state, KeyCode::Right);
    assert_eq!(state.calls.part, CallsPart::Now, "round and round");
    press(&mut state, KeyCode::Left);
    assert_eq!(state.calls.part, CallsPart::Test);
}

#[test]
fn one_relayed_address() {
    let mut state = looked_twice();
    type_keys(&mut state, "j");
    assert_eq!(selected(&state), "7001", "by name, and within a name as the server has them");
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("call_detail", shown(&mut state, 80, 24));
    assert_eq!(type_keys(&mut state, "y"), [Effect::Copy("@bob:home.example".into())]);
    press(&mut state, KeyCode::Tab);
    assert!(shown(&mut state, 80, 24).contains("2001:db8:0:1::2"));
    let mut later = relay_later();
    later.now_ms += 5_000;
    later.allocations.remove(0);
    answer(&mut state, Loaded::Relay(Box::new(later)));
    assert!(state.detail.is_none(), "it is given back");
    assert!(state.notice.is_some());
}

#[test]
fn a_test_shows_that_it_runs_and_what_came_of_it() {
    let mut state = sample_state_at(Screen::Calls);
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)]);
    seconds(&mut state, 3);
    insta::assert_snapshot!("calls_testing", shown(&mut state, 80, 24));
    assert!(type_keys(&mut state, "t").is_empty(), "one test at a time");
    answer(&mut state, Loaded::RelayTest(checks()));
    insta::assert_snapshot!("calls_tested", shown(&mut state, 80, 24));
    insta::assert_snapshot!("calls_tested_60x20", shown(&mut state, 60, 20));
    type_keys(&mut state, "h1");
    press(&mut state, KeyCode::Char('7'));
    assert!(shown(&mut state, 80, 24).contains("2 of 3 ways to it work"), "the last result stays");
}

#[test]
fn what_is_too_long_scrolls() {
    let mut state = sample_state_at(Screen::Calls);
    type_keys(&mut state, "t");
    answer(&mut state, Loaded::RelayTest(checks()));
    assert!(!shown(&mut state, 40, 10).contains("accept"), "not everything fits");
    type_keys(&mut state, "G");
    assert!(shown(&mut state, 40, 10).contains("home.example."), "the end is reached");
    type_keys(&mut state, "gk");
    assert_eq!(state.calls.scroll, 0);
    shown(&mut state, 80, 24);
    type_keys(&mut state, "jjG");
    assert_eq!(state.calls.scroll, 0, "what fits stays where it is");
}

#[test]
fn a_test_that_came_to_no_end_says_why() {
    let mut state = sample_state_at(Screen::Calls);
    type_keys(&mut state, "t");
    let error =
        ClientError { kind: ErrorKind::Refused("x".into()), what: "No relay runs here.".into(), remedy: "".into() };
    update(&mut state, Message::LoadFailed(Load::RelayTest, error));
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("FAILS No relay runs here.") && text.contains("came to no end"), "{text}");
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)], "it can be tried again");
    update(&mut state, Message::LoadFailed(Load::RelayTest, gone()));
    assert!(matches!(state.link, Link::Down(_)) && state.calls.test.since.is_none());
    assert!(type_keys(&mut state, "t").is_empty(), "the server is away");
}

#[test]
fn who_may_only_look_may_test() {
    let mut state = sample_state_at(Screen::Calls);
    state.settings.readonly = true;
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)]);
    type_keys(&mut state, "h");
    state.calls.part = CallsPart::Now;
    assert!(type_keys(&mut state, "x").is_empty() && state.overlay.is_none());
}

#[test]
fn no_relay_says_why_and_what_to_do() {
    let mut state = sample_state_at(Screen::Calls);
    let relay = RelayStatus {
        absence: Some("The configuration says so: `turn.relay = \"off\"`. Set it to \"auto\" or \"on\".".into()),
        ..RelayStatus::default()
    };
    answer(&mut state, Loaded::Relay(Box::new(relay.clone())));
    insta::assert_snapshot!("calls_no_relay", shown(&mut state, 80, 24));
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)], "there may be something else to test");
    let [_, _, tls] = &checks()[..] else { unreachable!("three ways") };
    answer(&mut state, Loaded::RelayTest(vec![tls.clone()]));
    assert!(shown(&mut state, 80, 24).contains("FAILS turns:home.example:5349"));
    type_keys(&mut state, "jx");
    assert!(state.overlay.is_none(), "nobody is there to disconnect");
    let another = RelayStatus { uris: vec!["turn:turn.example.org".into()], ..relay };
    answer(&mut state, Loaded::Relay(Box::new(another)));
    assert!(shown(&mut state, 80, 24).contains("turn:turn.example.org"));
}

#[test]
fn warnings_stand_on_top() {
    let mut state = sample_state_at(Screen::Calls);
    let mut relay = relay();
    relay.warnings = vec![
        "The relay has no public IPv4 address: this machine is 192.168.1.2, behind a router, and neither a STUN server \
         (none is configured) nor the server's name says how it is seen from outside. Configure that address, or a STUN \
         server to ask for it."
            .into(),
        "Calls cannot be relayed: there is no address at which this machine is reached from outside.".into(),
    ];
    answer(&mut state, Loaded::Relay(Box::new(relay)));
    insta::assert_snapshot!("calls_warned", shown(&mut state, 80, 24));
    insta::assert_snapshot!("calls_warned_60x20", shown(&mut state, 60, 20));
    insta::assert_snapshot!("calls_warned_40x10", shown(&mut state, 40, 10));
}

#[test]
fn disconnecting_one_or_all_of_a_user() {
    let mut state = looked_twice();
    type_keys(&mut state, "jx");
    insta::assert_snapshot!("disconnect", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Right);
    let one = Change::Disconnect { id: "7001".into(), user: "@bob:home.example".into() };
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Change(one.clone())]);
    let again = update(&mut state, Message::Changed(one, Ok(Outcome::Done)));
    assert_eq!(again, [Effect::Load(Load::Relay)], "what is left is looked at");

    type_keys(&mut state, "ao");
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("Disconnect @bob:home.example?") && text.contains("2 relayed addresses"), "{text}");
    press(&mut state, KeyCode::Right);
    let all = Change::DisconnectAll { user: "@bob:home.example".into() };
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Change(all.clone())]);
    update(&mut state, Message::Changed(all.clone(), Ok(Outcome::Disconnected { allocations: 2 })));
    assert!(shown(&mut state, 80, 24).contains("@bob:home.example: 2 relayed addresses ended."));

    press(&mut state, KeyCode::Right);
    type_keys(&mut state, "gjx");
    assert!(matches!(&state.overlay, Some(Overlay::Confirm(confirm)) if confirm.change == all), "from the people too");
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "Gx");
    assert!(state.overlay.is_none(), "eve holds nothing");
    press(&mut state, KeyCode::Right);
    type_keys(&mut state, "x");
    assert!(state.overlay.is_none(), "nothing is selected among the words");
}

#[test]
fn rates_filter_and_order() {
    let mut state = sample_state_at(Screen::Calls);
    assert!(state.calls.rate().is_none(), "the first look knows none");
    answer(&mut state, Loaded::Relay(Box::new(relay_later())));
    assert_eq!(state.calls.rate(), Some(16_500));
    type_keys(&mut state, "ssss");
    assert_eq!(state.calls.now.get(0).map(|call| call.rate), Some(Some(16_500)), "the busiest first");
    type_keys(&mut state, "/192.0");
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.calls.now.len(), selected(&state)), (1, "7003"), "by the device's address");
    press(&mut state, KeyCode::Right);
    assert_eq!(state.calls.people.len(), 3, "each list has its own filter");
    press(&mut state, KeyCode::Left);
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.calls.now.len(), 3);
    type_keys(&mut state, "lj");
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.calls.part, state.calls.now.len()), (CallsPart::Now, 2), "what bob holds");
}

#[test]
fn it_is_looked_at_while_it_shows_and_not_otherwise() {
    let mut state = sample_state_at(Screen::Calls);
    let asked = seconds(&mut state, 5);
    assert_eq!(asked, [Effect::Load(Load::Status), Effect::Load(Load::Jobs), Effect::Load(Load::Relay)]);
    assert!(!seconds(&mut state, 5).contains(&Effect::Load(Load::Relay)), "one question at a time");
    serve(&mut state, asked);
    type_keys(&mut state, "1");
    let asked = seconds(&mut state, 5);
    assert!(!asked.contains(&Effect::Load(Load::Relay)), "nobody looks: {asked:?}");
}

#[test]
fn the_same_again_is_nothing_to_draw() {
    let mut state = sample_state_at(Screen::Calls);
    let later = RelayStatus { now_ms: NOW_MS + 300, ..relay() };
    state.dirty = false;
    answer(&mut state, Loaded::Relay(Box::new(later)));
    assert!(!state.dirty);
}

#[test]
fn a_warning_on_the_first_screen_leads_here() {
    let mut state = sample_state();
    type_keys(&mut state, "jj");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!((state.screen, effects), (Screen::Calls, vec![Effect::Load(Load::Relay)]));
    type_keys(&mut state, "1k");
    press(&mut state, KeyCode::Enter);
    assert!(matches!(state.overlay, Some(Overlay::Info { .. })), "others are explained where they stand");
}
