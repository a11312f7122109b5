//! The login page for clients without a login screen (client-server API, "Login Fallback"). Its script calls `/login`
//! and passes the response to `window.onLogin`, which the client defines.

use axum::response::Response;
use hearth_base::Result;
use http::Method;

use crate::App;
use crate::auth::Authentication;
use crate::page::page;
use crate::route::{Call, Endpoint};

const CONTENT: &str = "<h1>Log in</h1><p role=\"alert\" id=\"problem\"></p><form id=\"form\">\
     <label>User name <input name=\"user\" autocomplete=\"username\" autocapitalize=\"none\" required autofocus></label>\
     <label>Password <input name=\"password\" type=\"password\" autocomplete=\"current-password\" required></label>\
     <button>Log in</button></form><noscript>This page needs JavaScript.</noscript>";

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

async fn show(app: App, _: Call) -> Result<Response> {
    Ok(page(&app, CONTENT, SCRIPT))
}
