//! Making an account.

use std::time::Duration;

use hearth_base::{Reason, Result, error::refuse};
use hearth_domain::accounts::{Authority, DeviceRequest, LoggedIn, NewAccount};
use hearth_domain::rates::Rate;
use hearth_domain::uia::Passed;
use ruma::OwnedUserId;
use ruma::api::client::account::register::{LoginType, RegistrationKind, v3 as register};
use ruma::api::client::account::{check_registration_token_validity, get_username_availability};

use super::appservice;
use crate::App;
use crate::edge;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(create).uia().rate(Rate::Other).appservices(),
        Endpoint::new(available).rate(Rate::Other),
        Endpoint::new(token_validity).rate(Rate::Registration),
    ]
}

async fn create(app: App, request: Ruma<register::Request>) -> Result<register::Response> {
    if request.login_type == Some(LoginType::ApplicationService) {
        return appservice_user(&app, &request).await;
    }
    if request.call.requester.is_some() {
        let message = "An application service registers users with the type m.login.application_service.";
        return Err(refuse(Reason::Unknown, message));
    }
    let authority = if request.kind == RegistrationKind::Guest {
        edge::rate_limit(&app, Rate::Registration, request.call.client, None)?;
        Authority::Guest
    } else {
        prove(&app, &request).await?
    };
    let password = request.password.clone().filter(|_| authority != Authority::Guest);
    let localpart = request.username.clone().filter(|_| authority != Authority::Guest);
    let device = device(&request);
    let new = NewAccount { localpart, displayname: None, password, admin: false, authority };
    let (user_id, session) = app.domain.accounts.register(new, device).await?;
    Ok(response(user_id, session))
}

/// The device to log in with, unless that is not wanted.
fn device(request: &register::Request) -> Option<DeviceRequest> {
    (!request.inhibit_login).then(|| DeviceRequest {
        id: request.device_id.clone(),
        name: request.initial_device_display_name.clone(),
        refreshable: request.refresh_token,
    })
}

fn response(user_id: OwnedUserId, session: Option<LoggedIn>) -> register::Response {
    let mut response = register::Response::new(user_id);
    if let Some(session) = session {
        response.device_id = Some(session.device_id);
        response.access_token = Some(session.tokens.access_token);
        response.refresh_token = session.tokens.refresh_token;
        response.expires_in = session.tokens.expires_in_ms.map(Duration::from_millis);
    }
    response
}

/// Makes a user of an application service.
async fn appservice_user(app: &App, request: &Ruma<register::Request>) -> Result<register::Response> {
    let service = appservice::of(request.call.requester.as_ref())?;
    let registered = app.domain.appservices.register(service, request.username.clone(), device(request));
    let (user_id, session) = registered.await?;
    Ok(response(user_id, session))
}

/// The proof that a person may register; only whoever tries one uses up the limit, not whoever asks what it takes.
async fn prove(app: &App, request: &Ruma<register::Request>) -> Result<Authority> {
    let accounts = &app.domain.accounts;
    let flows = accounts.registration_flows().await?;
    if request.call.auth.is_some() {
        edge::rate_limit(app, Rate::Registration, request.call.client, None)?;
    }
    accounts.check_application(request.username.as_deref(), request.password.as_deref()).await?;
    let Passed { registration_token } = app.domain.uia.check(request.uia(flows)).await?;
    Ok(registration_token.map_or(Authority::Anyone, Authority::Token))
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
