//! Invite links in the dashboard: the QR code fits the smallest usual terminal, and a link that does not work says so.

use crossterm::event::KeyCode;

use super::fixtures::*;
use crate::tui::strings;
use crate::wire::{Done, RegistrationToken};

#[test]
fn the_link_and_its_code_fit_80x24() {
    let mut state = sample_state_at("Tokens");
    type_keys(&mut state, "i");
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("https://home.example/join/grandma-and-friends") && !text.contains(strings::MORE_HINT));
    assert!(text.contains('█'));
    state.shared.settings.ascii = true;
    let text = shown(&mut state, 80, 24);
    assert!(text.is_ascii() && text.contains("https://home.example/join/grandma-and-friends"), "{text}");
}

#[test]
fn a_token_opens_with_who_joined_by_it() {
    let mut state = sample_state_at("Tokens");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), ["GET /api/v1/registration-tokens/grandma-and-friends"]);
    serve(&mut state, effects);
    let text = shown(&mut state, 80, 24);
    for part in ["https://home.example/join/", "2 of 3", "@alice:home.example", "!family:home.example", "birthday"] {
        assert!(text.contains(part), "{part}: {text}");
    }
    press(&mut state, KeyCode::Tab);
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("@grandma:home.example") && text.contains("@grandpa:home.example"), "{text}");
}

#[test]
fn a_link_that_does_not_work_says_so_and_the_screen_offers_to_change_it() {
    let mut state = sample_state_at("Tokens");
    type_keys(&mut state, "n");
    type_keys(&mut state, "1");
    let effects = press(&mut state, KeyCode::Enter);
    let notice = "No account can be made with this token: registration is closed. Set `registration.mode`.";
    let made: RegistrationToken = serde_json::from_value(serde_json::json!({
        "token": "abc", "uses_allowed": 1, "link": "https://home.example/join/abc", "notice": notice, "works": false,
    }))
    .expect("a token");
    let effects = answer(&mut state, effects, "POST", &made);
    let text = shown(&mut state, 80, 24);
    assert!(text.contains("closed. Set `registration.mode`") && !text.contains(strings::MORE_HINT), "{text}");
    press(&mut state, KeyCode::Esc);

    let items = serde_json::json!({ "items": [made] });
    answer(&mut state, effects, "GET /api/v1/registration-tokens", items);
    type_keys(&mut state, "ao");
    assert!(shown(&mut state, 80, 24).contains("At its next start"), "how long it lasts");
    type_keys(&mut state, "l");
    let effects = press(&mut state, KeyCode::Enter);
    assert_eq!(sent(&effects), [r#"PUT /api/v1/registration-mode {"mode":"token"}"#]);
    answer(&mut state, effects, "PUT", Done {});
}
