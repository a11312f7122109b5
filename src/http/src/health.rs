//! `/health` for monitoring, and `/` for a user who opens the server's address in a browser.

use axum::response::{IntoResponse, Response};
use hearth_base::Result;
use http::{Method, StatusCode};

use crate::App;
use crate::auth::Authentication;
use crate::base_url::base_url;
use crate::route::{Call, Endpoint};

/// `/health` and `/`.
pub fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::plain(Method::GET, ["/"], Authentication::None, landing),
        Endpoint::plain(Method::GET, ["/health"], Authentication::None, health),
    ]
}

/// 200 while the server can serve requests; 503 when the database cannot accept writes.
async fn health(app: App, _: Call) -> Result<Response> {
    Ok(match app.domain.admin.ailment() {
        None => (StatusCode::OK, "OK").into_response(),
        Some(ailment) => (StatusCode::SERVICE_UNAVAILABLE, ailment.what()).into_response(),
    })
}

async fn landing(app: App, call: Call) -> Result<Response> {
    let config = &app.domain.core.config;
    let text = format!(
        "Hearth, the Matrix homeserver of {}, is running.\n\n\
         To use it, open a Matrix client such as Element (https://element.io/download) and enter this as homeserver:\n\n    {}\n",
        config.server.name,
        base_url(config, &call.uri, &call.headers),
    );
    Ok(text.into_response())
}
