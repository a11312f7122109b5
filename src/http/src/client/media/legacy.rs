//! Downloads and thumbnails at the paths from before Matrix 1.11, for clients that know no others and send no token: only where
//! `media.unauthenticated_downloads` is set. A token that does come is checked as everywhere.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use hearth_base::{Error, Result};
use hearth_domain::Requester;
use hearth_domain::rates::Rate;
use http::request::Parts;
use serde::Deserialize;

use super::download::{file, wait_ms_default};
use super::thumbnail::picture;
use crate::App;
use crate::auth::Need;
use crate::edge;
use crate::respond::Failure;

/// What the old endpoints have in their query beside what the new ones have. `allow_redirect` is a permission that is not used.
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
pub(super) async fn download(
    State(app): State<App>,
    Path((server, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let (who, query) = admit(&app, &parts).await?;
    file(&app, who.as_ref(), (&server, &id), None, query.wait_ms(), &parts).await
}

/// `GET /_matrix/media/v3/download/{serverName}/{mediaId}/{fileName}`.
pub(super) async fn download_as(
    State(app): State<App>,
    Path((server, id, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let (who, query) = admit(&app, &parts).await?;
    file(&app, who.as_ref(), (&server, &id), Some(name), query.wait_ms(), &parts).await
}

/// `GET /_matrix/media/v3/thumbnail/{serverName}/{mediaId}`.
pub(super) async fn thumbnail(
    State(app): State<App>,
    Path((server, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let (who, query) = admit(&app, &parts).await?;
    picture(&app, who.as_ref(), (&server, &id), query.wait_ms(), &parts).await
}

/// Refuses all requests unless the setting is on. Requests without a token are limited by address, since they can make this
/// server fetch files.
async fn admit(app: &App, parts: &Parts) -> Result<(Option<Requester>, Query)> {
    if !app.domain.core.config.media.unauthenticated_downloads {
        // Client-server API 1.11, "Content repository": what was uploaded after the freeze is not found at the old paths.
        return Err(Error::not_found(
            "Media is served only with an access token: use /_matrix/client/v1/media instead.",
        ));
    }
    let who = super::requester(app, parts, Need::Optional).await?;
    if who.is_none() {
        edge::rate_limit(app, Rate::Other, &super::peer(parts), None)?;
    }
    Ok((who, super::query(parts)?))
}
