//! The page at `/`, for people who open the server's address in a browser: that the server works, its address for apps,
//! and how to get an account. It tells strangers nothing else.

use axum::response::Response;
use hearth_base::Result;
use hearth_base::config::{RegistrationMode, Server};
use http::{Method, StatusCode};

use super::markup::{Attr, Link, Markup, Tag};
use super::strings::Strings;
use super::{Language, WebPage, apps, server_address, user_link};
use crate::App;
use crate::auth::Authentication;
use crate::base_url::base_url;
use crate::route::{Call, Endpoint};

/// `/`.
pub(crate) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::plain(Method::GET, ["/"], Authentication::None, show).page()]
}

async fn show(app: App, call: Call) -> Result<Response> {
    let language = Language::of(&call.headers);
    let strings = language.strings();
    let config = &app.domain.core.config;
    let server = app.domain.core.server_name.as_str();
    let mut content = Markup::default();
    content.text_element(Tag::H1, &[], server);
    match app.domain.admin.ailment() {
        None => content.text_element(Tag::P, &[(Attr::Class, "good")], strings.home_works),
        Some(_) => content.text_element(Tag::P, &[(Attr::Class, "alert"), (Attr::Role, "status")], strings.home_ails),
    }
    content.element(Tag::Section, &[(Attr::AriaLabelledBy, "apps")], |section| {
        section.text_element(Tag::H2, &[(Attr::Id, "apps")], strings.apps);
        section.text_element(Tag::P, &[], strings.home_have_account);
        apps(section, strings, server, "");
        server_address(section, strings, &base_url(config, &call.uri, &call.headers));
    });
    content.element(Tag::Section, &[(Attr::AriaLabelledBy, "how")], |section| {
        let is_open = app.domain.accounts.registration_mode() == RegistrationMode::Open;
        section.text_element(Tag::H2, &[(Attr::Id, "how")], strings.home_how_title);
        section.text_element(Tag::P, &[], if is_open { strings.home_open } else { strings.home_how });
        contacts(section, strings, &config.server);
    });
    Ok(WebPage::new(StatusCode::OK, language, server.to_owned(), content).respond(&app, true))
}

/// Who can be asked, as far as the configuration publishes it at `/.well-known/matrix/support`.
fn contacts(section: &mut Markup, strings: &Strings, config: &Server) {
    let mail = config.support_email.as_deref().and_then(|address| {
        let target = Link::parse(&format!("mailto:{address}"))?;
        Some((target, address))
    });
    if mail.is_some() || config.support_admin.is_some() {
        section.text_element(Tag::P, &[], strings.home_ask);
        section.element(Tag::Ul, &[], |list| {
            if let Some(admin) = &config.support_admin {
                list.element(Tag::Li, &[], |item| user_link(item, admin));
            }
            if let Some((target, address)) = &mail {
                list.element(Tag::Li, &[], |item| item.link(target, address));
            }
        });
    }
    if let Some(page) = config.support_page.as_deref().and_then(Link::parse) {
        section.element(Tag::P, &[], |line| line.link(&page, strings.home_help));
    }
}
