//! Token refresh and logout.

use std::time::Duration;

use hearth_base::Result;
use ruma::api::client::session::{logout, logout_all, refresh_token};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(refresh),
        // Logout ends a pending `/sync` of the device, but only after this response: some clients report an error if the
        // sync ends first.
        Endpoint::new(log_out).all_but_locked().locked().precedes_sync(),
        Endpoint::new(log_out_everywhere).all_but_locked().locked().precedes_sync(),
    ]
}

async fn refresh(app: App, request: Ruma<refresh_token::v3::Request>) -> Result<refresh_token::v3::Response> {
    let tokens = app.domain.accounts.refresh(&request.refresh_token).await?;
    let mut response = refresh_token::v3::Response::new(tokens.access_token);
    response.refresh_token = tokens.refresh_token;
    response.expires_in_ms = tokens.expires_in_ms.map(Duration::from_millis);
    Ok(response)
}

async fn log_out(app: App, request: Ruma<logout::v3::Request>) -> Result<logout::v3::Response> {
    app.domain.actions.log_out(request.user()?).await?;
    Ok(logout::v3::Response::new())
}

async fn log_out_everywhere(app: App, request: Ruma<logout_all::v3::Request>) -> Result<logout_all::v3::Response> {
    app.domain.actions.log_out_everywhere(request.user()?).await?;
    Ok(logout_all::v3::Response::new())
}
