//! `/health`, for monitoring.

use axum::response::{IntoResponse, Response};
use hearth_base::Result;
use http::{Method, StatusCode};

use crate::App;
use crate::auth::Authentication;
use crate::route::{Call, Endpoint};

/// `/health`.
pub fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::plain(Method::GET, ["/health"], Authentication::None, health)]
}

/// 200 while the server can serve requests; 503 when the database cannot accept writes.
async fn health(app: App, _: Call) -> Result<Response> {
    Ok(match app.domain.admin.ailment() {
        None => (StatusCode::OK, "OK").into_response(),
        Some(ailment) => (StatusCode::SERVICE_UNAVAILABLE, ailment.what()).into_response(),
    })
}
