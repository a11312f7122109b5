//! Confirmations: destructive actions ask first, with No selected.

use crossterm::event::KeyCode;

use super::fixtures::*;
use crate::client::{ClientError, ErrorKind};
use crate::tui::message::{Change, Effect, Message, Outcome};
use crate::tui::state::{Link, Overlay, Screen, State};
use crate::tui::update::update;

fn changes(effects: &[Effect]) -> Vec<&Change> {
    fn change(effect: &Effect) -> Option<&Change> {
        if let Effect::Change(change) = effect { Some(change) } else { None }
    }
    effects.iter().filter_map(change).collect()
}

fn alice() -> String {
    "@alice:home.example".into()
}

fn locked(state: &mut State, lock: bool) {
    let change = Change::SetLocked { user: alice(), locked: lock };
    let effects = update(state, Message::Changed(change, Ok(Outcome::Done)));
    serve(state, effects);
}

#[test]
fn every_confirmation_starts_at_no() {
    for (screen, keys) in [
        (Screen::Users, "ap"),
        (Screen::Users, "am"),
        (Screen::Users, "ao"),
        (Screen::Users, "ad"),
        (Screen::Tokens, "x"),
        (Screen::Tokens, "ax"),
    ] {
        let mut state = sample_state_at(screen);
        assert!(type_keys(&mut state, keys).is_empty(), "{keys} changes nothing yet");
        assert!(matches!(&state.overlay, Some(Overlay::Confirm(confirm)) if !confirm.yes), "{keys}");
        assert!(press(&mut state, KeyCode::Enter).is_empty(), "Enter alone is no");
        assert!(state.overlay.is_none());

        type_keys(&mut state, keys);
        assert!(type_keys(&mut state, "yYdx").is_empty(), "letters do not say yes");
        assert!(matches!(&state.overlay, Some(Overlay::Confirm(confirm)) if !confirm.yes), "{keys}");
        press(&mut state, KeyCode::Right);
        assert_eq!(changes(&press(&mut state, KeyCode::Enter)).len(), 1, "{keys}");
    }
}

#[test]
fn deactivating_lists_the_consequences() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "ad");
    let text = shown(&mut state, 80, 24);
    for word in ["DELETE", "3 devices", "12 rooms", "1.2 GB", "[ No ]"] {
        assert!(text.contains(word), "{word} in {text}");
    }
    press(&mut state, KeyCode::Tab);
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(changes(&effects), [&Change::Deactivate { user: alice(), erase: false }]);
}

#[test]
fn erasing_requires_the_name() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "ae");
    assert!(press(&mut state, KeyCode::Enter).is_empty());
    assert!(state.overlay.is_none(), "a wrong name ends it");
    type_keys(&mut state, "ae@Alice:home.example");
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "letter case counts");
    type_keys(&mut state, "ae@alice:home.example");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(changes(&effects), [&Change::Deactivate { user: alice(), erase: true }]);
}

#[test]
fn a_password_is_shown_once() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "ap l");
    let effects = press(&mut state, KeyCode::Enter);
    let change = Change::ResetPassword { user: alice(), logout_devices: true };
    assert_eq!(changes(&effects), [&change], "the space ticked the box");

    let outcome = Outcome::Password { user: alice(), password: Some("correct-horse".into()) };
    assert!(!format!("{outcome:?}").contains("horse"));
    update(&mut state, Message::Changed(change, Ok(outcome)));
    assert!(shown(&mut state, 80, 24).contains("correct-horse"));
    assert!(press(&mut state, KeyCode::Enter).is_empty());
    assert!(shown(&mut state, 80, 24).contains("correct-horse"), "Enter does not close it");
    assert_eq!(type_keys(&mut state, "y"), [Effect::Copy("correct-horse".into())]);
    press(&mut state, KeyCode::Esc);
    assert!(!shown(&mut state, 80, 24).contains("correct-horse"));
}

#[test]
fn locking_is_immediate_and_can_be_undone_for_ten_seconds() {
    let mut state = sample_state_at(Screen::Users);
    let effects = type_keys(&mut state, "al");
    assert_eq!(changes(&effects), [&Change::SetLocked { user: alice(), locked: true }]);
    locked(&mut state, true);
    let effects = type_keys(&mut state, "u");
    assert_eq!(changes(&effects), [&Change::SetLocked { user: alice(), locked: false }]);
    assert!(type_keys(&mut state, "u").is_empty(), "only once");

    locked(&mut state, true);
    for _ in 0..10 {
        update(&mut state, Message::Tick);
    }
    assert!(type_keys(&mut state, "u").is_empty(), "too late");
}

#[test]
fn read_only_and_unreachable_prevent_changes() {
    let mut readonly = sample_state_at(Screen::Users);
    readonly.settings.readonly = true;
    let mut away = sample_state_at(Screen::Users);
    away.link = Link::Down(ClientError { kind: ErrorKind::NotRunning, what: String::new(), remedy: String::new() });
    for mut state in [readonly, away] {
        for keys in ["n", "al", "ad", "ae", "ap"] {
            assert!(type_keys(&mut state, keys).is_empty(), "{keys}");
            assert!(state.overlay.is_none(), "{keys}");
            assert!(state.notice.take().is_some_and(|notice| notice.error), "{keys} shows the reason");
        }
    }
}

#[test]
fn a_new_user_and_a_new_token() {
    let mut state = sample_state_at(Screen::Users);
    type_keys(&mut state, "n");
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "a name is needed");
    type_keys(&mut state, "@frank");
    press(&mut state, KeyCode::Tab);
    press(&mut state, KeyCode::Tab);
    type_keys(&mut state, " ");
    let effects = press(&mut state, KeyCode::Enter);
    let [Change::CreateUser(user)] = changes(&effects)[..] else { panic!("an account, not {effects:?}") };
    assert_eq!((user.username.as_str(), user.admin, user.display_name.as_deref()), ("frank", true, None));

    let mut state = sample_state_at(Screen::Tokens);
    type_keys(&mut state, "n0");
    assert!(press(&mut state, KeyCode::Enter).is_empty(), "0 uses make no sense");
    press(&mut state, KeyCode::Backspace);
    type_keys(&mut state, "3");
    press(&mut state, KeyCode::Tab);
    type_keys(&mut state, "7");
    let effects = press(&mut state, KeyCode::Enter);
    let [Change::CreateToken(token)] = changes(&effects)[..] else { panic!("a token, not {effects:?}") };
    assert_eq!(token.uses_allowed, Some(3));
    assert_eq!(token.expires_ms, Some(NOW_MS + 7 * 86_400_000));
}

#[test]
fn pasted_text_is_not_interpreted_as_keys() {
    let mut state = sample_state_at(Screen::Users);
    update(&mut state, Message::Paste("ad\r\n".into()));
    assert!(state.overlay.is_none(), "not keys");
    type_keys(&mut state, "ae");
    update(&mut state, Message::Paste("@alice:home.example\n".into()));
    assert!(matches!(&state.overlay, Some(Overlay::TypedConfirm(_))), "its line end is not Enter");
    assert_eq!(changes(&press(&mut state, KeyCode::Enter)).len(), 1);
}

#[test]
fn an_error_shows_the_servers_message() {
    let mut state = sample_state_at(Screen::Tokens);
    let error =
        ClientError { kind: ErrorKind::Refused("x".into()), what: "No such token.".into(), remedy: "Reload.".into() };
    let effects = update(&mut state, Message::Changed(Change::RevokeToken("party".into()), Err(error)));
    assert!(effects.is_empty());
    assert!(shown(&mut state, 80, 24).contains("No such token. Reload."));
    assert!(state.is_up(), "an error does not mean that the server is unreachable");
}
