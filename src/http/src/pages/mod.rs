//! The web pages: the page of an invite link, the page at `/`, and the few that the protocol requires of a homeserver.
//!
//! All are plain HTML in the reader's language, work without scripts (the protocol's login page excepted), and load
//! nothing: the content security policy forbids it.

mod clients;
mod home;
mod join;
mod join_view;
mod language;
pub(crate) mod markup;
pub(crate) mod strings;

use axum::response::{Html, IntoResponse, Response};
use hearth_admin::text::safe_text;
use hearth_base::limits::http::LANGUAGES_READ_MAX;
use hearth_base::limits::users::INVITE_NAME_CHARS_MAX;
use hearth_base::{Error, Reason};
use http::{HeaderName, HeaderValue, StatusCode, header};

pub(crate) use home::endpoints as home_endpoints;
pub(crate) use join::endpoints as join_endpoints;
pub(crate) use language::Language;

use crate::App;
use crate::edge::SameOriginOnly;
use crate::respond;
use clients::{APPS, ChatApp};
use markup::{Attr, Link, Markup, Tag};
use strings::{Strings, fill};

/// The style of all pages: readable on a phone, light or dark as the device prefers.
const STYLE: &str = include_str!("style.css");

/// A page to send.
#[derive(Debug)]
pub(crate) struct WebPage {
    pub(crate) status: StatusCode,
    pub(crate) title: String,
    pub(crate) language: Language,
    pub(crate) content: Markup,
    /// Constant text, for the pages of the protocol that cannot do without. Other pages have none.
    pub(crate) script: &'static str,
}

impl WebPage {
    /// A page without a script.
    pub(crate) fn new(status: StatusCode, language: Language, title: String, content: Markup) -> Self {
        Self { status, title, language, content, script: "" }
    }

    /// The page as a response. Pages that no other site has to read are kept from them: `is_own` leaves out the CORS
    /// headers, so that another site cannot read a form and send it.
    pub(crate) fn respond(self, app: &App, is_own: bool) -> Response {
        let nonce = app.domain.core.seams.random.alphanumeric(24);
        let server = app.domain.core.server_name.as_str();
        let policy = policy(&nonce, self.script);
        let html = self.html(&nonce, server);
        let (status, language) = (self.status, self.language.tag());
        let mut response = (status, Html(html)).into_response();
        if is_own {
            response.extensions_mut().insert(SameOriginOnly);
        }
        let headers = response.headers_mut();
        if let Ok(policy) = HeaderValue::from_str(&policy) {
            headers.insert(header::CONTENT_SECURITY_POLICY, policy);
        }
        let fixed: [(HeaderName, &'static str); 6] = [
            (header::CACHE_CONTROL, "no-store"),
            (header::CONTENT_LANGUAGE, language),
            (header::VARY, "Accept-Language"),
            (header::REFERRER_POLICY, "no-referrer"),
            (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            (HeaderName::from_static("x-robots-tag"), "noindex"),
        ];
        headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
        response
    }

    fn html(&self, nonce: &str, server: &str) -> String {
        let Self { language, script, .. } = self;
        let (mut title, mut footer) = (Markup::default(), Markup::default());
        title.text(&self.title);
        let text = fill(language.strings().footer, &[("server", server)]);
        footer.element(Tag::Footer, &[], |footer| footer.text_element(Tag::Small, &[], &text));
        let script =
            if script.is_empty() { String::new() } else { format!("<script nonce=\"{nonce}\">{script}</script>") };
        format!(
            "<!doctype html><html lang=\"{}\"><head><meta charset=\"utf-8\"><meta name=\"viewport\" \
             content=\"width=device-width, initial-scale=1\"><title>{}</title>\
             <style nonce=\"{nonce}\">{STYLE}</style></head><body><main>{}</main>{}{script}</body></html>",
            language.tag(),
            title.as_html(),
            self.content.as_html(),
            footer.as_html(),
        )
    }
}

fn policy(nonce: &str, script: &str) -> String {
    let scripts =
        if script.is_empty() { String::new() } else { format!("script-src 'nonce-{nonce}'; connect-src 'self'; ") };
    format!(
        "default-src 'none'; style-src 'nonce-{nonce}'; {scripts}form-action 'self'; base-uri 'none'; \
         frame-ancestors 'none'"
    )
}

/// The page in place of one that a request was refused.
pub(crate) fn failure(app: &App, language: Language, error: Error) -> Response {
    let strings = language.strings();
    let (title, text) = match error.reason() {
        Some(Reason::LimitExceeded { retry_after_ms }) => {
            let seconds = retry_after_ms.div_ceil(1_000).to_string();
            (strings.too_many_title, fill(strings.too_many, &[("seconds", &seconds)]))
        }
        Some(_) => (strings.trouble_title, fill(strings.trouble, &[("reason", &error.to_string())])),
        None => (strings.trouble_title, fill(strings.trouble, &[("reason", "")])),
    };
    // The status, `Retry-After` and the log entry of a fault are those of the API.
    let refused = respond::Failure(error).into_response();
    let mut response = notice(app, language, refused.status(), title, &text);
    if let Some(after) = refused.headers().get(header::RETRY_AFTER) {
        response.headers_mut().insert(header::RETRY_AFTER, after.clone());
    }
    response.extensions_mut().extend(refused.into_parts().0.extensions);
    response
}

/// A page with a title and a sentence.
fn notice(app: &App, language: Language, status: StatusCode, title: &str, text: &str) -> Response {
    let mut content = Markup::default();
    content.text_element(Tag::H1, &[], title);
    content.text_element(Tag::P, &[], text);
    WebPage::new(status, language, title.to_owned(), content).respond(app, true)
}

/// A name that another user chose, on one line and not too long.
fn shown_name(name: &str) -> String {
    let safe = safe_text(name.trim());
    match safe.char_indices().nth(INVITE_NAME_CHARS_MAX) {
        Some((end, _)) => format!("{}…", &safe[..end]),
        None => safe,
    }
}

/// The address of this server for apps, to copy.
fn server_address(content: &mut Markup, strings: &Strings, address: &str) {
    content.text_element(Tag::P, &[], strings.server_address);
    content.text_element(Tag::Code, &[(Attr::Class, "large")], address);
    content.text_element(Tag::Small, &[], strings.copy_hint);
}

/// The list of apps. `user` is the user name to sign in with, if it is known.
fn apps(content: &mut Markup, strings: &Strings, server: &str, user: &str) {
    content.element(Tag::Ul, &[], |list| {
        for app in APPS {
            list.element(Tag::Li, &[], |item| app_item(item, strings, app, (server, user)));
        }
    });
}

fn app_item(item: &mut Markup, strings: &Strings, app: &ChatApp, (server, user): (&str, &str)) {
    let runs_on = (app.runs_on)(strings);
    match app.home() {
        Some(home) => item.link(&home, app.name),
        None => item.text(app.name),
    }
    item.text(&format!(" ({runs_on})"));
    if let Some(login) = app.login(server, user) {
        item.text(" · ");
        item.link(&login, &fill(strings.in_browser, &[("app", app.name)]));
    }
    if let Some(limit) = app.limit {
        item.text(": ");
        item.text_element(Tag::Small, &[], limit(strings));
    }
}

/// A link to a user for apps that open Matrix URIs.
fn user_link(content: &mut Markup, user_id: &str) {
    let target = user_id.strip_prefix('@').map(|id| {
        let (localpart, server) = id.split_once(':').unwrap_or((id, ""));
        format!("matrix:u/{}:{}?action=chat", clients::encoded(localpart), clients::encoded(server))
    });
    match target.as_deref().and_then(Link::parse) {
        Some(link) => content.link(&link, user_id),
        None => content.text(user_id),
    }
}
