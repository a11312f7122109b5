//! TURN credentials for calls.

use hearth_base::Result;
use ruma::api::client::voip::get_turn_server_info;
use serde_json::{Value, json};

use crate::App;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(turn_server).all_but_locked()]
}

// Without a relay the response is an empty object, which clients understand and ruma's type cannot represent.
async fn turn_server(app: App, request: Ruma<get_turn_server_info::v3::Request>) -> Result<Json<Value>> {
    let Some(relay) = app.domain.calls.relay(request.user()?) else { return Ok(Json(json!({}))) };
    let (username, password, uris) = (relay.credentials.username, relay.credentials.password, relay.uris);
    let ttl_s = relay.lifetime_ms / 1_000;
    Ok(Json(json!({ "username": username, "password": password, "uris": uris, "ttl": ttl_s })))
}
