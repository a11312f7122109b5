//! Shared-secret registration, at the path and in the form that Synapse gave it: set-up scripts and test suites use it.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use hearth_base::{Result, limits};
use hearth_domain::accounts::SharedSecretRequest;
use hearth_domain::rates::Rate;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::app::{App, ClientAddress};
use crate::respond::Failure;
use crate::route::read_body;
use crate::{edge, json as json_rules};

/// The routes of shared-secret registration.
pub(super) fn routes() -> Router<App> {
    Router::new().route("/_synapse/admin/v1/register", get(nonce).post(register))
}

#[derive(Deserialize)]
struct Body {
    nonce: String,
    username: String,
    password: String,
    displayname: Option<String>,
    #[serde(default)]
    admin: bool,
    user_type: Option<String>,
    mac: String,
}

async fn nonce(State(app): State<App>) -> Response {
    match app.domain.accounts.registration_nonce() {
        Ok(nonce) => Json(json!({ "nonce": nonce })).into_response(),
        Err(error) => Failure(error).into_response(),
    }
}

async fn register(State(app): State<App>, request: Request) -> Response {
    match try_register(&app, request).await {
        Ok(answer) => Json(answer).into_response(),
        Err(error) => Failure(error).into_response(),
    }
}

async fn try_register(app: &App, request: Request) -> Result<Value> {
    let peer = request.extensions().get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None });
    edge::rate_limit(app, Rate::Other, &peer, None)?;
    let raw = read_body(request.into_body(), limits::BODY_BYTES_MAX).await?;
    json_rules::check_depth(&raw)?;
    let body: Body = serde_json::from_slice(&raw).map_err(|error| json_rules::explain(&raw, &error))?;
    let wanted = SharedSecretRequest {
        nonce: body.nonce,
        username: body.username,
        displayname: body.displayname,
        password: body.password,
        admin: body.admin,
        user_type: body.user_type,
        mac: body.mac,
    };
    let session = app.domain.accounts.register_by_secret(wanted).await?;
    Ok(json!({
        "access_token": session.tokens.access_token,
        "user_id": session.user_id,
        "home_server": app.domain.core.server_name,
        "device_id": session.device_id,
    }))
}
