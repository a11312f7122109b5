//! Confirmations: destructive actions ask first, with No selected.

use crossterm::event::KeyCode;
use serde_json::json;

use super::fixtures::*;
use crate::tui::parts::Overlay;
use crate::tui::state::{Effect, Link, State};
use crate::tui::update::{Message, update};
use crate::wire::{Done, PasswordSet};

const LOCK: &str = r#"PUT /api/v1/users/%40alice%3Ahome.example/locked {"locked":true}"#;
const UNLOCK: &str = r#"PUT /api/v1/users/%40alice%3Ahome.example/locked {"locked":false}"#;
const DEACTIVATE: &str = r#"POST /api/v1/users/%40alice%3Ahome.example/deactivate {"erase":false}"#;
const ERASE: &str = r#"POST /api/v1/users/%40alice%3Ahome.example/deactivate {"erase":true}"#;

fn is_at_no(state: &State) -> bool {
    matches!(&state.shared.overlay, Some(Overlay::Confirm(confirm)) if !confirm.yes)
}

/// The server confirms a lock or unlock; the screen reloads.
fn done(state: &mut State, effects: Vec<Effect>) {
    let reload = answer(state, effects, "PUT", Done {});
    serve(state, reload);
}

#[test]
fn every_confirmation_starts_at_no() {
    for (screen, keys) in
        [("Users", "ap"), ("Users", "am"), ("Users", "ao"), ("Users", "ad"), ("Tokens", "x"), ("Tokens", "ax")]
    {
        let mut state = sample_state_at(screen);
        assert!(type_keys(&mut state, keys).is_empty(), "{keys} changes nothing yet");
        assert!(is_at_no(&state), "{keys}");
        assert!(press(&mut state, KeyCode::Enter).is_empty(), "Enter alone is no");
        assert!(state.shared.overlay.is_none());

        type_keys(&mut state, keys);
        assert!(type_keys(&mut state, "yYdx").is_empty(), "letters do not say yes");
        assert!(is_at_no(&state), "{keys}");
        press(&mut state, KeyCode::Right);
        assert_eq!(sent(&press(&mut state, KeyCode::Enter)).len(), 1, "{keys}");
    }
}

#[test]
fn deactivating_lists_the_consequences() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "ad");
    let text = shown(&mut state, 80, 24);
    for word in ["DELETE", "3 devices", "12 rooms", "1.2 GB", "[ No ]"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    press(&mut state, KeyCode::Tab);
    assert_eq!(sent(&press(&mut state, KeyCode::Enter)), [DEACTIVATE]);
}

#[test]
fn erasing_requires_the_name() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "ae");
    assert!(press(&mut state, KeyCode::Enter).is_empty());
    assert!(state.shared.overlay.is_none(), "a wrong name ends it");
    type_keys(&mut state, "ae@Alice:home.example");
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "letter case counts");
    type_keys(&mut state, "ae@alice:home.example");
    assert_eq!(sent(&press(&mut state, KeyCode::Enter)), [ERASE]);
}

#[test]
fn a_password_is_shown_once() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "ap l");
    let effects = press(&mut state, KeyCode::Enter);
    let reset = r#"POST /api/v1/users/%40alice%3Ahome.example/password {"logout_devices":true}"#;
    assert_eq!(sent(&effects), [reset], "the space ticked the box");

    answer(&mut state, effects, "POST", PasswordSet { password: Some("correct-horse".into()) });
    assert!(shown(&mut state, 80, 24).contains("correct-horse"));
    assert!(press(&mut state, KeyCode::Enter).is_empty());
    assert!(shown(&mut state, 80, 24).contains("correct-horse"), "Enter does not close it");
    assert_eq!(copied(&type_keys(&mut state, "y")), ["correct-horse"]);
    press(&mut state, KeyCode::Esc);
    assert!(!shown(&mut state, 80, 24).contains("correct-horse"));
}

#[test]
fn locking_is_immediate_and_can_be_undone_for_ten_seconds() {
    let mut state = sample_state_at("Users");
    let effects = type_keys(&mut state, "al");
    assert_eq!(sent(&effects), [LOCK]);
    done(&mut state, effects);
    let effects = type_keys(&mut state, "u");
    assert_eq!(sent(&effects), [UNLOCK]);
    assert!(type_keys(&mut state, "u").is_empty(), "only once");
    done(&mut state, effects);
    assert_eq!(sent(&type_keys(&mut state, "u")), [LOCK], "undoing can be undone");

    let effects = type_keys(&mut state, "al");
    done(&mut state, effects);
    let effects = go(&mut state, "Rooms");
    serve(&mut state, effects);
    assert_eq!(sent(&type_keys(&mut state, "u")), [UNLOCK], "also from another screen");

    let effects = go(&mut state, "Users");
    serve(&mut state, effects);
    let effects = type_keys(&mut state, "al");
    done(&mut state, effects);
    seconds(&mut state, 10);
    assert!(type_keys(&mut state, "u").is_empty(), "too late");
}

#[test]
fn a_change_reloads_its_screen() {
    let mut state = sample_state_at("Users");
    let pending = type_keys(&mut state, "r");
    assert!(type_keys(&mut state, "r").is_empty(), "the same request is pending");
    let effects = type_keys(&mut state, "al");
    let again = answer(&mut state, effects, "PUT", Done {});
    assert_eq!(sent(&again), sent(&pending), "the pending answer may be older than the change");
}

#[test]
fn read_only_and_unreachable_prevent_changes() {
    let mut readonly = sample_state_at("Users");
    readonly.shared.settings.readonly = true;
    let mut away = sample_state_at("Users");
    away.shared.link = Link::Down(down());
    for mut state in [readonly, away] {
        for keys in ["n", "al", "ad", "ae", "ap"] {
            assert!(type_keys(&mut state, keys).is_empty(), "{keys}");
            assert!(state.shared.overlay.is_none(), "{keys}");
            assert!(state.shared.notice.take().is_some_and(|notice| notice.error), "{keys} shows the reason");
        }
        run(&mut state, "new-user");
        assert!(state.shared.overlay.is_none(), "nor does the command");
    }
}

#[test]
fn a_new_user_and_a_new_token() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "n");
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "a name is needed");
    type_keys(&mut state, "@frank");
    press(&mut state, KeyCode::Tab);
    press(&mut state, KeyCode::Tab);
    type_keys(&mut state, " ");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), [r#"POST /api/v1/users {"username":"frank","admin":true}"#]);

    let mut state = sample_state_at("Tokens");
    type_keys(&mut state, "n0");
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "0 uses make no sense");
    press(&mut state, KeyCode::Backspace);
    type_keys(&mut state, "3");
    press(&mut state, KeyCode::Tab);
    type_keys(&mut state, "7");
    let effects = press(&mut state, KeyCode::Enter);
    let body = format!(r#"{{"uses_allowed":3,"expires_ms":{}}}"#, NOW_MS + 7 * DAY_MS);
    assert_eq!(sent(&effects), [format!("POST /api/v1/registration-tokens {body}")]);
    let notice = "No account can be made with it: set `registration.mode`.";
    let token = json!({ "token": "party", "link": "https://home.example/join/party", "notice": notice });
    answer(&mut state, effects, "POST", token);
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("set `registration.mode`") && !text.contains("allows registration"), "{text}");
}

#[test]
fn pasted_text_is_not_interpreted_as_keys() {
    let mut state = sample_state_at("Users");
    update(&mut state, Message::Paste("ad\r\n".into()));
    assert!(state.shared.overlay.is_none(), "not keys");
    type_keys(&mut state, "ae");
    update(&mut state, Message::Paste("@alice:home.example\n".into()));
    assert!(matches!(&state.shared.overlay, Some(Overlay::TypedConfirm(_))), "its line end is not Enter");
    assert_eq!(sent(&press(&mut state, KeyCode::Enter)), [ERASE]);
}

#[test]
fn an_error_shows_the_servers_message() {
    let mut state = sample_state_at("Tokens");
    type_keys(&mut state, "xl");
    let effects = press(&mut state, KeyCode::Enter);
    let after = fail(&mut state, effects, "DELETE", refusal("No such token.", "Reload."));
    assert!(after.is_empty());
    assert!(shown(&mut state, 80, 24).contains("No such token. Reload."));
    assert!(state.shared.is_up(), "an error does not mean that the server is unreachable");
}

#[test]
fn a_dialog_that_is_not_drawn_takes_no_keys() {
    let mut state = sample_state_at("Users");
    type_keys(&mut state, "adl");
    assert!(shown(&mut state, 39, 10).contains("too small"));
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "the button is hidden");
    shown(&mut state, 80, 24);
    assert_eq!(sent(&press(&mut state, KeyCode::Enter)), [DEACTIVATE], "it is back");
    type_keys(&mut state, "ad");
    shown(&mut state, 30, 8);
    press(&mut state, KeyCode::Esc);
    assert!(state.shared.overlay.is_none());
}
