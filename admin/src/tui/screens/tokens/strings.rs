//! Strings of the tokens screen. Callers pass safe text or figures.

use crate::tui::strings::phrase::plural;

pub(super) const NEW_TOKEN: &str = "New registration token";
pub(super) const FIELD_USES: &str = "Uses (empty: no limit)";
pub(super) const FIELD_DAYS: &str = "Days (empty: no expiry)";
pub(super) const FIELD_TOKEN: &str = "Token (empty: random)";
pub(super) const ERROR_NUMBER: &str = "Uses and days must be whole numbers above 0.";
pub(super) const ERROR_CLOCK: &str = "Wait for the server's first response, it has the clock.";
pub(super) const TOKEN_MADE: &str = "This token allows registration:";
pub(super) const VERB_REVOKE: &str = "Revoke";

pub(super) fn revoke_title(token: &str) -> String {
    format!("Revoke the token {token}?")
}

pub(super) fn revoke_lines(pending: u64, completed: u64) -> Vec<String> {
    vec![
        format!("{} in progress will fail.", plural(pending, "registration", "registrations")),
        format!("{} created with it stay.", plural(completed, "account", "accounts")),
    ]
}

pub(super) fn revoked(token: &str) -> String {
    format!("The token {token} is revoked.")
}
