//! Strings of the tokens screen. Callers pass safe text or figures.

use crate::tui::strings::phrase::plural;

pub(super) const NEW_TOKEN: &str = "New registration token";
pub(super) const FIELD_USES: &str = "Uses (empty: no limit)";
pub(super) const FIELD_DAYS: &str = "Days (empty: no expiry)";
pub(super) const FIELD_TOKEN: &str = "Token (empty: random)";
pub(super) const ERROR_NUMBER: &str = "Uses and days must be whole numbers above 0.";
pub(super) const ERROR_CLOCK: &str = "Wait for the server's first response, it has the clock.";
pub(super) const FIELD_CONTACT: &str = "Contact (a user here)";
pub(super) const FIELD_ROOMS: &str = "Rooms to join (#a, #b)";
pub(super) const FIELD_NOTE: &str = "Note (only for you)";
pub(super) const TOKEN_MADE: &str = "Send this link, or let a phone scan the code:";
pub(super) const TABS: [&str; 2] = ["Invite link", "Joined"];
pub(super) const ALLOW_TITLE: &str = "Let people with a token or link register?";
pub(super) const VERB_ALLOW: &str = "Allow";
pub(super) const ALLOWED: &str = "Tokens and links work until the server stops.";
pub(super) const NO_LINK: &str = "The server is too old to make links.";
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

pub(super) fn allow_lines() -> Vec<String> {
    vec![
        "Registration is closed now, so no token makes an account.".to_owned(),
        "At its next start the server follows its configuration again. For good: mode = \"token\" in \
         [registration]."
            .to_owned(),
    ]
}

pub(super) fn revoked(token: &str) -> String {
    format!("The token {token} is revoked.")
}
