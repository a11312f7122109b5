//! The calls screen.

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

/// The screen after two responses, five seconds apart.
fn after_two_responses() -> State {
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
fn parts_of_the_screen() {
    let mut state = after_two_responses();
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
    assert_eq!(state.calls.part, CallsPart::Now, "wraps around");
    press(&mut state, KeyCode::Left);
    assert_eq!(state.calls.part, CallsPart::Test);
}

#[test]
fn detail_of_a_relayed_address() {
    let mut state = after_two_responses();
    type_keys(&mut state, "j");
    assert_eq!(selected(&state), "7001", "by name, then in the server's order");
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("call_detail", shown(&mut state, 80, 24));
    assert_eq!(type_keys(&mut state, "y"), [Effect::Copy("@bob:home.example".into())]);
    press(&mut state, KeyCode::Tab);
    assert!(shown(&mut state, 80, 24).contains("2001:db8:0:1::2"));
    let mut later = relay_later();
    later.now_ms += 5_000;
    later.allocations.remove(0);
    answer(&mut state, Loaded::Relay(Box::new(later)));
    assert!(state.detail.is_none(), "the allocation has ended");
    assert!(state.notice.is_some());
}

#[test]
fn a_test_shows_progress_and_result() {
    let mut state = sample_state_at(Screen::Calls);
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)]);
    seconds(&mut state, 3);
    insta::assert_snapshot!("calls_testing", shown(&mut state, 80, 24));
    assert!(type_keys(&mut state, "t").is_empty(), "at most one test runs");
    answer(&mut state, Loaded::RelayTest(checks()));
    insta::assert_snapshot!("calls_tested", shown(&mut state, 80, 24));
    insta::assert_snapshot!("calls_tested_60x20", shown(&mut state, 60, 20));
    type_keys(&mut state, "h1");
    press(&mut state, KeyCode::Char('7'));
    assert!(shown(&mut state, 80, 24).contains("2 of 3 URIs work"), "the last result stays");
}

#[test]
fn long_text_scrolls() {
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
fn a_failed_test_shows_the_reason() {
    let mut state = sample_state_at(Screen::Calls);
    type_keys(&mut state, "t");
    let error =
        ClientError { kind: ErrorKind::Refused("x".into()), what: "No relay runs here.".into(), remedy: "".into() };
    update(&mut state, Message::LoadFailed(Load::RelayTest, error));
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("FAILS No relay runs here.") && text.contains("the test failed"), "{text}");
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)], "it can be repeated");
    update(&mut state, Message::LoadFailed(Load::RelayTest, gone()));
    assert!(matches!(state.link, Link::Down(_)) && state.calls.test.since.is_none());
    assert!(type_keys(&mut state, "t").is_empty(), "the server is unreachable");
}

#[test]
fn read_only_mode_allows_tests() {
    let mut state = sample_state_at(Screen::Calls);
    state.settings.readonly = true;
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)]);
    type_keys(&mut state, "h");
    state.calls.part = CallsPart::Now;
    assert!(type_keys(&mut state, "x").is_empty() && state.overlay.is_none());
}

#[test]
fn without_a_relay_the_reason_is_shown() {
    let mut state = sample_state_at(Screen::Calls);
    let relay = RelayStatus {
        absence: Some("The configuration says so: `turn.relay = \"off\"`. Set it to \"auto\" or \"on\".".into()),
        ..RelayStatus::default()
    };
    answer(&mut state, Loaded::Relay(Box::new(relay.clone())));
    insta::assert_snapshot!("calls_no_relay", shown(&mut state, 80, 24));
    assert_eq!(type_keys(&mut state, "t"), [Effect::Load(Load::RelayTest)], "other relays can be tested");
    let [_, _, tls] = &checks()[..] else { unreachable!("three URIs") };
    answer(&mut state, Loaded::RelayTest(vec![tls.clone()]));
    assert!(shown(&mut state, 80, 24).contains("FAILS turns:home.example:5349"));
    type_keys(&mut state, "jx");
    assert!(state.overlay.is_none(), "there is no allocation to disconnect");
    let another = RelayStatus { uris: vec!["turn:turn.example.org".into()], ..relay };
    answer(&mut state, Loaded::Relay(Box::new(another)));
    assert!(shown(&mut state, 80, 24).contains("turn:turn.example.org"));
}

#[test]
fn warnings_are_on_top() {
    let mut state = sample_state_at(Screen::Calls);
    let mut relay = relay();
    relay.warnings = vec![
        "The relay has no public IPv4 address: this machine is 192.168.1.2, behind a router, and neither a STUN server \
         (none is configured) nor the server's name gives its public address. Configure the public address, or a STUN \
         server to ask for it."
            .into(),
        "Calls cannot be relayed: this machine has no address that is reachable from outside.".into(),
    ];
    answer(&mut state, Loaded::Relay(Box::new(relay)));
    insta::assert_snapshot!("calls_warned", shown(&mut state, 80, 24));
    insta::assert_snapshot!("calls_warned_60x20", shown(&mut state, 60, 20));
    insta::assert_snapshot!("calls_warned_40x10", shown(&mut state, 40, 10));
}

#[test]
fn disconnecting_one_or_all_relayed_addresses() {
    let mut state = after_two_responses();
    type_keys(&mut state, "jx");
    insta::assert_snapshot!("disconnect", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Right);
    let one = Change::Disconnect { id: "7001".into(), user: "@bob:home.example".into() };
    assert_eq!(press(&mut state, KeyCode::Enter), [Effect::Change(one.clone())]);
    let again = update(&mut state, Message::Changed(one, Ok(Outcome::Done)));
    assert_eq!(again, [Effect::Load(Load::Relay)], "the list reloads");

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
    assert!(
        matches!(&state.overlay, Some(Overlay::Confirm(confirm)) if confirm.change == all),
        "also in the list of users"
    );
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "Gx");
    assert!(state.overlay.is_none(), "eve has no allocation");
    press(&mut state, KeyCode::Right);
    type_keys(&mut state, "x");
    assert!(state.overlay.is_none(), "a text part has no selection");
}

#[test]
fn rates_filter_and_order() {
    let mut state = sample_state_at(Screen::Calls);
    assert!(state.calls.rate().is_none(), "the first response gives no rate");
    answer(&mut state, Loaded::Relay(Box::new(relay_later())));
    assert_eq!(state.calls.rate(), Some(16_500));
    type_keys(&mut state, "ssss");
    assert_eq!(state.calls.now.get(0).map(|call| call.rate), Some(Some(16_500)), "the busiest first");
    type_keys(&mut state, "/192.0");
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.calls.now.len(), selected(&state)), (1, "7003"), "by client address");
    press(&mut state, KeyCode::Right);
    assert_eq!(state.calls.users.len(), 3, "each list has its own filter");
    press(&mut state, KeyCode::Left);
    press(&mut state, KeyCode::Esc);
    assert_eq!(state.calls.now.len(), 3);
    type_keys(&mut state, "lj");
    press(&mut state, KeyCode::Enter);
    assert_eq!((state.calls.part, state.calls.now.len()), (CallsPart::Now, 2), "bob's allocations");
}

#[test]
fn the_relay_is_polled_only_while_the_screen_is_open() {
    let mut state = sample_state_at(Screen::Calls);
    let asked = seconds(&mut state, 5);
    assert_eq!(asked, [Effect::Load(Load::Status), Effect::Load(Load::Jobs), Effect::Load(Load::Relay)]);
    assert!(!seconds(&mut state, 5).contains(&Effect::Load(Load::Relay)), "at most one request is pending");
    serve(&mut state, asked);
    type_keys(&mut state, "1");
    let asked = seconds(&mut state, 5);
    assert!(!asked.contains(&Effect::Load(Load::Relay)), "the screen is closed: {asked:?}");
}

#[test]
fn an_unchanged_response_needs_no_redraw() {
    let mut state = sample_state_at(Screen::Calls);
    let later = RelayStatus { now_ms: NOW_MS + 300, ..relay() };
    state.dirty = false;
    answer(&mut state, Loaded::Relay(Box::new(later)));
    assert!(!state.dirty);
}

#[test]
fn a_relay_problem_on_the_dashboard_opens_this_screen() {
    let mut state = sample_state();
    type_keys(&mut state, "jj");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!((state.screen, effects), (Screen::Calls, vec![Effect::Load(Load::Relay)]));
    type_keys(&mut state, "1k");
    press(&mut state, KeyCode::Enter);
    assert!(matches!(state.overlay, Some(Overlay::Info { .. })), "others open an explanation");
}
