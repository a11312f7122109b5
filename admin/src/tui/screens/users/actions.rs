//! What can be done to an account, and the question before it.
//!
//! There are three levels. A change that can be undone happens at once and offers undo (lock, unlock). A change
//! with a cost asks for confirmation, with No selected (reset, log out, deactivate, admin right). A destructive change
//! requires typing the name (erase).

use crate::text::safe_text;
use crate::tui::parts::{Field, Overlay, Secret};
use crate::tui::request::{Http, Request};
use crate::tui::screen::{Context, Question};
use crate::tui::view::format;
use crate::wire::{
    CreatedUser, DeactivateUser, Done, LoggedOut, NewPassword, NewUser, PasswordSet, SetAdmin, SetLocked, UserSummary,
    paths,
};

use super::{Users, strings};

type Cx<'a> = Context<'a, Users>;

impl Users {
    pub(super) fn new_user(&mut self, cx: &mut Cx<'_>) {
        let fields = vec![
            Field::text(strings::FIELD_USERNAME),
            Field::text(strings::FIELD_DISPLAY_NAME),
            Field::switch(strings::FIELD_ADMIN),
        ];
        cx.form(strings::NEW_USER, fields, |fields, _| create(fields));
    }

    pub(super) fn reset_password(&mut self, cx: &mut Cx<'_>) {
        let Some(user) = self.usable() else { return cx.nothing_selected() };
        let id = user.user_id.clone();
        let question = Question {
            title: strings::reset_title(&safe_text(&id)),
            lines: strings::reset_lines(user.devices),
            verb: strings::VERB_RESET,
            danger: false,
            toggle: Some(strings::LOGOUT_TOO),
        };
        cx.confirm(question, move |logout_devices| {
            let body = NewPassword { password: None, logout_devices };
            Http::post(paths::user_password(&id), &body).then(move |_: &mut Self, set: PasswordSet, cx| {
                match set.password {
                    Some(password) => show_password(&id, password, cx),
                    None => cx.shared.notify(strings::PASSWORD_CHANGED),
                }
            })
        });
    }

    pub(super) fn toggle_locked(&mut self, cx: &mut Cx<'_>) {
        let Some(user) = self.usable() else { return cx.nothing_selected() };
        cx.change(set_locked(user.user_id.clone(), !user.locked));
    }

    pub(super) fn toggle_admin(&mut self, cx: &mut Cx<'_>) {
        let Some(user) = self.usable() else { return cx.nothing_selected() };
        let (id, admin) = (user.user_id.clone(), !user.admin);
        let name = safe_text(&id);
        let (title, lines, verb) = if admin {
            (strings::grant_title(&name), strings::grant_lines(), strings::VERB_GRANT)
        } else {
            (strings::withdraw_title(&name), strings::withdraw_lines(), strings::VERB_WITHDRAW)
        };
        cx.confirm(Question { title, lines, verb, danger: false, toggle: None }, move |_| {
            Http::put(paths::user_admin(&id), &SetAdmin { admin })
                .then(move |_: &mut Self, Done {}, cx| cx.shared.notify(strings::admin_set(&name, admin)))
        });
    }

    pub(super) fn log_out(&mut self, cx: &mut Cx<'_>) {
        let Some(user) = self.usable() else { return cx.nothing_selected() };
        let id = user.user_id.clone();
        let name = safe_text(&id);
        let lines = strings::logout_lines(user.devices);
        cx.confirm(danger(strings::logout_title(&name), lines, strings::VERB_LOG_OUT), move |_| {
            Http::post(paths::user_logout(&id), &Done {}).then(move |_: &mut Self, out: LoggedOut, cx| {
                cx.shared.notify(strings::logged_out(&name, out.devices));
            })
        });
    }

    pub(super) fn deactivate(&mut self, cx: &mut Cx<'_>) {
        let Some(user) = self.usable() else { return cx.nothing_selected() };
        let id = user.user_id.clone();
        let lines = strings::deactivate_lines(user.devices, user.joined_rooms, &format::bytes(user.media_bytes));
        let question = danger(strings::deactivate_title(&safe_text(&id)), lines, strings::VERB_DEACTIVATE);
        cx.confirm(question, move |_| close(id, false));
    }

    pub(super) fn erase(&mut self, cx: &mut Cx<'_>) {
        let Some(user) = self.target() else { return cx.nothing_selected() };
        let UserSummary { user_id, devices, joined_rooms, media_bytes, .. } = user;
        let lines = strings::erase_lines(*devices, *joined_rooms, &format::bytes(*media_bytes));
        let id = user_id.clone();
        cx.confirm_typed(strings::erase_title(&safe_text(&id)), lines, id.clone(), move || close(id, true));
    }
}

fn danger(title: String, lines: Vec<String>, verb: &'static str) -> Question {
    Question { title, lines, verb, danger: true, toggle: None }
}

/// The account of a form.
fn create(fields: &[Field]) -> Result<Request<Users>, &'static str> {
    let [username, display_name, admin] = fields else { return Err(strings::ERROR_USERNAME) };
    let username = username.value().trim_start_matches('@');
    if username.is_empty() {
        return Err(strings::ERROR_USERNAME);
    }
    let user = NewUser {
        username: username.to_owned(),
        password: None,
        admin: admin.is_on(),
        display_name: display_name.optional(),
    };
    Ok(Http::post(paths::USERS, &user).then(|_: &mut Users, made: CreatedUser, cx| match made.password {
        Some(password) => show_password(&made.user_id, password, cx),
        None => cx.shared.notify(strings::created(&safe_text(&made.user_id))),
    }))
}

/// Locks or unlocks an account, and offers the opposite.
fn set_locked(id: String, locked: bool) -> Request<Users> {
    Http::put(paths::user_locked(&id), &SetLocked { locked }).then(move |_: &mut Users, Done {}, cx| {
        let name = safe_text(&id);
        cx.shared.notify(if locked { strings::locked(&name) } else { strings::unlocked(&name) });
        cx.offer_undo(set_locked(id, !locked));
    })
}

fn close(id: String, erase: bool) -> Request<Users> {
    Http::post(paths::user_deactivate(&id), &DeactivateUser { erase }).then(move |_: &mut Users, Done {}, cx| {
        cx.shared.notify(strings::deactivated(&safe_text(&id)));
    })
}

fn show_password(user: &str, password: String, cx: &mut Cx<'_>) {
    cx.shared.overlay = Some(Overlay::Secret(Secret {
        title: strings::password_title(&safe_text(user)),
        lines: vec![safe_text(&password), String::new(), strings::SHOWN_ONCE.to_owned()],
        copy: password,
    }));
}
