//! `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`, with or without another file name.
//!
//! Answers with the bytes themselves, never with a redirect, which `allow_redirect` would allow and does not demand.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use hearth_base::limits;
use hearth_domain::Requester;
use http::request::Parts;
use serde::Deserialize;

use super::serve::serve;
use crate::App;
use crate::respond::Failure;

/// The query of a download.
#[derive(Deserialize)]
struct Query {
    #[serde(default = "wait_ms_default")]
    timeout_ms: u64,
}

pub(super) fn wait_ms_default() -> u64 {
    limits::MEDIA_WAIT_MS_DEFAULT
}

/// Under the name it was uploaded with.
pub(super) async fn download(
    State(app): State<App>,
    Path((server, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    answer(&app, &server, &id, None, request).await
}

/// Under the name in the path.
pub(super) async fn download_as(
    State(app): State<App>,
    Path((server, id, name)): Path<(String, String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    answer(&app, &server, &id, Some(name), request).await
}

async fn answer(
    app: &App,
    server: &str,
    id: &str,
    name: Option<String>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let who = super::user(app, &parts).await?;
    let Query { timeout_ms } = super::query(&parts)?;
    file(app, Some(&who), (server, id), name, timeout_ms.into(), &parts).await
}

/// A file. Without `wait_ms`, media of another server is not fetched.
pub(super) async fn file(
    app: &App,
    who: Option<&Requester>,
    (server, id): (&str, &str),
    name: Option<String>,
    wait_ms: Option<u64>,
    parts: &Parts,
) -> Result<Response, Failure> {
    let mut file = app.domain.actions.download(who, server, id, wait_ms).await?;
    file.file_name = name.or(file.file_name);
    Ok(serve(&app.domain.media, file, parts).await?)
}
