//! Sample answers for the tests.

use serde_json::{Value, json};

use crate::tui::tests::fixtures::{DAY_MS, NOW_MS};
use crate::wire::RegistrationToken;

pub(super) fn answer(request: &str) -> Option<Value> {
    (request == "GET /api/v1/registration-tokens").then(|| json!({ "items": tokens() }))
}

pub(crate) fn tokens() -> Vec<RegistrationToken> {
    let token = |token: &str, uses_allowed, completed, expires_ms| RegistrationToken {
        token: token.into(),
        uses_allowed,
        pending: 0,
        completed,
        expires_ms,
        created_ms: NOW_MS - 3 * DAY_MS,
        notice: None,
    };
    vec![
        token("grandma-and-friends", Some(3), 1, Some(NOW_MS + 7 * DAY_MS)),
        token("party", None, 8, None),
        token("used-up", Some(1), 1, None),
    ]
}
