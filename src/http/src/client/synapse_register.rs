//! Shared-secret registration with Synapse's path and format, which set-up scripts and test suites use.

use hearth_base::Result;
use hearth_domain::accounts::SharedSecretRequest;
use hearth_domain::rates::Rate;
use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::App;
use crate::auth::Authentication;
use crate::respond::Json;
use crate::route::{Call, Endpoint};

const PATH: &str = "/_synapse/admin/v1/register";

/// The endpoints of shared-secret registration.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::plain(Method::GET, [PATH], Authentication::None, nonce),
        Endpoint::plain(Method::POST, [PATH], Authentication::None, register).rate(Rate::Other),
    ]
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

async fn nonce(app: App, _: Call) -> Result<Json<Value>> {
    Ok(Json(json!({ "nonce": app.domain.accounts.registration_nonce()? })))
}

async fn register(app: App, call: Call) -> Result<Json<Value>> {
    let body: Body = call.json()?;
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
    Ok(Json(json!({
        "access_token": session.tokens.access_token,
        "user_id": session.user_id,
        "home_server": app.domain.core.server_name,
        "device_id": session.device_id,
    })))
}
