//! Snapshots of every screen: complete at 80x24, the essentials at 60x20, a message below 40x10; and what every screen
//! must keep to.

use std::collections::HashSet;

use crossterm::event::KeyCode;

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::tui::keys;
use crate::tui::screen::Event;
use crate::tui::state::State;

/// One snapshot a screen, with all sizes.
#[test]
fn each_screen() {
    for name in names() {
        let mut state = sample_state_at(name);
        let [wide, narrow] = [(80, 24), (60, 20)].map(|(columns, rows)| shown(&mut state, columns, rows));
        state.shared.settings.ascii = true;
        let ascii = shown(&mut state, 80, 24);
        assert!(ascii.is_ascii(), "{ascii}");
        let all = format!("80x24\n{wide}60x20\n{narrow}80x24, ASCII only\n{ascii}");
        insta::assert_snapshot!(name.to_lowercase(), all);
    }
}

#[test]
fn each_screen_shows_a_message_at_30x8() {
    for name in names() {
        let text = shown(&mut sample_state_at(name), 30, 8);
        insta::allow_duplicates!(insta::assert_snapshot!("any_30x8", text));
    }
}

#[test]
fn each_screen_before_the_first_response() {
    for id in State::new(SETTINGS, (80, 24)).ids() {
        let mut state = State::new(SETTINGS, (80, 24));
        state.shown = id;
        let text = shown(&mut state, 80, 24);
        assert!(text.contains("Connecting to the server...") || text.contains("Loading..."), "{text}");
    }
}

#[test]
fn the_keys_of_each_screen_have_one_meaning() {
    for name in names() {
        let state = sample_state_at(name);
        let screen = state.screen();
        let mut labels = HashSet::new();
        for (label, help) in keys::help(screen) {
            assert!(!help.is_empty(), "{name}: {label}");
            for key in label.split(' ') {
                assert!(labels.insert(key.to_owned()), "{name}: {key} twice");
            }
        }
        let items = screen.menu().map_or_else(Vec::new, |menu| menu.items);
        let letters: HashSet<_> = items.iter().map(|item| item.key).collect();
        assert_eq!(letters.len(), items.len(), "{name}: a letter twice in the menu");
        for entry in screen.bar().iter().chain(screen.detail_bar()) {
            assert!(keys::named(screen, entry).is_some(), "{name}: {entry} is in the key bar, but not bound");
        }
    }
}

#[test]
fn each_screen_asks_for_nothing_while_another_one_is_shown() {
    for name in names() {
        let mut state = sample_state();
        let effects = go(&mut state, name);
        let first = state.screens[0].name();
        let away = go(&mut state, first);
        serve(&mut state, effects);
        serve(&mut state, away);
        let polled = seconds(&mut state, 5);
        assert_eq!(sent(&polled), ["GET /api/v1/status", "GET /api/v1/jobs"], "{name}");
    }
}

#[test]
fn each_screen_keeps_its_frame_when_nothing_changes() {
    for name in names() {
        let mut state = sample_state_at(name);
        let effects = seconds(&mut state, 5);
        serve(&mut state, effects);
        state.shared.dirty = false;
        for _ in 0..3 {
            let id = state.shown;
            state.screens[id.index()].handle(Event::Live, &mut state.shared, id, true);
            let effects = seconds(&mut state, 5);
            serve(&mut state, effects);
        }
        assert!(!state.shared.dirty, "{name} draws although nothing changed");
    }
}

#[test]
fn details_of_a_user_and_a_room() {
    let mut state = sample_state_at("Users");
    let effects = press(&mut state, KeyCode::Enter);
    serve(&mut state, effects);
    insta::assert_snapshot!("user_profile", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Tab);
    insta::assert_snapshot!("user_devices", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Tab);
    insta::assert_snapshot!("user_rooms_60x20", shown(&mut state, 60, 20));

    let mut state = sample_state_at("Rooms");
    type_keys(&mut state, "G");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), ["GET /api/v1/rooms/%21abc%3Ahome.example"]);
    serve(&mut state, effects);
    insta::assert_snapshot!("room_facts", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Right);
    insta::assert_snapshot!("room_members", shown(&mut state, 80, 24));
}

#[test]
fn menu_confirmations_and_forms() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "a");
    insta::assert_snapshot!("menu", shown(&mut state, 80, 24));
    type_keys(&mut state, "d");
    insta::assert_snapshot!("deactivate", shown(&mut state, 80, 24));
    insta::assert_snapshot!("deactivate_40x10", shown(&mut state, 40, 10));
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "ap");
    insta::assert_snapshot!("reset_password", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "ae@ali");
    insta::assert_snapshot!("erase", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "nfrank");
    insta::assert_snapshot!("new_user", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, "?");
    insta::assert_snapshot!("help", shown(&mut state, 80, 24));
}

#[test]
fn input_lines() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "/bo");
    insta::assert_snapshot!("filter", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, ":ro");
    insta::assert_snapshot!("command", shown(&mut state, 80, 24));
}

#[test]
fn the_server_becomes_unreachable() {
    let mut state = sample_state_at("Rooms");
    let error = ClientError {
        kind: ErrorKind::NotRunning,
        what: "Is the server running? There is no socket at /run/hearth/admin.sock.".into(),
        remedy: "Start it with `systemctl start hearth`, or name the right socket with --socket.".into(),
    };
    let effects = type_keys(&mut state, "r");
    fail(&mut state, effects, "GET /api/v1/rooms", error);
    insta::assert_snapshot!("away_80x24", shown(&mut state, 80, 24));
    insta::assert_snapshot!("away_60x20", shown(&mut state, 60, 20));
}
