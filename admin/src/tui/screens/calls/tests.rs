//! The calls screen.

use crossterm::event::KeyCode;

use crate::tui::parts::{List, Overlay};
use crate::tui::state::{Effect, Link, State};
use crate::tui::tests::fixtures::*;
use crate::wire::{Done, RelayCheckList, RelayEnded, RelayStatus};

use super::samples::{checks, relay, relay_later};
use super::{Calls, CallsPart};

const RELAY: &str = "GET /api/v1/relay";
const TEST: &str = "POST /api/v1/relay/test";

fn calls(state: &State) -> &Calls {
    screen::<Calls>(state)
}

/// A response with the relay's status arrives.
fn arrive(state: &mut State, relay: &RelayStatus) {
    let effects = type_keys(state, "r");
    answer(state, effects, RELAY, relay);
}

/// The test of the relay ends.
fn tested(state: &mut State, effects: Vec<Effect>) {
    answer(state, effects, TEST, RelayCheckList { items: checks() });
}

/// The screen after two responses, five seconds apart.
fn after_two_responses() -> State {
    let mut state = sample_state_at("Calls");
    arrive(&mut state, &relay_later());
    state
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
    assert_eq!(calls(&state).part, CallsPart::Now, "wraps around");
    press(&mut state, KeyCode::Left);
    assert_eq!(calls(&state).part, CallsPart::Test);
}

#[test]
fn detail_of_a_relayed_address() {
    let mut state = after_two_responses();
    type_keys(&mut state, "j");
    assert_eq!(selected(&state), "7001", "by name, then in the server's order");
    press(&mut state, KeyCode::Enter);
    insta::assert_snapshot!("call_detail", shown(&mut state, 80, 24));
    assert_eq!(copied(&type_keys(&mut state, "y")), ["@bob:home.example"]);
    press(&mut state, KeyCode::Tab);
    assert!(shown(&mut state, 80, 24).contains("2001:db8:0:1::2"));
    let mut later = relay_later();
    later.now_ms += 5_000;
    later.allocations.remove(0);
    arrive(&mut state, &later);
    assert!(state.screen().panes().opened().is_none(), "the allocation has ended");
    assert!(state.shared.notice.is_some());
}

#[test]
fn a_test_shows_progress_and_result() {
    let mut state = sample_state_at("Calls");
    let effects = type_keys(&mut state, "t");
    assert_eq!(sent(&effects), [TEST]);
    seconds(&mut state, 3);
    insta::assert_snapshot!("calls_testing", shown(&mut state, 80, 24));
    assert!(type_keys(&mut state, "t").is_empty(), "at most one test runs");
    tested(&mut state, effects);
    insta::assert_snapshot!("calls_tested", shown(&mut state, 80, 24));
    insta::assert_snapshot!("calls_tested_60x20", shown(&mut state, 60, 20));
    type_keys(&mut state, "h1");
    press(&mut state, KeyCode::Char('7'));
    assert!(shown(&mut state, 80, 24).contains("2 of 3 URIs work"), "the last result stays");
}

#[test]
fn long_text_scrolls() {
    let mut state = sample_state_at("Calls");
    let effects = type_keys(&mut state, "t");
    tested(&mut state, effects);
    assert!(!shown(&mut state, 40, 10).contains("accept"), "not everything fits");
    type_keys(&mut state, "G");
    assert!(shown(&mut state, 40, 10).contains("home.example."), "the end is reached");
    type_keys(&mut state, "gk");
    assert_eq!(calls(&state).scroll, 0);
    shown(&mut state, 80, 24);
    type_keys(&mut state, "jjG");
    assert_eq!(calls(&state).scroll, 0, "what fits stays where it is");
}

#[test]
fn a_failed_test_shows_the_reason() {
    let mut state = sample_state_at("Calls");
    let effects = type_keys(&mut state, "t");
    fail(&mut state, effects, TEST, refusal("No relay runs here.", ""));
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("FAILS No relay runs here.") && text.contains("the test failed"), "{text}");
    let effects = type_keys(&mut state, "t");
    assert_eq!(sent(&effects), [TEST], "it can be repeated");
    fail(&mut state, effects, TEST, down());
    assert!(matches!(state.shared.link, Link::Down(_)) && calls(&state).test.since.is_none());
    assert!(type_keys(&mut state, "t").is_empty(), "the server is unreachable");
}

#[test]
fn read_only_mode_allows_tests() {
    let mut state = sample_state_at("Calls");
    state.shared.settings.readonly = true;
    assert_eq!(sent(&type_keys(&mut state, "t")), [TEST]);
    type_keys(&mut state, "l");
    assert_eq!(calls(&state).part, CallsPart::Now);
    assert!(type_keys(&mut state, "x").is_empty() && state.shared.overlay.is_none());
}

#[test]
fn without_a_relay_the_reason_is_shown() {
    let mut state = sample_state_at("Calls");
    let relay = RelayStatus {
        absence: Some("The configuration says so: `turn.relay = \"off\"`. Set it to \"auto\" or \"on\".".into()),
        ..RelayStatus::default()
    };
    arrive(&mut state, &relay);
    insta::assert_snapshot!("calls_no_relay", shown(&mut state, 80, 24));
    let effects = type_keys(&mut state, "t");
    assert_eq!(sent(&effects), [TEST], "other relays can be tested");
    answer(&mut state, effects, TEST, RelayCheckList { items: checks().split_off(2) });
    assert!(shown(&mut state, 80, 24).contains("FAILS turns:home.example:5349"));
    type_keys(&mut state, "jx");
    assert!(state.shared.overlay.is_none(), "there is no allocation to disconnect");
    let another = RelayStatus { uris: vec!["turn:turn.example.org".into()], ..relay };
    arrive(&mut state, &another);
    assert!(shown(&mut state, 80, 24).contains("turn:turn.example.org"));
}

#[test]
fn warnings_are_on_top() {
    let mut state = sample_state_at("Calls");
    let mut relay = relay();
    relay.warnings = vec![
        "The relay has no public IPv4 address: this machine is 192.168.1.2, behind a router, and neither a STUN server \
         (none is configured) nor the server's name gives its public address. Configure the public address, or a STUN \
         server to ask for it."
            .into(),
        "Calls cannot be relayed: this machine has no address that is reachable from outside.".into(),
    ];
    arrive(&mut state, &relay);
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
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), ["DELETE /api/v1/relay/allocations/7001"]);
    let again = answer(&mut state, effects, "DELETE", Done {});
    assert_eq!(sent(&again), [RELAY], "the list reloads");

    type_keys(&mut state, "ao");
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("Disconnect @bob:home.example?") && text.contains("2 relayed addresses"), "{text}");
    press(&mut state, KeyCode::Right);
    let effects = press(&mut state, KeyCode::Enter);
    let all = "DELETE /api/v1/relay/users/%40bob%3Ahome.example";
    assert_eq!(sent(&effects), [all]);
    answer(&mut state, effects, "DELETE", RelayEnded { allocations: 2 });
    assert!(shown(&mut state, 80, 24).contains("@bob:home.example: 2 relayed addresses ended."));

    press(&mut state, KeyCode::Right);
    type_keys(&mut state, "gjx");
    press(&mut state, KeyCode::Right);
    assert_eq!(sent(&press(&mut state, KeyCode::Enter)), [all], "also in the list of users");
    type_keys(&mut state, "Gx");
    assert!(state.shared.overlay.is_none(), "eve has no allocation");
    press(&mut state, KeyCode::Right);
    type_keys(&mut state, "x");
    assert!(state.shared.overlay.is_none(), "a text part has no selection");
}

#[test]
fn rates_filter_and_order() {
    let mut state = sample_state_at("Calls");
    assert!(calls(&state).rate().is_none(), "the first response gives no rate");
    arrive(&mut state, &relay_later());
    assert_eq!(calls(&state).rate(), Some(16_500));
    type_keys(&mut state, "ssss");
    assert_eq!(calls(&state).now.get(0).map(|call| call.rate), Some(Some(16_500)), "the busiest first");
    type_keys(&mut state, "/192.0");
    press(&mut state, KeyCode::Enter);
    assert_eq!((calls(&state).now.len(), selected(&state)), (1, "7003".to_owned()), "by client address");
    press(&mut state, KeyCode::Right);
    assert_eq!(calls(&state).users.len(), 3, "each list has its own filter");
    press(&mut state, KeyCode::Left);
    press(&mut state, KeyCode::Esc);
    assert_eq!(calls(&state).now.len(), 3);
    type_keys(&mut state, "lj");
    press(&mut state, KeyCode::Enter);
    assert_eq!((calls(&state).part, calls(&state).now.len()), (CallsPart::Now, 2), "bob's allocations");
}

#[test]
fn the_relay_is_polled_only_while_the_screen_is_open() {
    let mut state = sample_state_at("Calls");
    let asked = seconds(&mut state, 5);
    assert_eq!(sent(&asked), ["GET /api/v1/status", "GET /api/v1/jobs", RELAY]);
    assert!(!sent(&seconds(&mut state, 5)).contains(&RELAY.to_owned()), "at most one request is pending");
    serve(&mut state, asked);
    type_keys(&mut state, "1");
    let asked = sent(&seconds(&mut state, 5));
    assert!(!asked.contains(&RELAY.to_owned()), "the screen is closed: {asked:?}");
}

#[test]
fn an_unchanged_response_needs_no_redraw() {
    let mut state = sample_state_at("Calls");
    let later = RelayStatus { now_ms: NOW_MS + 300, ..relay() };
    let effects = type_keys(&mut state, "r");
    state.shared.dirty = false;
    answer(&mut state, effects, RELAY, later);
    assert!(!state.shared.dirty);
}

#[test]
fn a_relay_problem_on_the_dashboard_opens_this_screen() {
    let mut state = sample_state();
    type_keys(&mut state, "jj");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!((state.screen().name(), sent(&effects)), ("Calls", vec![RELAY.to_owned()]));
    type_keys(&mut state, "1k");
    press(&mut state, KeyCode::Enter);
    assert!(matches!(state.shared.overlay, Some(Overlay::Info { .. })), "others open an explanation");
}
