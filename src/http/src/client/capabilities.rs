//! What clients may offer their users here. Written as it stands: ruma leaves out what is as the specification assumes,
//! and not every client assumes the same.

use axum::extract::{Request, State};
use axum::response::{IntoResponse, Response};
use axum::{Json, Router, routing::get};
use hearth_base::Result;
use hearth_domain::rooms::event::version;
use http::request::Parts;
use serde_json::{Value, json};

use crate::app::{App, ClientAddress};
use crate::auth::{self, Need};
use crate::respond::Failure;

pub(super) fn routes() -> Router<App> {
    Router::new()
        .route("/_matrix/client/r0/capabilities", get(show))
        .route("/_matrix/client/v3/capabilities", get(show))
}

async fn show(State(app): State<App>, request: Request) -> Response {
    match capabilities(&app, &request.into_parts().0).await {
        Ok(found) => Json(found).into_response(),
        Err(error) => Failure(error).into_response(),
    }
}

async fn capabilities(app: &App, request: &Parts) -> Result<Value> {
    let peer = request.extensions.get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None });
    let asks = auth::requester(app, Need::Token, &request.headers, request.uri.query(), &peer).await?;
    let versions = version::SUPPORTED.iter().map(|version| (version.to_string(), json!("stable")));
    let person = asks.as_ref().is_some_and(|asks| !asks.guest);
    let mut capabilities = json!({
        "m.room_versions": {
            "default": app.domain.core.config.rooms.default_version,
            "available": versions.collect::<serde_json::Map<_, _>>(),
        },
        "m.change_password": { "enabled": person },
        "m.set_displayname": { "enabled": true },
        "m.set_avatar_url": { "enabled": true },
        "m.profile_fields": { "enabled": true },
        "m.3pid_changes": { "enabled": false },
        "m.get_login_token": { "enabled": person },
        "m.forget_forced_upon_leave": { "enabled": false },
    });
    if asks.is_some_and(|asks| asks.admin) {
        capabilities["m.account_moderation"] = json!({ "suspend": true, "lock": true });
    }
    Ok(json!({ "capabilities": capabilities }))
}
