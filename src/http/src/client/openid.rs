//! OpenID tokens.

use std::time::Duration;

use axum::Router;
use hearth_base::{Result, limits};
use ruma::api::client::account::request_openid_token;
use ruma::authentication::TokenType;

use crate::App;
use crate::edge::Rate;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new().endpoint(Bounds::rate(Rate::Other), request_token)
}

async fn request_token(
    app: App,
    request: Ruma<request_openid_token::v3::Request>,
) -> Result<request_openid_token::v3::Response> {
    let token = app.domain.personal.openid.issue(request.user()?, &request.user_id).await?;
    let expires_in = Duration::from_millis(limits::OPENID_TOKEN_MS_MAX);
    let server = app.domain.core.server_name.clone();
    Ok(request_openid_token::v3::Response::new(token, TokenType::Bearer, server, expires_in))
}
