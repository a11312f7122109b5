//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::tui::tests::fixtures::{DAY_MS, NOW_MS};
use crate::wire::{RegistrationToken, RegistrationTokenUse};

pub(super) fn answer(request: &str) -> Option<Value> {
    if request == "GET /api/v1/registration-tokens" {
        return Some(json!({ "items": tokens() }));
    }
    let joined = |name: &str, days: u64| RegistrationTokenUse {
        user_id: format!("@{name}:home.example"),
        used_ms: NOW_MS - days * DAY_MS,
    };
    request.starts_with("GET /api/v1/registration-tokens/").then(|| {
        let token = tokens().remove(0);
        json!(RegistrationToken { joined: vec![joined("grandma", 1), joined("grandpa", 2)], ..token })
    })
}

pub(crate) fn token(token: &str) -> RegistrationToken {
    RegistrationToken {
        token: token.into(),
        uses_allowed: None,
        pending: 0,
        completed: 0,
        expires_ms: None,
        created_ms: NOW_MS - 3 * DAY_MS,
        link: format!("https://home.example/join/{token}"),
        creator: Some("uid 1000 (alice)".into()),
        contact: None,
        rooms: Vec::new(),
        note: None,
        joined: Vec::new(),
        notice: None,
        works: true,
    }
}

pub(crate) fn tokens() -> Vec<RegistrationToken> {
    vec![
        RegistrationToken {
            uses_allowed: Some(3),
            completed: 2,
            expires_ms: Some(NOW_MS + 7 * DAY_MS),
            contact: Some("@alice:home.example".into()),
            rooms: vec!["!family:home.example".into()],
            note: Some("for the birthday".into()),
            ..token("grandma-and-friends")
        },
        RegistrationToken { completed: 8, ..token("party") },
        RegistrationToken { uses_allowed: Some(1), completed: 1, ..token("used-up") },
    ]
}
