//! Actions that change the server, and the confirmation for each.
//!
//! There are three levels. A change that can be undone happens at once and offers undo (lock, unlock). A change
//! with a cost asks for confirmation, with No selected (reset, log out, deactivate, revoke, admin right,
//! disconnect). A destructive change requires typing the name (erase).

use crate::text::safe_text;
use crate::tui::message::{Change, Effect};
use crate::tui::state::{
    Confirm, Field, FieldValue, Form, FormKind, Input, Menu, MenuItem, Overlay, Screen, State, Toggle, TypedConfirm,
};
use crate::tui::strings::{self, phrase, verb};
use crate::tui::view::format;
use crate::wire::{RegistrationToken, UserSummary};

use super::calls;

/// Opens the menu of the current screen.
pub(super) fn open_menu(state: &mut State) -> Vec<Effect> {
    let mut items = Vec::new();
    let mut title = strings::screen(state.screen).to_owned();
    match state.screen {
        Screen::Users => {
            items.push(('n', MenuItem::NewUser));
            if let Some(user) = state.target_user() {
                title = safe_text(&user.user_id);
                items.extend(user_items(user));
            }
        }
        Screen::Tokens => {
            items.push(('n', MenuItem::NewToken));
            if state.tokens.selected().is_some() {
                items.push(('x', MenuItem::RevokeToken));
            }
        }
        Screen::Federation => {
            if let Some(name) = state.target_server() {
                title = safe_text(&name);
                items.push(('t', MenuItem::RetryServer));
            }
        }
        Screen::Calls => items.extend(calls::items(state)),
        Screen::Dashboard | Screen::Rooms | Screen::Log => return Vec::new(),
    }
    if items.is_empty() {
        state.notify_error(strings::NOTHING_SELECTED);
        return Vec::new();
    }
    let (locked, admin) = state.target_user().map_or((false, false), |user| (user.locked, user.admin));
    let named = |(key, item)| (key, strings::menu_item(item, locked, admin), item);
    state.overlay = Some(Overlay::Menu(Menu { title, items: items.into_iter().map(named).collect(), selected: 0 }));
    Vec::new()
}

fn user_items(user: &UserSummary) -> Vec<(char, MenuItem)> {
    if user.deactivated {
        return vec![('e', MenuItem::Erase)];
    }
    vec![
        ('p', MenuItem::ResetPassword),
        ('l', MenuItem::ToggleLocked),
        ('m', MenuItem::ToggleAdmin),
        ('o', MenuItem::LogoutEverywhere),
        ('d', MenuItem::Deactivate),
        ('e', MenuItem::Erase),
    ]
}

/// Opens the form for the kind of item that the current screen lists.
pub(super) fn open_new(state: &mut State) -> Vec<Effect> {
    begin(state, if state.screen == Screen::Tokens { MenuItem::NewToken } else { MenuItem::NewUser })
}

/// Asks for confirmation to revoke the selected token.
pub(super) fn ask_revoke(state: &mut State) -> Vec<Effect> {
    begin(state, MenuItem::RevokeToken)
}

/// Starts an action: opens its form or confirmation, or makes the change if it can be undone.
pub(super) fn begin(state: &mut State, item: MenuItem) -> Vec<Effect> {
    if item == MenuItem::TestCalls {
        // Changes nothing, so neither read-only mode nor a confirmation applies.
        return calls::test(state);
    }
    if let Some(obstacle) = obstacle(state) {
        state.notify_error(obstacle);
        return Vec::new();
    }
    let overlay = match item {
        MenuItem::NewUser => Some(user_form()),
        MenuItem::NewToken => Some(token_form()),
        MenuItem::RevokeToken => state.tokens.selected().map(revoke),
        MenuItem::ToggleLocked => {
            let lock = state.target_user().map(|user| (user.user_id.clone(), !user.locked));
            return lock.map_or_else(Vec::new, |(user, locked)| change(state, Change::SetLocked { user, locked }));
        }
        MenuItem::RetryServer => {
            if let Some(name) = state.target_server() {
                return change(state, Change::RetryServer(name));
            }
            None
        }
        MenuItem::Disconnect => calls::ask_one(state),
        MenuItem::DisconnectAll => calls::ask_all(state),
        _ => state.target_user().and_then(|user| question(user, item)),
    };
    if overlay.is_none() {
        let held = item == MenuItem::DisconnectAll && state.calls.users.selected().is_some();
        state.notify_error(if held { strings::NO_RELAYED_ADDRESS } else { strings::NOTHING_SELECTED });
    }
    state.overlay = overlay;
    Vec::new()
}

/// Why no change can be made now, if there is a reason.
pub(super) fn obstacle(state: &State) -> Option<&'static str> {
    if state.settings.readonly {
        return Some(strings::READONLY);
    }
    (!state.is_up()).then_some(strings::OFFLINE)
}

/// Requests a change, or shows why it cannot be made.
pub(super) fn change(state: &mut State, change: Change) -> Vec<Effect> {
    match obstacle(state) {
        Some(obstacle) => {
            state.notify_error(obstacle);
            Vec::new()
        }
        None => vec![Effect::Change(change)],
    }
}

/// Undoes the last change, while that is offered.
pub(super) fn undo(state: &mut State) -> Vec<Effect> {
    match state.undo.take() {
        Some(undo) => change(state, undo.change),
        None => {
            state.notify_error(strings::NOTHING_TO_UNDO);
            Vec::new()
        }
    }
}

fn question(user: &UserSummary, item: MenuItem) -> Option<Overlay> {
    let id = user.user_id.clone();
    let name = safe_text(&user.user_id);
    let media = format::bytes(user.media_bytes);
    let confirm = match item {
        MenuItem::ResetPassword => Confirm {
            toggle: Some(Toggle { label: strings::LOGOUT_TOO.to_owned(), on: false }),
            ..ask(
                phrase::reset_title(&name),
                phrase::reset_lines(user.devices),
                verb::RESET,
                Change::ResetPassword { user: id, logout_devices: false },
            )
        },
        MenuItem::ToggleAdmin if user.admin => {
            let change = Change::SetAdmin { user: id, admin: false };
            ask(phrase::withdraw_title(&name), phrase::withdraw_lines(), verb::WITHDRAW, change)
        }
        MenuItem::ToggleAdmin => {
            let change = Change::SetAdmin { user: id, admin: true };
            ask(phrase::grant_title(&name), phrase::grant_lines(), verb::GRANT, change)
        }
        MenuItem::LogoutEverywhere => {
            let change = Change::LogoutEverywhere { user: id };
            danger(ask(phrase::logout_title(&name), phrase::logout_lines(user.devices), verb::LOG_OUT, change))
        }
        MenuItem::Deactivate => {
            let lines = phrase::deactivate_lines(user.devices, user.joined_rooms, &media);
            let change = Change::Deactivate { user: id, erase: false };
            danger(ask(phrase::deactivate_title(&name), lines, verb::DEACTIVATE, change))
        }
        MenuItem::Erase => return Some(erase(user, &name, &media)),
        // Not about an account, or without a confirmation here.
        MenuItem::NewUser
        | MenuItem::NewToken
        | MenuItem::RevokeToken
        | MenuItem::ToggleLocked
        | MenuItem::RetryServer
        | MenuItem::TestCalls
        | MenuItem::Disconnect
        | MenuItem::DisconnectAll => return None,
    };
    Some(Overlay::Confirm(confirm))
}

pub(super) fn ask(title: String, lines: Vec<String>, verb: &'static str, change: Change) -> Confirm {
    Confirm { title, lines, verb, danger: false, toggle: None, yes: false, change }
}

pub(super) fn danger(confirm: Confirm) -> Confirm {
    Confirm { danger: true, ..confirm }
}

fn erase(user: &UserSummary, name: &str, media: &str) -> Overlay {
    Overlay::TypedConfirm(TypedConfirm {
        title: phrase::erase_title(name),
        lines: phrase::erase_lines(user.devices, user.joined_rooms, media),
        expected: user.user_id.clone(),
        input: Input::default(),
        change: Change::Deactivate { user: user.user_id.clone(), erase: true },
    })
}

fn revoke(token: &RegistrationToken) -> Overlay {
    let lines = phrase::revoke_lines(token.pending, token.completed);
    let change = Change::RevokeToken(token.token.clone());
    Overlay::Confirm(danger(ask(phrase::revoke_title(&safe_text(&token.token)), lines, verb::REVOKE, change)))
}

fn user_form() -> Overlay {
    let fields = vec![
        text(strings::FIELD_USERNAME),
        text(strings::FIELD_DISPLAY_NAME),
        Field { label: strings::FIELD_ADMIN, value: FieldValue::Switch(false) },
    ];
    form(FormKind::NewUser, strings::NEW_USER, fields)
}

fn token_form() -> Overlay {
    let fields = vec![text(strings::FIELD_USES), text(strings::FIELD_DAYS), text(strings::FIELD_TOKEN)];
    form(FormKind::NewToken, strings::NEW_TOKEN, fields)
}

fn text(label: &'static str) -> Field {
    Field { label, value: FieldValue::Text(Input::default()) }
}

fn form(kind: FormKind, title: &'static str, fields: Vec<Field>) -> Overlay {
    Overlay::Form(Form { kind, title, fields, focus: 0, error: None })
}
