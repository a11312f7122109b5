//! What the page of an invite link looks like: the invitation with its form, and the welcome after it.

use axum::response::Response;
use hearth_base::limits;
use hearth_domain::accounts::{InviteContact, InviteLink};
use http::StatusCode;
use ruma::UserId;

use super::markup::{Attr, Markup, Tag};
use super::strings::{Strings, fill};
use super::{Language, WebPage, apps, server_address, shown_name, user_link};
use crate::App;

/// What is wrong with a form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Problem {
    NameMissing,
    NameInvalid,
    NameTaken,
    PasswordShort,
    PasswordLong,
    PasswordDiffers,
    FormOld,
}

/// A field of the form.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Field {
    Name,
    Password,
    Again,
}

/// The form's content: what was typed, except for passwords, and what is wrong with it.
#[derive(Debug, Default)]
pub(super) struct FormState<'a> {
    pub(super) name: &'a str,
    pub(super) problem: Option<Problem>,
}

impl Problem {
    /// The field to change. An old form has nothing wrong in it, but needs its password again.
    fn field(self) -> Field {
        match self {
            Self::NameMissing | Self::NameInvalid | Self::NameTaken => Field::Name,
            Self::PasswordShort | Self::PasswordLong | Self::FormOld => Field::Password,
            Self::PasswordDiffers => Field::Again,
        }
    }

    fn text(self, strings: &Strings, chars_min: u32) -> String {
        let (chars, bytes) = (chars_min.to_string(), limits::PASSWORD_BYTES_MAX.to_string());
        let text = match self {
            Self::NameMissing => strings.name_missing,
            Self::NameInvalid => strings.name_invalid,
            Self::NameTaken => strings.name_taken,
            Self::PasswordShort => strings.password_short,
            Self::PasswordLong => strings.password_long,
            Self::PasswordDiffers => strings.password_differs,
            Self::FormOld => strings.form_old,
        };
        fill(text, &[("chars", &chars), ("bytes", &bytes)])
    }
}

/// What the page tells, in the language of its reader.
struct View<'a> {
    app: &'a App,
    strings: &'static Strings,
    server: &'a str,
    state: &'a FormState<'a>,
}

/// The page with the form. `token` and `key` are the registration token and the key of the form,
/// `address` is where a client reaches the server.
pub(super) fn invitation(
    app: &App,
    language: Language,
    (token, key, address): (&str, &str, &str),
    link: &InviteLink,
    state: &FormState<'_>,
) -> Response {
    let strings = language.strings();
    let view = View { app, strings, server: app.domain.core.server_name.as_str(), state };
    let title = match &link.contact {
        Some(contact) => fill(strings.invited_by, &[("name", &shown_name(&contact.name)), ("server", view.server)]),
        None => fill(strings.invited, &[("server", view.server)]),
    };
    let mut content = Markup::default();
    content.text_element(Tag::H1, &[], &title);
    view.introduce(&mut content, link);
    content.element(Tag::Section, &[(Attr::AriaLabelledBy, "account")], |section| view.form(section, key));
    content.element(Tag::Section, &[(Attr::AriaLabelledBy, "apps")], |section| {
        section.text_element(Tag::H2, &[(Attr::Id, "apps")], strings.then_app);
        section.text_element(Tag::P, &[], strings.then_app_text);
        apps(section, strings, view.server, "");
        server_address(section, strings, address);
    });
    content.element(Tag::Section, &[(Attr::AriaLabelledBy, "own")], |section| {
        section.text_element(Tag::H2, &[(Attr::Id, "own")], strings.own_app);
        section.text_element(Tag::P, &[], strings.own_app_text);
        section.text_element(Tag::Code, &[(Attr::Class, "large")], token);
    });
    // Screen readers read the title first, so it tells that something is wrong.
    let (status, title) = match state.problem {
        Some(_) => (StatusCode::BAD_REQUEST, fill(strings.problem_title, &[("title", &title)])),
        None => (StatusCode::OK, title),
    };
    WebPage::new(status, language, title, content).respond(app, true)
}

impl View<'_> {
    /// What this server is, and what the invitation contains.
    fn introduce(&self, content: &mut Markup, link: &InviteLink) {
        let strings = self.strings;
        content.text_element(Tag::P, &[], &fill(strings.what_it_is, &[("server", self.server)]));
        if self.app.domain.core.config.federation.enabled {
            content.text_element(Tag::P, &[], strings.what_others);
        }
        if link.makes_admin {
            content.element(Tag::P, &[], |line| line.text_element(Tag::Strong, &[], strings.makes_admin));
        }
        if !link.rooms.is_empty() {
            content.text_element(Tag::P, &[], strings.rooms);
            content.element(Tag::Ul, &[], |list| {
                for room in &link.rooms {
                    list.element(Tag::Li, &[], |item| item.text_element(Tag::Bdi, &[], &shown_name(room)));
                }
            });
        }
    }

    fn form(&self, section: &mut Markup, key: &str) {
        let strings = self.strings;
        let chars_min = self.app.domain.accounts.password_chars_min();
        section.text_element(Tag::H2, &[(Attr::Id, "account")], strings.make_account);
        if self.state.problem.is_some() {
            section.text_element(Tag::P, &[(Attr::Class, "alert"), (Attr::Role, "alert")], strings.look_below);
        }
        section.element(Tag::Form, &[(Attr::Method, "post"), (Attr::Autocomplete, "on")], |form| {
            form.input(&[(Attr::Type, "hidden"), (Attr::Name, "form"), (Attr::Value, key)]);
            let name = [
                (Attr::Name, "name"),
                (Attr::Value, self.state.name),
                (Attr::Autocomplete, "username"),
                (Attr::Autocapitalize, "none"),
                (Attr::Spellcheck, "false"),
                (Attr::Maxlength, "255"),
            ];
            let hint = fill(strings.user_name_hint, &[("server", self.server)]);
            self.field(form, Field::Name, (strings.user_name, &hint), &name);
            let (min, max) = (chars_min.to_string(), limits::PASSWORD_BYTES_MAX.to_string());
            let secret = |name: &'static str| {
                let kind = [(Attr::Type, "password"), (Attr::Name, name), (Attr::Autocomplete, "new-password")];
                [kind[0], kind[1], kind[2], (Attr::Minlength, &*min), (Attr::Maxlength, &*max)]
            };
            let hint = fill(strings.password_hint, &[("chars", &min)]);
            self.field(form, Field::Password, (strings.password, &hint), &secret("password"));
            self.field(form, Field::Again, (strings.password_again, ""), &secret("again"));
            form.text_element(Tag::Button, &[(Attr::Type, "submit")], strings.create);
        });
    }

    /// A label, an input, its hint and what is wrong with it.
    fn field(&self, form: &mut Markup, field: Field, (label, hint): (&str, &str), attributes: &[(Attr, &str)]) {
        let (id, hint_id, problem_id) = match field {
            Field::Name => ("name", "name-hint", "name-problem"),
            Field::Password => ("password", "password-hint", "password-problem"),
            Field::Again => ("again", "again-hint", "again-problem"),
        };
        let problem = self.state.problem.filter(|problem| problem.field() == field);
        let hint = match (field, self.state.problem) {
            // The password is not sent back, so it has to be typed again when the name was wrong.
            (Field::Again, Some(problem)) if problem.field() == Field::Name => self.strings.password_again_too,
            _ => hint,
        };
        let described: Vec<&str> =
            [problem.map(|_| problem_id), (!hint.is_empty()).then_some(hint_id)].into_iter().flatten().collect();
        let described = described.join(" ");
        let mut all = vec![(Attr::Id, id), (Attr::Required, "")];
        all.extend_from_slice(attributes);
        if problem.is_some() {
            all.extend([(Attr::AriaInvalid, "true"), (Attr::Autofocus, "")]);
        }
        if !described.is_empty() {
            all.push((Attr::AriaDescribedBy, &described));
        }
        form.text_element(Tag::Label, &[(Attr::For, id)], label);
        if let Some(problem) = problem {
            let text = problem.text(self.strings, self.app.domain.accounts.password_chars_min());
            form.text_element(Tag::P, &[(Attr::Class, "problem"), (Attr::Id, problem_id)], &text);
        }
        form.input(&all);
        if !hint.is_empty() {
            form.text_element(Tag::Small, &[(Attr::Id, hint_id)], hint);
        }
    }
}

/// The page after the account was created.
pub(super) fn welcome(
    app: &App,
    language: Language,
    user_id: &UserId,
    contact: Option<&InviteContact>,
    address: &str,
) -> Response {
    let strings = language.strings();
    let (server, name) = (app.domain.core.server_name.as_str(), user_id.localpart());
    let title = fill(strings.welcome, &[("name", name)]);
    let mut content = Markup::default();
    content.text_element(Tag::H1, &[], &title);
    content.text_element(Tag::P, &[(Attr::Class, "good"), (Attr::Role, "status")], strings.your_account);
    content.text_element(Tag::Code, &[(Attr::Class, "large")], user_id.as_str());
    content.element(Tag::Section, &[(Attr::AriaLabelledBy, "next")], |section| {
        section.text_element(Tag::H2, &[(Attr::Id, "next")], strings.next);
        section.element(Tag::Ol, &[], |list| {
            list.element(Tag::Li, &[], |item| {
                item.text(strings.next_app);
                apps(item, strings, server, name);
            });
            list.element(Tag::Li, &[], |item| {
                item.text(strings.next_server);
                item.text_element(Tag::Code, &[(Attr::Class, "large")], address);
            });
            list.text_element(Tag::Li, &[], &fill(strings.next_login, &[("name", name)]));
        });
        section.text_element(Tag::P, &[], strings.keep_password);
    });
    if let Some(contact) = contact {
        content.element(Tag::Section, &[(Attr::AriaLabelledBy, "hello")], |section| {
            section.text_element(Tag::H2, &[(Attr::Id, "hello")], strings.say_hello);
            let text = fill(strings.say_hello_text, &[("name", &shown_name(&contact.name))]);
            section.text_element(Tag::P, &[], &text);
            section.element(Tag::P, &[], |line| user_link(line, contact.user_id.as_str()));
        });
    }
    WebPage::new(StatusCode::OK, language, title, content).respond(app, true)
}
