//! The federation screen.

use crossterm::event::KeyCode;

use crate::tui::parts::List;
use crate::tui::state::State;
use crate::tui::tests::fixtures::*;
use crate::wire::{Destination, Page};

use super::Federation;
use super::samples::servers;

const RETRY: &str = "POST /api/v1/federation/destinations/dead.example/retry";
const LIST: &str = "GET /api/v1/federation/destinations?limit=200";
const DEAD: &str = "GET /api/v1/federation/destinations/dead.example";

/// The first words of the names.
fn names(state: &State) -> Vec<String> {
    keys(state).iter().map(|name| name.split('.').next().unwrap_or_default().to_owned()).collect()
}

fn dead() -> Destination {
    servers().swap_remove(0)
}

/// The screen with a first page that has a second one.
fn with_more() -> State {
    let mut state = sample_state();
    let effects = go(&mut state, "Federation");
    let page = Page { items: servers(), next: Some("a".into()), total: None };
    assert!(answer(&mut state, effects, LIST, page).is_empty(), "the server's order is by name");
    state
}

#[test]
fn detail_of_a_server() {
    let mut state = sample_state_at("Federation");
    type_keys(&mut state, "G");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), ["GET /api/v1/federation/destinations/slow.a-very-long-name.example%3A8448"]);
    serve(&mut state, effects);
    insta::assert_snapshot!("server_away", shown(&mut state, 80, 24));
    insta::assert_snapshot!("server_away_60x20", shown(&mut state, 60, 20));
    press(&mut state, KeyCode::Esc);
    let effects = run(&mut state, "server quick.example");
    serve(&mut state, effects);
    insta::assert_snapshot!("server_reached", shown(&mut state, 80, 24));
}

#[test]
fn what_a_server_never_gets() {
    let mut state = sample_state_at("Federation");
    let effects = press(&mut state, KeyCode::Enter);
    let reason = Some("they waited for 30 days, and the server is still away".into());
    let server = Destination { given_up: 1_204, given_up_at_ms: Some(NOW_MS), given_up_reason: reason, ..dead() };
    answer(&mut state, effects, DEAD, server);
    let text = shown(&mut state, 120, 24);
    assert!(text.contains("Given up") && text.contains("1,204 to-device messages, the last"), "{text}");
    assert!(text.contains("they waited for 30 days"), "{text}");
}

#[test]
fn retrying_a_server() {
    let mut state = sample_state_at("Federation");
    for keys in ["t", "at"] {
        assert_eq!(sent(&type_keys(&mut state, keys)), [RETRY], "{keys}: nothing to ask first");
    }
    let effects = type_keys(&mut state, "t");
    answer(&mut state, effects, "POST", Destination { sending: true, ..dead() });
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("Retrying dead.example.") && text.contains("trying"), "{text}");

    let effects = press(&mut state, KeyCode::Enter);
    serve(&mut state, effects);
    let effects = type_keys(&mut state, "t");
    assert_eq!(sent(&effects), [RETRY], "also in the detail view");
    fail(&mut state, effects, "POST", refusal("Not allowed.", ""));
    assert!(shown(&mut state, 80, 24).contains("Not allowed."));
    state.shared.settings.readonly = true;
    assert!(type_keys(&mut state, "t").is_empty());
}

#[test]
fn sorting_by_state_puts_unreachable_servers_first() {
    let mut state = sample_state_at("Federation");
    assert_eq!(names(&state), ["dead", "matrix", "quick", "slow"]);
    type_keys(&mut state, "s");
    assert_eq!(names(&state), ["dead", "slow", "matrix", "quick"], "the longest unreachable first");
    type_keys(&mut state, "sss");
    assert_eq!(names(&state), ["slow", "dead", "matrix", "quick"], "by the next attempt");
    type_keys(&mut state, "/no answer");
    assert_eq!(names(&state), ["slow"], "reasons are searched too");
}

#[test]
fn the_list_is_polled_while_the_screen_is_open() {
    let mut state = sample_state_at("Federation");
    let asked = seconds(&mut state, 5);
    assert_eq!(sent(&asked)[2..], [LIST]);
    assert!(!sent(&seconds(&mut state, 5)).contains(&LIST.to_owned()), "at most one request is pending");
    serve(&mut state, asked);
    type_keys(&mut state, "2");
    assert!(!sent(&seconds(&mut state, 5)).contains(&LIST.to_owned()), "the screen is closed");
}

#[test]
fn of_many_servers_only_the_selected_one_is_polled() {
    let mut state = with_more();
    let asked = seconds(&mut state, 5);
    assert_eq!(sent(&asked)[2..], [DEAD]);
    answer(&mut state, asked, DEAD, Destination { reachable: true, ..dead() });
    let table = &screen::<Federation>(&state).table;
    assert!(table.get(0).is_some_and(|server| server.reachable));
    assert_eq!(table.loaded_rows(), 4);
    let more = type_keys(&mut state, "G");
    assert_eq!(sent(&more), ["GET /api/v1/federation/destinations?from=a&limit=200"]);
}

#[test]
fn other_sort_orders_load_all_pages() {
    let mut state = with_more();
    assert!(shown(&mut state, 80, 24).contains("4 rows, and more on the server"));
    let mut asked = type_keys(&mut state, "s");
    for (token, next) in [("a", Some("b")), ("b", None)] {
        assert_eq!(sent(&asked), [format!("GET /api/v1/federation/destinations?from={token}&limit=200")]);
        asked = answer(&mut state, asked, "GET", Page { items: servers(), next: next.map(Into::into), total: None });
    }
    assert!(asked.is_empty(), "no further page");
    assert_eq!(screen::<Federation>(&state).table.loaded_rows(), 12);
}

#[test]
fn a_server_without_queued_events_is_not_retried() {
    let mut state = sample_state_at("Federation");
    let effects = type_keys(&mut state, "t");
    answer(&mut state, effects, "POST", Destination { queued_events: 0, queued_edus: 0, ..dead() });
    assert!(shown(&mut state, 80, 24).contains("Nothing is queued for dead.example."));
    screen_mut::<Federation>(&mut state).table.select(0);
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), [DEAD]);
    answer(&mut state, effects, DEAD, Destination { queued_events: 0, queued_edus: 0, ..dead() });
    assert!(shown(&mut state, 80, 24).contains("when there is something to send"));
}
