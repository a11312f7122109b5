//! Registration of accounts.

use hearth_base::{Reason, Result, error::refuse};
use hearth_domain::accounts::{Authority, DeviceRequest, LoggedIn, NewAccount};
use hearth_domain::rates::Rate;
use hearth_domain::uia::{Passed, Stage, Uia};
use ruma::api::client::account::register::{LoginType, RegistrationKind, v3 as register};
use ruma::api::client::account::{check_registration_token_validity, get_username_availability};
use ruma::{OwnedDeviceId, OwnedUserId};
use serde::Serialize;
use serde_json::Value;

use super::appservice;
use crate::App;
use crate::edge;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(create).uia().rate(Rate::Other).appservices(),
        Endpoint::new(available).rate(Rate::Other),
        Endpoint::new(token_validity).rate(Rate::Registration),
    ]
}

async fn create(app: App, request: Ruma<register::Request>) -> Result<Json<Registered>> {
    if request.login_type == Some(LoginType::ApplicationService) {
        return appservice_user(&app, &request).await;
    }
    if request.call.requester.is_some() {
        let message = "An application service registers users with the type m.login.application_service.";
        return Err(refuse(Reason::Unknown, message));
    }
    if request.kind == RegistrationKind::Guest {
        edge::rate_limit(&app, Rate::Registration, request.call.client, None)?;
        let new = NewAccount {
            localpart: None,
            displayname: None,
            password: None,
            admin: false,
            authority: Authority::Guest,
        };
        let (user_id, session) = app.domain.actions.register(new, device(&request)).await?;
        return Ok(response(user_id, session));
    }
    let session = request.call.auth.as_ref().and_then(|auth| auth.get("session")).and_then(Value::as_str);
    let _turn = app.domain.uia.registration_turn(session).await;
    if let Some(user_id) = session.and_then(|session| app.domain.uia.registered(session)) {
        return again(&app, &request, user_id).await;
    }
    let Passed { registration_token, session } = prove(&app, &request).await?;
    let authority = registration_token.map_or(Authority::Anyone, Authority::Token);
    let (localpart, password) = (request.username.clone(), request.password.clone());
    let new = NewAccount { localpart, displayname: None, password, admin: false, authority };
    let (user_id, logged_in) = app.domain.actions.register(new, device(&request)).await?;
    app.domain.uia.note_registered(&session, &user_id);
    Ok(response(user_id, logged_in))
}

/// Answers the retry of a client whose registration succeeded and whose response was lost. The completed session
/// authenticates it: only this client knows the session id.
async fn again(app: &App, request: &Ruma<register::Request>, user_id: OwnedUserId) -> Result<Json<Registered>> {
    edge::rate_limit(app, Rate::Registration, request.call.client, None)?;
    let session = match device(request) {
        Some(device) => Some(app.domain.accounts.log_in_trusted(&user_id, device).await?),
        None => None,
    };
    Ok(response(user_id, session))
}

/// The device to log in; `None` with `inhibit_login`.
fn device(request: &register::Request) -> Option<DeviceRequest> {
    (!request.inhibit_login).then(|| DeviceRequest {
        id: request.device_id.clone(),
        name: request.initial_device_display_name.clone(),
        refreshable: request.refresh_token,
    })
}

/// The response to `/register`. Ruma's type has a null device id when no device is logged in.
#[derive(Debug, Serialize)]
struct Registered {
    user_id: OwnedUserId,
    #[serde(skip_serializing_if = "Option::is_none")]
    device_id: Option<OwnedDeviceId>,
    #[serde(skip_serializing_if = "Option::is_none")]
    access_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refresh_token: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    expires_in_ms: Option<u64>,
}

fn response(user_id: OwnedUserId, session: Option<LoggedIn>) -> Json<Registered> {
    let (device_id, tokens) = session.map(|session| (session.device_id, session.tokens)).unzip();
    let (access_token, refresh_token, expires_in_ms) = tokens
        .map_or((None, None, None), |tokens| (Some(tokens.access_token), tokens.refresh_token, tokens.expires_in_ms));
    Json(Registered { user_id, device_id, access_token, refresh_token, expires_in_ms })
}

/// Registers a user of an application service.
async fn appservice_user(app: &App, request: &Ruma<register::Request>) -> Result<Json<Registered>> {
    let service = appservice::of(request.call.requester.as_ref())?;
    let registered = app.domain.appservices.register(service, request.username.clone(), device(request));
    let (user_id, session) = registered.await?;
    Ok(response(user_id, session))
}

/// Completes user-interactive authentication. Only an attempt counts against the rate limit, not a request for the
/// available flows.
async fn prove(app: &App, request: &Ruma<register::Request>) -> Result<Passed> {
    let accounts = &app.domain.accounts;
    let flows = accounts.registration_flows().await?;
    if request.call.auth.as_ref().is_some_and(|auth| is_attempt(&app.domain.uia, auth)) {
        edge::rate_limit(app, Rate::Registration, request.call.client, None)?;
    }
    accounts.check_application(request.username.as_deref(), request.password.as_deref()).await?;
    app.domain.uia.check(request.uia(flows)).await
}

/// Whether this can guess a token or create an account. The last stage of a flow with a token does not count: the token
/// did, and people behind one router register with few attempts.
fn is_attempt(uia: &Uia, auth: &Value) -> bool {
    let text = |field: &str| auth.get(field).and_then(Value::as_str);
    let proved = || text("session").is_some_and(|session| uia.has_token(session));
    text("type").is_some_and(|kind| kind != Stage::Dummy.name() || !proved())
}

async fn available(
    app: App,
    request: Ruma<get_username_availability::v3::Request>,
) -> Result<get_username_availability::v3::Response> {
    app.domain.accounts.check_username(&request.username).await?;
    Ok(get_username_availability::v3::Response::new(true))
}

async fn token_validity(
    app: App,
    request: Ruma<check_registration_token_validity::v1::Request>,
) -> Result<check_registration_token_validity::v1::Response> {
    let valid = app.domain.accounts.registration_token_valid(&request.token).await?;
    Ok(check_registration_token_validity::v1::Response::new(valid))
}
