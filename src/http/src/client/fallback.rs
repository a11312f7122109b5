//! Web pages for clients that do not support a stage of user-interactive authentication (client-server API,
//! "Fallback"). Plain HTML that works without scripts; one small script notifies the client when the stage is done.

use axum::response::Response;
use hearth_base::{Error, Result, limits};
use hearth_domain::rates::Rate;
use hearth_domain::uia::Stage;
use http::{Method, StatusCode};
use serde::Deserialize;

use crate::App;
use crate::auth::Authentication;
use crate::pages::markup::{Attr, Markup, Tag};
use crate::pages::{Language, WebPage};
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
    Ok(form_page(&app, &call, stage, &of.session, ""))
}

async fn complete(app: App, call: Call) -> Result<Response> {
    let filled: Filled = serde_html_form::from_bytes(&call.raw)
        .map_err(|_| Error::bad_json("The form is incomplete: go back and send it again."))?;
    let stage = stage_of(&app, call.param(0), &filled.session)?;
    let token = filled.token.as_deref().map(str::trim);
    if app.domain.uia.complete_on_page(&filled.session, stage, token).await? {
        let language = Language::of(&call.headers);
        let strings = language.strings();
        let mut content = Markup::default();
        content.text_element(Tag::H1, &[], strings.done_title);
        content.text_element(Tag::P, &[], strings.done);
        let page = WebPage::new(StatusCode::OK, language, strings.done_title.to_owned(), content);
        return Ok(WebPage { script: DONE, ..page }.respond(&app, false));
    }
    let problem = Language::of(&call.headers).strings().token_invalid;
    Ok(form_page(&app, &call, stage, &filled.session, problem))
}

fn stage_of(app: &App, name: &str, session: &str) -> Result<Stage> {
    let stage = Stage::from_name(name).filter(|stage| *stage != Stage::Password);
    let stage = stage.ok_or_else(|| Error::not_found("There is no page for this: use your app."))?;
    if !app.domain.uia.knows(session) {
        return Err(Error::not_found("This session is unknown or too old: start again in your app."));
    }
    Ok(stage)
}

fn form_page(app: &App, call: &Call, stage: Stage, session: &str, problem: &str) -> Response {
    let language = Language::of(&call.headers);
    let title = language.strings().continue_title.to_owned();
    WebPage::new(StatusCode::OK, language, title, form(language, stage, session, problem)).respond(app, false)
}

fn form(language: Language, stage: Stage, session: &str, problem: &str) -> Markup {
    let (strings, mut content) = (language.strings(), Markup::default());
    content.text_element(Tag::H1, &[], strings.continue_title);
    if !problem.is_empty() {
        content.text_element(Tag::P, &[(Attr::Class, "alert"), (Attr::Role, "alert")], problem);
    }
    content.element(Tag::Form, &[(Attr::Method, "post")], |form| {
        form.input(&[(Attr::Type, "hidden"), (Attr::Name, "session"), (Attr::Value, session)]);
        if stage == Stage::RegistrationToken {
            form.text_element(Tag::P, &[], strings.token_needed);
            form.text_element(Tag::Label, &[(Attr::For, "token")], strings.token);
            form.input(&[
                (Attr::Id, "token"),
                (Attr::Name, "token"),
                (Attr::Maxlength, "64"),
                (Attr::Autocomplete, "off"),
                (Attr::Autocapitalize, "none"),
                (Attr::Required, ""),
            ]);
        } else {
            form.text_element(Tag::P, &[], strings.nothing_needed);
        }
        form.text_element(Tag::Button, &[(Attr::Type, "submit")], strings.continue_button);
    });
    content
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_comes_from_outside_is_text_on_the_page() {
        let form = form(Language::English, Stage::Dummy, "\"><script>alert('x')</script>", "");
        let form = form.as_html();
        assert!(!form.contains("<script>"), "{form}");
        assert!(form.contains("&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)"), "{form}");
    }
}
