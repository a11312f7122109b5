//! Navigation, filters, sorting and loading: the effect of keys and responses on the state.

use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};

use super::fixtures::*;
use crate::tui::state::{Link, State};
use crate::tui::update::{Message, begin, update};
use crate::wire::{Page, Status, UserSummary};

/// The rows of the users screen without `@` and server.
fn order(state: &State) -> Vec<String> {
    let name = |key: String| key.trim_start_matches('@').split(':').next().unwrap_or_default().to_owned();
    keys(state).into_iter().map(name).collect()
}

fn filter(state: &State) -> String {
    state.screen().panes().list.map_or_else(String::new, |list| list.filter().to_owned())
}

fn loaded_rows(state: &State) -> usize {
    state.screen().panes().list.map_or(0, |list| list.loaded_rows())
}

/// The sample rows of the users screen.
fn users() -> Vec<UserSummary> {
    let state = State::new(SETTINGS, (80, 24));
    let page = state.screens.iter().find_map(|screen| screen.sample("GET /api/v1/users?"));
    let page: Page<UserSummary> = serde_json::from_value(page.expect("a sample")).expect("a page");
    page.items
}

fn user(name: &str) -> UserSummary {
    UserSummary { user_id: format!("@{name}:home.example"), ..users().remove(0) }
}

fn sample_status() -> Status {
    sample_state().shared.status.expect("a status")
}

#[test]
fn esc_never_quits_and_q_does() {
    for name in names() {
        let mut state = sample_state_at(name);
        for open in ["", "?", "a", "/x", ":users", "n"] {
            type_keys(&mut state, open);
            for _ in 0..4 {
                press(&mut state, KeyCode::Esc);
            }
            assert!(!state.shared.quit, "Esc after {open:?} on {name}");
            assert!(state.shared.overlay.is_none() && state.shared.line.is_none());
            assert_eq!(state.screen().name(), name);
        }
        type_keys(&mut state, "q");
        assert!(state.shared.quit);
    }
}

#[test]
fn q_is_a_letter_where_text_is_typed() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "/q");
    assert!(!state.shared.quit);
    assert_eq!(filter(&state), "q");
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "nq");
    assert!(!state.shared.quit);
}

#[test]
fn ctrl_c_quits_but_only_closes_an_overlay() {
    let mut state = sample_state_at("Users");
    let ctrl_c = || Message::Key(KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL));
    type_keys(&mut state, "?");
    update(&mut state, ctrl_c());
    assert!(!state.shared.quit && state.shared.overlay.is_none());
    update(&mut state, ctrl_c());
    assert!(state.shared.quit);
}

#[test]
fn numbers_tab_and_commands_reach_every_screen() {
    let mut state = sample_state();
    let names = names();
    let (first, last) = (names[0], names[names.len() - 1]);
    for name in names.iter().skip(1).chain([&first]) {
        press(&mut state, KeyCode::Tab);
        assert_eq!(state.screen().name(), *name);
    }
    press(&mut state, KeyCode::BackTab);
    assert_eq!(state.screen().name(), last);
    for (place, name) in names.iter().take(9).enumerate() {
        type_keys(&mut state, &(place + 1).to_string());
        assert_eq!(state.screen().name(), *name);
    }
    type_keys(&mut state, "0");
    for name in &names {
        go(&mut state, name);
        assert_eq!(state.screen().name(), *name);
    }
    type_keys(&mut state, ":da");
    press(&mut state, KeyCode::Tab);
    press(&mut state, KeyCode::Enter);
    assert_eq!(state.screen().name(), first);
    type_keys(&mut state, ":nonsense");
    press(&mut state, KeyCode::Enter);
    assert!(state.shared.notice.as_ref().is_some_and(|notice| notice.error));
}

#[test]
fn the_cursor_stays_within_the_list() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "kk");
    assert_eq!(selected(&state), "@alice:home.example");
    type_keys(&mut state, "j");
    press(&mut state, KeyCode::Down);
    assert_eq!(selected(&state), "@carol:home.example");
    type_keys(&mut state, "Gj");
    assert_eq!(selected(&state), "@eve:home.example");
    press(&mut state, KeyCode::PageUp);
    assert_eq!(selected(&state), "@alice:home.example");
    press(&mut state, KeyCode::PageDown);
    type_keys(&mut state, "g");
    assert_eq!(selected(&state), "@alice:home.example");
}

#[test]
fn a_filter_applies_while_typing_and_esc_reverts_it() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "/AL");
    assert_eq!(order(&state), ["alice"]);
    press(&mut state, KeyCode::Backspace);
    press(&mut state, KeyCode::Backspace);
    type_keys(&mut state, "tables");
    assert_eq!(order(&state), ["bob"], "display names count too");
    press(&mut state, KeyCode::Esc);
    assert_eq!(order(&state).len(), 5);
    type_keys(&mut state, "/!o");
    press(&mut state, KeyCode::Enter);
    assert_eq!(order(&state), Vec::<String>::new(), "every id has home in it");
    press(&mut state, KeyCode::Esc);
    assert_eq!(order(&state).len(), 5);
    assert_eq!(filter(&state), "");
}

#[test]
fn the_server_searches_when_not_all_rows_are_loaded() {
    let mut state = sample_state();
    let effects = go(&mut state, "Users");
    assert_eq!(sent(&effects), ["GET /api/v1/users?limit=200"]);
    let page = Page { items: users(), next: Some("t1".into()), total: Some(900) };
    answer(&mut state, effects, "GET", page);

    let more = press(&mut state, KeyCode::Char('G'));
    assert_eq!(sent(&more), ["GET /api/v1/users?from=t1&limit=200"]);
    assert!(press(&mut state, KeyCode::Char('G')).is_empty(), "at most one request is pending");

    type_keys(&mut state, "/zoe");
    let search = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&search), ["GET /api/v1/users?limit=200&search=zoe"]);

    answer(&mut state, more, "GET", Page { items: users(), next: None, total: None });
    assert_eq!(loaded_rows(&state), 5, "the late page is dropped");
    answer(&mut state, search, "GET", Page { items: vec![user("zoe")], next: None, total: Some(1) });
    assert_eq!(order(&state), ["zoe"]);

    let all = press(&mut state, KeyCode::Esc);
    assert_eq!(sent(&all), ["GET /api/v1/users?limit=200"]);
}

#[test]
fn sorting_keeps_the_selected_row() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "j");
    assert_eq!(selected(&state), "@bob:home.example");
    type_keys(&mut state, "s");
    assert_eq!(order(&state), ["alice", "bob", "carol", "dave", "eve"], "seen last first, never last");
    type_keys(&mut state, "s");
    assert_eq!(order(&state), ["carol", "alice", "bob", "dave", "eve"], "by devices");
    assert_eq!(selected(&state), "@bob:home.example");
    type_keys(&mut state, "S");
    assert_eq!(order(&state), ["dave", "eve", "bob", "alice", "carol"]);
    type_keys(&mut state, ":sort 1");
    press(&mut state, KeyCode::Enter);
    assert_eq!(order(&state), ["eve", "dave", "carol", "bob", "alice"]);
    assert_eq!(selected(&state), "@bob:home.example");
}

#[test]
fn a_reload_keeps_the_selected_row() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "jj");
    let mut items = users();
    items.insert(0, user("aaron"));
    reload(&mut state, "GET /api/v1/users", Page { items, ..Page::default() });
    assert_eq!(order(&state).len(), 6);
    assert_eq!(selected(&state), "@carol:home.example");
}

#[test]
fn a_server_that_returns_after_an_outage() {
    let mut state = sample_state_at("Users");
    let effects = begin(&mut state);
    fail(&mut state, effects, "GET /api/v1/status", down());
    assert!(matches!(state.shared.link, Link::Down(_)));
    let asked = seconds(&mut state, 4);
    assert_eq!(sent(&asked), ["GET /api/v1/status"], "one request, for the status only");
    assert_eq!(order(&state).len(), 5, "loaded rows stay visible");
    let back = answer(&mut state, asked, "GET", sample_status());
    assert_eq!(state.shared.link, Link::Up);
    assert_eq!(sent(&back), ["GET /api/v1/users?limit=200"], "the screen reloads");
}

#[test]
fn an_unchanged_state_needs_no_redraw() {
    let mut state = sample_state();
    let status = sample_status();
    state.shared.dirty = false;
    update(&mut state, Message::Tick);
    report(&mut state, &status);
    assert!(!state.shared.dirty);
    report(&mut state, &Status { events: status.events + 1, ..status });
    assert!(state.shared.dirty);
}

#[test]
fn a_server_that_hangs_is_no_healthy_one() {
    let mut state = sample_state();
    // It accepts requests, and the reports are late.
    let asked = seconds(&mut state, 11);
    assert!(!shown(&mut state, 80, 24).contains("silent"));
    state.shared.dirty = false;
    seconds(&mut state, 1);
    assert!(state.shared.dirty, "drawn without a key");
    let screen = shown(&mut state, 80, 24);
    assert!(screen.contains("silent") && screen.contains("The server does not answer."), "{screen}");
    answer(&mut state, asked, "GET /api/v1/status", sample_status());
    assert!(!shown(&mut state, 80, 24).contains("silent"));
}

#[test]
fn the_first_request_is_the_status() {
    let mut state = State::new(SETTINGS, (80, 24));
    assert_eq!(sent(&begin(&mut state)), ["GET /api/v1/status"]);
    assert!(begin(&mut state).is_empty());
}

#[test]
fn an_unknown_item_is_not_opened() {
    for command in ["user @zoe:home.example", "room !none:home.example", "server nobody.example"] {
        let mut state = sample_state();
        let mut effects = run(&mut state, command);
        let open = effects.split_off(effects.len() - 1);
        serve(&mut state, effects);
        assert!(state.screen().panes().opened().is_some(), "{command}");
        fail(&mut state, open, "GET", refusal("Unknown.", ""));
        assert!(state.screen().panes().opened().is_none(), "{command}");
        assert!(shown(&mut state, 80, 24).contains("Unknown."));
    }
}

#[test]
fn copying_takes_the_whole_id() {
    let mut state = sample_state_at("Rooms");
    assert_eq!(copied(&type_keys(&mut state, "y")), ["!ghi:hostile.example"]);
    let mut state = State::new(SETTINGS, (80, 24));
    assert!(type_keys(&mut state, "y").is_empty());
}
