//! The screen of application services.

use crossterm::event::KeyCode;
use serde_json::json;

use crate::tui::state::{Effect, State};
use crate::tui::tests::fixtures::*;
use crate::tui::update::{Message, update};
use crate::wire::{Appservice, AppservicePing, Done};

use super::samples::services;

const TEST: &str = "POST /api/v1/appservices/irc/test";
const DISABLE: &str = r#"PUT /api/v1/appservices/irc/disabled {"disabled":true}"#;
const ENABLE: &str = r#"PUT /api/v1/appservices/irc/disabled {"disabled":false}"#;
const REMOVE: &str = "DELETE /api/v1/appservices/irc";
const REGISTRATION: &str = "id: new\nas_token: a\n";

fn paste(state: &mut State, text: &str) -> Vec<Effect> {
    update(state, Message::Paste(text.into()))
}

#[test]
fn details_of_a_service() {
    let mut state = sample_state_at("Appservices");
    type_keys(&mut state, "jj");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), ["GET /api/v1/appservices/signal"]);
    serve(&mut state, effects);
    insta::assert_snapshot!("appservice_away", shown(&mut state, 80, 24));
    insta::assert_snapshot!("appservice_away_60x20", shown(&mut state, 60, 20));
    press(&mut state, KeyCode::Tab);
    insta::assert_snapshot!("appservice_namespaces", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Esc);
    let effects = run(&mut state, "appservice puppets");
    serve(&mut state, effects);
    insta::assert_snapshot!("appservice_without_url", shown(&mut state, 80, 24));
}

#[test]
fn testing_one() {
    let mut state = sample_state_at("Appservices");
    let effects = type_keys(&mut state, "t");
    assert_eq!(sent(&effects), [TEST]);
    answer(&mut state, effects, "POST", AppservicePing { duration_ms: 1_234 });
    assert!(shown(&mut state, 80, 24).contains("irc answers; it took 1,234 ms."));
    let effects = type_keys(&mut state, "at");
    fail(&mut state, effects, "POST", refusal("irc does not accept the token.", "Compare hs_token."));
    assert!(shown(&mut state, 80, 24).contains("irc does not accept the token. Compare hs_token."));
    state.shared.settings.readonly = true;
    assert!(type_keys(&mut state, "t").is_empty());
}

#[test]
fn stopping_deliveries_can_be_undone() {
    let mut state = sample_state_at("Appservices");
    let effects = type_keys(&mut state, "d");
    assert_eq!(sent(&effects), [DISABLE], "nothing is lost, so it does not ask");
    let effects = answer(&mut state, effects, "PUT", Done {});
    assert_eq!(sent(&effects), ["GET /api/v1/appservices"]);
    serve(&mut state, effects);
    assert!(shown(&mut state, 80, 24).contains("Deliveries to irc stop"));
    assert_eq!(sent(&type_keys(&mut state, "u")), [ENABLE]);

    let stopped = Appservice { disabled: true, ..services().swap_remove(0) };
    reload(&mut state, "GET", json!({ "items": [stopped] }));
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("disabled"), "{text}");
    assert_eq!(sent(&type_keys(&mut state, "ad")), [ENABLE]);
}

#[test]
fn without_a_url_there_are_no_deliveries_to_stop() {
    let mut state = sample_state_at("Appservices");
    type_keys(&mut state, "j");
    assert!(type_keys(&mut state, "d").is_empty());
    assert!(shown(&mut state, 80, 24).contains("has no url"));
    type_keys(&mut state, "a");
    assert!(!shown(&mut state, 80, 24).contains("deliveries"), "not in the menu either");
}

#[test]
fn removing_asks_first_and_names_what_is_lost() {
    let mut state = sample_state_at("Appservices");
    let behind = Appservice { failures: 1, behind_events: 3, ..services().swap_remove(0) };
    reload(&mut state, "GET", json!({ "items": [behind] }));
    type_keys(&mut state, "x");
    insta::assert_snapshot!("appservice_remove", shown(&mut state, 80, 24));
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "No is selected");
    type_keys(&mut state, "xl");
    assert_eq!(sent(&press(&mut state, KeyCode::Enter)), [REMOVE]);
}

#[test]
fn a_removed_service_is_not_left_open() {
    let mut state = sample_state_at("Appservices");
    let effects = press(&mut state, KeyCode::Enter);
    serve(&mut state, effects);
    type_keys(&mut state, "xl");
    let effects = press(&mut state, KeyCode::Enter);
    let effects = answer(&mut state, effects, REMOVE, Done {});
    assert_eq!(sent(&effects), ["GET /api/v1/appservices"], "and no request for one that is gone");
    assert!(shown(&mut state, 80, 24).contains("irc is removed."));
}

#[test]
fn one_of_a_file_is_not_removed_here() {
    let mut state = sample_state_at("Appservices");
    type_keys(&mut state, "jjx");
    assert!(state.shared.overlay.is_none());
    assert!(shown(&mut state, 80, 24).contains("remove the file"));
    type_keys(&mut state, "a");
    assert!(!shown(&mut state, 80, 24).contains("Remove..."));
}

#[test]
fn adding_one_by_pasting_its_registration() {
    let mut state = sample_state_at("Appservices");
    type_keys(&mut state, "n");
    insta::assert_snapshot!("appservice_new", shown(&mut state, 80, 24));
    assert!(press(&mut state, KeyCode::Enter).is_empty());
    assert!(shown(&mut state, 80, 24).contains("Paste the text"), "nothing was pasted");
    type_keys(&mut state, "x");
    paste(&mut state, &"x".repeat(70_000));
    assert!(shown(&mut state, 80, 24).contains("too long"));
    // Terminals paste carriage returns.
    paste(&mut state, &REGISTRATION.replace('\n', "\r"));
    assert!(shown(&mut state, 80, 24).contains("2 lines"), "and never the tokens in it");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), [r#"POST /api/v1/appservices {"registration":"id: new\nas_token: a"}"#]);
    let added = Appservice { id: "new".into(), sender: "@newbot:home.example".into(), ..Appservice::default() };
    let effects = answer(&mut state, effects, "POST", added);
    assert_eq!(sent(&effects), ["GET /api/v1/appservices"]);
    assert!(shown(&mut state, 80, 24).contains("Added new, whose own user is @newbot:home.example."));
}

#[test]
fn a_wrong_paste_can_be_cleared() {
    let mut state = sample_state_at("Appservices");
    type_keys(&mut state, "n");
    paste(&mut state, "something else");
    press(&mut state, KeyCode::Backspace);
    assert!(shown(&mut state, 80, 24).contains("(paste it here)"));
}
