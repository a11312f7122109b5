//! `/health`, for whatever watches over the server, and `/`, for whoever opens its address in a browser.

use axum::Router;
use axum::extract::State;
use axum::response::IntoResponse;
use axum::routing::get;
use http::StatusCode;

use crate::App;

/// Both routes.
pub fn routes() -> Router<App> {
    Router::new().route("/", get(landing)).route("/health", get(health))
}

/// 200 while requests can be served; 503 when the database cannot take what clients send.
async fn health(State(app): State<App>) -> impl IntoResponse {
    match app.domain.admin.ailment() {
        None => (StatusCode::OK, "OK"),
        Some(ailment) => (StatusCode::SERVICE_UNAVAILABLE, ailment.what()),
    }
}

async fn landing(State(app): State<App>) -> String {
    let config = &app.domain.core.config;
    format!(
        "Hearth, the Matrix homeserver of {}, is running.\n\n\
         To use it, open a Matrix client such as Element (https://element.io/download) and enter this as homeserver:\n\n    {}\n",
        config.server.name,
        config.public_baseurl(),
    )
}
