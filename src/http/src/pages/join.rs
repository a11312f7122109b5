//! The page of an invite link, `/join/TOKEN`, and the form on it that creates an account.
//!
//! An account is created by the action that also serves `/register`. Unknown, expired and used tokens get one equal
//! answer. A request for such a token counts like a registration, and an address that has used up its registrations
//! sees no invitation at all, so tokens cannot be guessed.

use axum::response::Response;
use hearth_base::limits::http::JOIN_BODY_BYTES_MAX;
use hearth_base::{Reason, Result, error::refuse};
use hearth_domain::accounts::{Authority, InviteLink, InviteLinkStatus, NewAccount};
use hearth_domain::rates::{Rate, RateSubject};
use http::{HeaderMap, Method, StatusCode, header};
use ruma::OwnedUserId;
use serde::Deserialize;

use super::join_view::{self, FormState, Problem};
use super::{Language, notice};
use crate::App;
use crate::auth::Authentication;
use crate::base_url::base_url;
use crate::edge;
use crate::route::{Call, Endpoint};

const PATHS: [&str; 1] = ["/join/{token}"];

/// The endpoints of this file.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::plain(Method::GET, PATHS, Authentication::None, show).page(),
        Endpoint::plain(Method::POST, PATHS, Authentication::None, create)
            .rate(Rate::Registration)
            .body_bytes_max(JOIN_BODY_BYTES_MAX)
            .page(),
    ]
}

/// The form as a browser sends it. No `Debug`: it contains a password.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Filled {
    form: String,
    name: String,
    password: String,
    again: String,
}

async fn show(app: App, call: Call) -> Result<Response> {
    let (language, token) = (Language::of(&call.headers), call.param(0));
    app.domain.rates.peek(Rate::Registration, RateSubject::address(call.client.0))?;
    match app.domain.accounts.invite_link(token).await? {
        InviteLinkStatus::Valid(link) => Ok(form_page(&app, &call, &link, &FormState::default())),
        other => {
            edge::rate_limit(&app, Rate::Registration, call.client, None)?;
            Ok(refused(&app, language, &other))
        }
    }
}

async fn create(app: App, call: Call) -> Result<Response> {
    let (language, token) = (Language::of(&call.headers), call.param(0));
    let accounts = &app.domain.accounts;
    if is_from_elsewhere(&call.headers) {
        let strings = language.strings();
        return Ok(notice(&app, language, StatusCode::FORBIDDEN, strings.foreign_title, strings.foreign));
    }
    // A form that cannot be parsed is one with nothing filled in.
    let filled: Filled = serde_html_form::from_bytes(&call.raw).unwrap_or_default();
    let form = accounts.take_join_form(&filled.form, token, call.client.0).await;
    if let Some(user_id) = form.as_ref().and_then(|form| accounts.joined_by(form)) {
        // Sent a second time: the account exists, and the token may be used up by it.
        let contact = match accounts.invite_link(token).await? {
            InviteLinkStatus::Valid(link) => link.contact,
            _ => None,
        };
        return Ok(join_view::welcome(&app, language, &user_id, contact.as_ref(), &address(&app, &call)));
    }
    let link = match accounts.invite_link(token).await? {
        InviteLinkStatus::Valid(link) => link,
        other => return Ok(refused(&app, language, &other)),
    };
    let state = |problem| FormState { name: &filled.name, problem: Some(problem) };
    let Some(form) = form else { return Ok(form_page(&app, &call, &link, &state(Problem::FormOld))) };
    if let Some(problem) = check(&app, &filled) {
        return Ok(form_page(&app, &call, &link, &state(problem)));
    }
    match register(&app, token, &filled).await {
        Ok(user_id) => {
            accounts.note_joined(&form, &user_id);
            Ok(join_view::welcome(&app, language, &user_id, link.contact.as_ref(), &address(&app, &call)))
        }
        Err(error) => match error.reason() {
            // Used up, revoked or expired since it was read.
            Some(Reason::Forbidden) => Ok(refused(&app, language, &InviteLinkStatus::Invalid)),
            Some(Reason::UserInUse | Reason::Exclusive) => {
                Ok(form_page(&app, &call, &link, &state(Problem::NameTaken)))
            }
            Some(Reason::InvalidUsername) => Ok(form_page(&app, &call, &link, &state(Problem::NameInvalid))),
            Some(Reason::WeakPassword) => Ok(form_page(&app, &call, &link, &state(Problem::PasswordShort))),
            Some(Reason::InvalidParam) => Ok(form_page(&app, &call, &link, &state(Problem::PasswordLong))),
            _ => Err(error),
        },
    }
}

async fn register(app: &App, token: &str, filled: &Filled) -> Result<OwnedUserId> {
    let localpart = app.domain.accounts.localpart_of(filled.name.trim());
    let invalid = || refuse(Reason::InvalidUsername, "This cannot be a user name.");
    let new = NewAccount {
        localpart: Some(localpart.ok_or_else(invalid)?),
        displayname: None,
        password: Some(filled.password.clone()),
        admin: false,
        authority: Authority::Token(token.to_owned()),
    };
    // No device: the app logs in with the password and gets its own.
    Ok(app.domain.actions.register(new, None).await?.0)
}

/// What only the page can check; the rest is checked by the registration.
fn check(app: &App, filled: &Filled) -> Option<Problem> {
    let chars_min = usize::try_from(app.domain.accounts.password_chars_min()).unwrap_or(usize::MAX);
    if filled.name.trim().is_empty() {
        Some(Problem::NameMissing)
    } else if filled.password.chars().count() < chars_min {
        Some(Problem::PasswordShort)
    } else if filled.password != filled.again {
        Some(Problem::PasswordDiffers)
    } else {
        None
    }
}

/// Whether a browser tells that another site made it send the form. Browsers that do not tell are stopped by the form's
/// key, which another site cannot read.
fn is_from_elsewhere(headers: &HeaderMap) -> bool {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    if let Some(site) = text("sec-fetch-site") {
        return !matches!(site, "same-origin" | "none");
    }
    // With `Referrer-Policy: no-referrer` the origin of our own form is `null`, as is that of a sandboxed page.
    let (origin, host) = (text(header::ORIGIN.as_str()), text(header::HOST.as_str()));
    match (origin.filter(|origin| *origin != "null"), host) {
        (Some(origin), Some(host)) => origin.split_once("://").is_none_or(|(_, from)| !from.eq_ignore_ascii_case(host)),
        _ => false,
    }
}

fn form_page(app: &App, call: &Call, link: &InviteLink, state: &FormState<'_>) -> Response {
    let (language, token) = (Language::of(&call.headers), call.param(0));
    let key = app.domain.accounts.issue_join_form(token, call.client.0);
    join_view::invitation(app, language, (token, &key, &address(app, call)), link, state)
}

/// The address at which the reader's client reaches the server.
fn address(app: &App, call: &Call) -> String {
    base_url(&app.domain.core.config, &call.uri, &call.headers)
}

/// The one answer for all tokens that create no account.
fn refused(app: &App, language: Language, status: &InviteLinkStatus) -> Response {
    let strings = language.strings();
    match status {
        InviteLinkStatus::Closed => notice(app, language, StatusCode::NOT_FOUND, strings.closed_title, strings.closed),
        _ => notice(app, language, StatusCode::NOT_FOUND, strings.gone_title, strings.gone),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    #[test]
    fn a_form_of_another_site_is_noticed() {
        for (headers, is_foreign) in [
            (&[][..], false),
            (&[("sec-fetch-site", "same-origin"), ("origin", "null")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "cross-site")], true),
            (&[("sec-fetch-site", "same-site")], true),
            (&[("sec-fetch-site", "")], true),
            (&[("origin", "null"), ("host", "chat.example")], false),
            (&[("origin", "https://chat.example"), ("host", "Chat.example")], false),
            (&[("origin", "https://evil.example"), ("host", "chat.example")], true),
            (&[("origin", "https://chat.example.evil"), ("host", "chat.example")], true),
            (&[("origin", "nonsense"), ("host", "chat.example")], true),
        ] {
            let mut map = HeaderMap::new();
            map.extend(
                headers
                    .iter()
                    .map(|(name, value)| (http::HeaderName::from_static(name), HeaderValue::from_static(value))),
            );
            assert_eq!(is_from_elsewhere(&map), is_foreign, "{headers:?}");
        }
    }
}
