//! The login page for clients without a login screen (client-server API, "Login Fallback"). Its script calls `/login`
//! and passes the response to `window.onLogin`, which the client defines.

use axum::response::Response;
use hearth_base::Result;
use http::{Method, StatusCode};

use crate::App;
use crate::auth::Authentication;
use crate::pages::markup::{Attr, Markup, Tag};
use crate::pages::{Language, WebPage};
use crate::route::{Call, Endpoint};

const SCRIPT: &str = r"
const form = document.getElementById('form'), problem = document.getElementById('problem');
const asked = new URLSearchParams(location.search);
form.addEventListener('submit', async (event) => {
    event.preventDefault();
    const body = { type: 'm.login.password', identifier: { type: 'm.id.user', user: form.user.value },
        password: form.password.value };
    for (const key of ['device_id', 'initial_device_display_name']) if (asked.has(key)) body[key] = asked.get(key);
    try {
        const response = await fetch('/_matrix/client/v3/login', { method: 'POST', body: JSON.stringify(body),
            headers: { 'Content-Type': 'application/json' } });
        const answer = await response.json();
        if (!response.ok) problem.textContent = answer.error;
        else if (window.onLogin) window.onLogin(answer);
        else if (window.matrixLogin && window.matrixLogin.onLogin) window.matrixLogin.onLogin(answer);
        else problem.textContent = 'This page is for apps: open it from one.';
    } catch (error) { problem.textContent = 'The server could not be reached: ' + error.message; }
});";

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::plain(Method::GET, ["/_matrix/static/client/login/"], Authentication::None, show)]
}

async fn show(app: App, call: Call) -> Result<Response> {
    let language = Language::of(&call.headers);
    let (strings, mut content) = (language.strings(), Markup::default());
    content.text_element(Tag::H1, &[], strings.log_in);
    content.text_element(Tag::P, &[(Attr::Class, "problem"), (Attr::Role, "alert"), (Attr::Id, "problem")], "");
    content.element(Tag::Form, &[(Attr::Id, "form")], |form| {
        for (id, label, kind, autocomplete) in [
            ("user", strings.user_name, "text", "username"),
            ("password", strings.password, "password", "current-password"),
        ] {
            form.text_element(Tag::Label, &[(Attr::For, id)], label);
            form.input(&[
                (Attr::Id, id),
                (Attr::Name, id),
                (Attr::Type, kind),
                (Attr::Autocomplete, autocomplete),
                (Attr::Autocapitalize, "none"),
                (Attr::Required, ""),
            ]);
        }
        form.text_element(Tag::Button, &[(Attr::Type, "submit")], strings.log_in);
    });
    content.text_element(Tag::NoScript, &[], strings.needs_script);
    let page = WebPage::new(StatusCode::OK, language, strings.log_in.to_owned(), content);
    Ok(WebPage { script: SCRIPT, ..page }.respond(&app, false))
}
