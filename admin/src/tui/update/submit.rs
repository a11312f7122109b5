//! Converts a confirmation or a form into its change.

use crate::tui::message::Change;
use crate::tui::state::{Confirm, Form, FormKind};
use crate::tui::strings;
use crate::wire::{NewRegistrationToken, NewUser};

const MS_PER_DAY: u64 = 24 * 60 * 60 * 1_000;

/// The change of an accepted confirmation, with its check box.
pub(super) fn confirmed(confirm: Confirm) -> Change {
    let ticked = confirm.toggle.is_some_and(|toggle| toggle.on);
    match confirm.change {
        Change::ResetPassword { user, .. } => Change::ResetPassword { user, logout_devices: ticked },
        change => change,
    }
}

/// The change of a form, or the validation error.
pub(super) fn filled(form: &Form, now_ms: u64) -> Result<Change, &'static str> {
    match form.kind {
        FormKind::NewUser => new_user(form),
        FormKind::NewToken => new_token(form, now_ms),
    }
}

fn new_user(form: &Form) -> Result<Change, &'static str> {
    let username = form.text(0).trim_start_matches('@');
    if username.is_empty() {
        return Err(strings::ERROR_USERNAME);
    }
    Ok(Change::CreateUser(NewUser {
        username: username.to_owned(),
        password: None,
        admin: form.is_on(2),
        display_name: Some(form.text(1).to_owned()).filter(|name| !name.is_empty()),
    }))
}

fn new_token(form: &Form, now_ms: u64) -> Result<Change, &'static str> {
    let uses_allowed = number(form.text(0))?;
    let expires_ms = match number(form.text(1))? {
        Some(_) if now_ms == 0 => return Err(strings::ERROR_CLOCK),
        Some(days) => Some(now_ms.saturating_add(days.saturating_mul(MS_PER_DAY))),
        None => None,
    };
    let token = Some(form.text(2).to_owned()).filter(|token| !token.is_empty());
    Ok(Change::CreateToken(NewRegistrationToken { token, uses_allowed, expires_ms }))
}

/// Parses an optional positive number. `None` for an empty field.
fn number(text: &str) -> Result<Option<u64>, &'static str> {
    if text.is_empty() {
        return Ok(None);
    }
    text.parse().ok().filter(|number| *number > 0).map(Some).ok_or(strings::ERROR_NUMBER)
}
