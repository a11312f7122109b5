//! Snapshots of every screen: complete at 80x24, the essentials at 60x20, a message below 40x10.

use crossterm::event::KeyCode;

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::tui::message::{Load, Message};
use crate::tui::state::{Screen, State};
use crate::tui::update::update;

fn name(screen: Screen) -> String {
    crate::tui::strings::screen(screen).to_lowercase()
}

#[test]
fn each_screen_at_80x24() {
    for screen in Screen::ALL {
        insta::assert_snapshot!(format!("{}_80x24", name(screen)), shown(&mut sample_state_at(screen), 80, 24));
    }
}

#[test]
fn each_screen_at_60x20() {
    for screen in Screen::ALL {
        insta::assert_snapshot!(format!("{}_60x20", name(screen)), shown(&mut sample_state_at(screen), 60, 20));
    }
}

#[test]
fn each_screen_shows_a_message_at_30x8() {
    for screen in Screen::ALL {
        let text = shown(&mut sample_state_at(screen), 30, 8);
        insta::allow_duplicates!(insta::assert_snapshot!("any_30x8", text));
    }
}

#[test]
fn each_screen_in_ascii() {
    for screen in Screen::ALL {
        let mut state = sample_state_at(screen);
        state.settings.ascii = true;
        let text = shown(&mut state, 80, 24);
        assert!(text.is_ascii(), "{text}");
        insta::assert_snapshot!(format!("{}_ascii", name(screen)), text);
    }
}

#[test]
fn each_screen_before_the_first_response() {
    for screen in Screen::ALL {
        let mut state = State::new(SETTINGS, (80, 24));
        state.screen = screen;
        let text = shown(&mut state, 80, 24);
        assert!(text.contains("Connecting to the server...") || text.contains("Loading..."), "{text}");
    }
}

#[test]
fn details_of_a_user_and_a_room() {
    let mut state = sample_state_at(Screen::Users);
    let effects = press(&mut state, KeyCode::Enter);
    serve(&mut state, effects);
    insta::assert_snapshot!("user_profile", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Tab);
    insta::assert_snapshot!("user_devices", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Tab);
    insta::assert_snapshot!("user_rooms_60x20", shown(&mut state, 60, 20));

    let mut state = sample_state_at(Screen::Rooms);
    let effects = press(&mut state, KeyCode::Enter);
    serve(&mut state, effects);
    insta::assert_snapshot!("room_facts", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Right);
    insta::assert_snapshot!("room_members", shown(&mut state, 80, 24));
}

#[test]
fn menu_confirmations_and_forms() {
    let mut state = sample_state_at(Screen::Users);
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
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "/bo");
    insta::assert_snapshot!("filter", shown(&mut state, 80, 24));
    press(&mut state, KeyCode::Esc);
    type_keys(&mut state, ":ro");
    insta::assert_snapshot!("command", shown(&mut state, 80, 24));
}

#[test]
fn the_server_becomes_unreachable() {
    let mut state = sample_state_at(Screen::Rooms);
    let error = ClientError {
        kind: ErrorKind::NotRunning,
        what: "Is the server running? There is no socket at /run/hearth/admin.sock.".into(),
        remedy: "Start it with `systemctl start hearth`, or name the right socket with --socket.".into(),
    };
    update(&mut state, Message::LoadFailed(Load::Status, error));
    insta::assert_snapshot!("away_80x24", shown(&mut state, 80, 24));
    insta::assert_snapshot!("away_60x20", shown(&mut state, 60, 20));
}
