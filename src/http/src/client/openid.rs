//! OpenID tokens.

use std::time::Duration;

use hearth_base::{Result, limits};
use ruma::api::client::account::request_openid_token;
use ruma::authentication::TokenType;

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// A path that Element iOS calls.
const OLD_PATHS: &[&str] = &["/_matrix/client/unstable/user/{user_id}/openid/request_token"];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(request_token).also_at(OLD_PATHS).rate(Rate::Other).appservices()]
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
