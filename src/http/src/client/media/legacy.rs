//! Downloads and thumbnails at the paths from before Matrix 1.11, for clients that know no others and send no token.
//! Enabled by `media.unauthenticated_downloads`. A token that is sent is validated as on other endpoints.

use axum::response::Response;
use hearth_base::{Error, Result};
use serde::Deserialize;

use super::download::{file, wait_ms_default};
use super::thumbnail::picture;
use crate::App;
use crate::auth::Authentication;
use crate::edge::{self, Rate};
use crate::route::{Call, Endpoint};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let by = Authentication::OptionalToken;
    vec![
        Endpoint::plain(http::Method::GET, at("download/{server}/{id}"), by, download).all_but_locked(),
        Endpoint::plain(http::Method::GET, at("download/{server}/{id}/{name}"), by, download_as).all_but_locked(),
        Endpoint::plain(http::Method::GET, at("thumbnail/{server}/{id}"), by, thumbnail).all_but_locked(),
    ]
}

fn at(rest: &'static str) -> impl Iterator<Item = String> {
    ["r0", "v1", "v3"].into_iter().map(move |version| format!("/_matrix/media/{version}/{rest}"))
}

/// The query parameters that only the old endpoints have. `allow_redirect` is a permission that this server does not
/// use.
#[derive(Deserialize)]
struct Query {
    #[serde(default = "yes")]
    allow_remote: bool,
    #[serde(default = "wait_ms_default")]
    timeout_ms: u64,
}

fn yes() -> bool {
    true
}

impl Query {
    fn wait_ms(&self) -> Option<u64> {
        self.allow_remote.then_some(self.timeout_ms)
    }
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}`.
async fn download(app: App, call: Call) -> Result<Response> {
    let query = admit(&app, &call)?;
    file(&app, call.requester.as_ref(), None, query.wait_ms(), &call).await
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}`.
async fn download_as(app: App, call: Call) -> Result<Response> {
    let query = admit(&app, &call)?;
    file(&app, call.requester.as_ref(), Some(call.param(2).to_owned()), query.wait_ms(), &call).await
}

/// `GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}`.
async fn thumbnail(app: App, call: Call) -> Result<Response> {
    let query = admit(&app, &call)?;
    picture(&app, call.requester.as_ref(), query.wait_ms(), &call).await
}

/// Refuses all requests unless the setting is on. Requests without a token have a rate limit by address, in addition to
/// the gate's, since they can make this server fetch remote files.
fn admit(app: &App, call: &Call) -> Result<Query> {
    if !app.domain.core.config.media.unauthenticated_downloads {
        // Client-server API 1.11, "Content repository": media uploaded after the freeze is not found at the old paths.
        return Err(Error::not_found(
            "Media is served only with an access token: use /_matrix/client/v1/media instead.",
        ));
    }
    if call.requester.is_none() {
        edge::rate_limit(app, Rate::Other, call.client, None)?;
    }
    call.query()
}
