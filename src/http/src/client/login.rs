//! Login.
//!
//! The request is parsed here and not by ruma, whose type panics without `type`, and lacks the `user` field of old
//! clients.

use std::time::Duration;

use axum::response::Response;
use hearth_base::{Error, Reason, Result, error::refuse};
use hearth_domain::accounts::{DeviceRequest, LoggedIn};
use hearth_domain::rates::Rate;
use http::Method;
use ruma::api::client::session::get_login_types::v3 as types;
use ruma::api::client::session::{get_login_token::v1 as get_token, login::v3 as login};
use serde::Deserialize;

use super::appservice;
use crate::App;
use crate::auth::Authentication;
use crate::json;
use crate::route::{Call, Endpoint, Ruma};

const PATHS: [&str; 2] = ["/_matrix/client/r0/login", "/_matrix/client/v3/login"];
const SSO_PATHS: [&str; 3] = [
    "/_matrix/client/r0/login/sso/redirect",
    "/_matrix/client/v3/login/sso/redirect",
    "/_matrix/client/v3/login/sso/redirect/{idp_id}",
];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(flows),
        Endpoint::plain(Method::POST, PATHS, Authentication::OptionalAppservice, log_in)
            .rate(Rate::Login)
            .appservices(),
        Endpoint::new(make_token).uia().suspended(),
        Endpoint::plain(Method::GET, SSO_PATHS, Authentication::None, no_sso),
    ]
}

async fn flows(app: App, _: Ruma<types::Request>) -> Result<types::Response> {
    let mut token = types::TokenLoginType::new();
    token.get_login_token = true;
    let mut flows = vec![types::LoginType::Password(types::PasswordLoginType::new()), types::LoginType::Token(token)];
    if app.domain.appservices.any() {
        flows.push(types::LoginType::ApplicationService(types::ApplicationServiceLoginType::new()));
    }
    Ok(types::Response::new(flows))
}

#[derive(Deserialize)]
struct Body {
    #[serde(rename = "type")]
    kind: String,
    identifier: Option<Identifier>,
    user: Option<String>,
    password: Option<String>,
    token: Option<String>,
    device_id: Option<String>,
    initial_device_display_name: Option<String>,
    refresh_token: Option<bool>,
}

#[derive(Deserialize)]
struct Identifier {
    #[serde(rename = "type")]
    kind: String,
    user: Option<String>,
}

impl Body {
    /// The user name: from the identifier, or from the `user` field that preceded identifiers.
    fn name(&self) -> Result<&str> {
        let name = match &self.identifier {
            Some(identifier) if identifier.kind == "m.id.user" => identifier.user.as_deref(),
            Some(identifier) => {
                let message = format!("Log in with a user name: {:?} is not supported here.", identifier.kind);
                return Err(refuse(Reason::Unknown, message));
            }
            None => self.user.as_deref(),
        };
        name.ok_or_else(|| missing("identifier.user"))
    }

    fn device(&self) -> DeviceRequest {
        DeviceRequest {
            id: self.device_id.as_deref().map(Into::into),
            name: self.initial_device_display_name.clone(),
            refreshable: self.refresh_token.unwrap_or(false),
        }
    }
}

fn missing(field: &str) -> Error {
    refuse(Reason::MissingParam, format!("The request has no {field:?}."))
}

async fn log_in(app: App, call: Call) -> Result<login::Response> {
    let session = session(&app, &call).await?;
    Ok(response(&app, session))
}

async fn session(app: &App, call: &Call) -> Result<LoggedIn> {
    let raw = &call.raw;
    let body: Body = serde_json::from_slice(raw).map_err(|error| json::explain_request(raw, &error.into()))?;
    let accounts = &app.domain.accounts;
    match body.kind.as_str() {
        "m.login.password" => {
            let password = body.password.as_deref().ok_or_else(|| missing("password"))?;
            accounts.log_in_by_password(body.name()?, password, body.device(), call.client.0).await
        }
        "m.login.token" => {
            let token = body.token.as_deref().ok_or_else(|| missing("token"))?;
            accounts.log_in_by_token(token, body.device()).await
        }
        "m.login.application_service" => {
            let service = appservice::of(call.requester.as_ref())?;
            app.domain.appservices.log_in(service, body.name()?, body.device()).await
        }
        other => Err(refuse(Reason::Unknown, format!("{other:?} is not among the ways to log in here."))),
    }
}

fn response(app: &App, session: LoggedIn) -> login::Response {
    let mut response = login::Response::new(session.user_id, session.tokens.access_token, session.device_id);
    response.refresh_token = session.tokens.refresh_token;
    response.expires_in = session.tokens.expires_in_ms.map(Duration::from_millis);
    // Clients switch to this URL, so only one from the configuration is reliable enough.
    let public = app.domain.core.config.server.public_baseurl.as_ref();
    response.well_known =
        public.map(|url| login::DiscoveryInfo::new(login::HomeserverInfo::new(url.as_str().to_owned())));
    response
}

async fn make_token(app: App, request: Ruma<get_token::Request>) -> Result<get_token::Response> {
    app.domain.uia.check(request.uia(hearth_domain::uia::PASSWORD)).await?;
    let (token, lifetime_ms) = app.domain.accounts.make_login_token(request.user()?)?;
    Ok(get_token::Response::new(Duration::from_millis(lifetime_ms), token))
}

async fn no_sso(_: App, _: Call) -> Result<Response> {
    Err(Error::not_found("No single sign-on is configured on this server: log in with a password."))
}
