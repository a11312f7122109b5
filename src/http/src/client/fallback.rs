//! Web pages that stand in for clients that do not know a stage of user-interactive authentication (client-server API,
//! "Fallback"). Plain HTML that works without scripts; one small script tells the client when it is done.

use axum::extract::{Path, Query, Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Router, routing::get};
use hearth_base::{Error, Result};
use hearth_domain::rates::Rate;
use hearth_domain::uia::Stage;
use serde::Deserialize;

use crate::app::{App, ClientAddress};
use crate::edge;
use crate::page::{escape, page};
use crate::respond::Failure;
use crate::route::read_body;

/// Tells whoever opened the page that the stage is done.
const DONE: &str =
    "if(window.onAuthDone)window.onAuthDone();else if(window.opener)window.opener.postMessage('authDone','*');";
/// A form has a session and a token.
const FORM_BYTES_MAX: usize = 4_096;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/r0/auth/{stage}/fallback/web", get(show).post(complete))
        .route("/_matrix/client/v3/auth/{stage}/fallback/web", get(show).post(complete))
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

async fn show(State(app): State<App>, Path(stage): Path<String>, Query(of): Query<Of>) -> Response {
    let shown = stage_of(&app, &stage, &of.session).map(|stage| page(&app, &form(stage, &of.session, ""), ""));
    shown.unwrap_or_else(|error| Failure(error).into_response())
}

async fn complete(State(app): State<App>, Path(stage): Path<String>, request: Request) -> Response {
    let peer = request.extensions().get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None });
    match try_complete(&app, &stage, &peer, request).await {
        Ok(response) => response,
        Err(error) => Failure(error).into_response(),
    }
}

async fn try_complete(app: &App, stage: &str, peer: &ClientAddress, request: Request) -> Result<Response> {
    edge::rate_limit(app, Rate::Registration, peer, None)?;
    let raw = read_body(request.into_body(), FORM_BYTES_MAX).await?;
    let filled: Filled = serde_html_form::from_bytes(&raw)
        .map_err(|_| Error::bad_json("The form is incomplete: go back and send it again."))?;
    let stage = stage_of(app, stage, &filled.session)?;
    let token = filled.token.as_deref().map(str::trim);
    if app.domain.uia.complete_on_page(&filled.session, stage, token).await? {
        return Ok(page(app, "<h1>Done</h1><p>You can go back to your app now.</p>", DONE));
    }
    Ok(page(app, &form(stage, &filled.session, "This token is not valid, or has been used up."), ""))
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
