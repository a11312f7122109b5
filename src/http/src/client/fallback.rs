//! Web pages for clients that do not support a stage of user-interactive authentication (client-server API,
//! "Fallback"). Plain HTML that works without scripts; one small script notifies the client when the stage is done.

use axum::response::Response;
use hearth_base::{Error, Result, limits};
use hearth_domain::rates::Rate;
use hearth_domain::uia::Stage;
use http::Method;
use serde::Deserialize;

use crate::App;
use crate::auth::Authentication;
use crate::page::{escape, page};
use crate::route::{Call, Endpoint};

/// Tells the window that opened the page that the stage is done.
const DONE: &str =
    "if(window.onAuthDone)window.onAuthDone();else if(window.opener)window.opener.postMessage('authDone','*');";
const PATHS: [&str; 2] =
    ["/_matrix/client/r0/auth/{stage}/fallback/web", "/_matrix/client/v3/auth/{stage}/fallback/web"];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::plain(Method::GET, PATHS, Authentication::None, show),
        Endpoint::plain(Method::POST, PATHS, Authentication::None, complete)
            .rate(Rate::Registration)
            .body_bytes_max(limits::FORM_BODY_BYTES_MAX),
    ]
}

#[derive(Deserialize)]
struct Of {
    session: String,
}

#[derive(Deserialize)]
struct Filled {
    session: String,
    token: Option<String>,
}

async fn show(app: App, call: Call) -> Result<Response> {
    let of: Of = call.query()?;
    let stage = stage_of(&app, call.param(0), &of.session)?;
    Ok(page(&app, &form(stage, &of.session, ""), ""))
}

async fn complete(app: App, call: Call) -> Result<Response> {
    let filled: Filled = serde_html_form::from_bytes(&call.raw)
        .map_err(|_| Error::bad_json("The form is incomplete: go back and send it again."))?;
    let stage = stage_of(&app, call.param(0), &filled.session)?;
    let token = filled.token.as_deref().map(str::trim);
    if app.domain.uia.complete_on_page(&filled.session, stage, token).await? {
        return Ok(page(&app, "<h1>Done</h1><p>You can go back to your app now.</p>", DONE));
    }
    Ok(page(&app, &form(stage, &filled.session, "This token is not valid, or has been used up."), ""))
}

fn stage_of(app: &App, name: &str, session: &str) -> Result<Stage> {
    let stage = Stage::from_name(name).filter(|stage| *stage != Stage::Password);
    let stage = stage.ok_or_else(|| Error::not_found("There is no page for this: use your app."))?;
    if !app.domain.uia.knows(session) {
        return Err(Error::not_found("This session is unknown or too old: start again in your app."));
    }
    Ok(stage)
}

fn form(stage: Stage, session: &str, problem: &str) -> String {
    let input = match stage {
        Stage::RegistrationToken => {
            "<p>Making an account on this server takes a registration token. Its administrator has one for you.</p>\
             <label>Registration token <input name=\"token\" maxlength=\"64\" autocomplete=\"off\" \
             autocapitalize=\"none\" required autofocus></label>"
        }
        _ => "<p>Nothing else is needed.</p>",
    };
    format!(
        "<h1>Continue</h1><p role=\"alert\">{}</p><form method=\"post\"><input type=\"hidden\" name=\"session\" \
         value=\"{}\">{input}<button>Continue</button></form>",
        escape(problem),
        escape(session),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_text_on_the_page() {
        let form = form(Stage::Dummy, "\"><script>alert('x')</script>", "");
        assert!(!form.contains("<script>"), "{form}");
        assert!(form.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)"), "{form}");
    }
}
