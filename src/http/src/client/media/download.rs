//! `GET /_matrix/client/v1/media/download/{serverName}/{mediaId}`, with and without a file name.
//!
//! Responds with the bytes and never with a redirect, which `allow_redirect` permits and does not require.

use axum::response::Response;
use hearth_base::{Result, limits};
use hearth_domain::Requester;
use serde::Deserialize;

use super::serve::serve;
use crate::App;
use crate::route::Call;

/// The query parameters of a download.
#[derive(Deserialize)]
struct Query {
    #[serde(default = "wait_ms_default")]
    timeout_ms: u64,
}

pub(super) fn wait_ms_default() -> u64 {
    limits::MEDIA_WAIT_MS_DEFAULT
}

/// Downloads a file under the name that it was uploaded with.
pub(super) async fn download(app: App, call: Call) -> Result<Response> {
    answer(&app, &call, None).await
}

/// Downloads a file under the name in the path.
pub(super) async fn download_as(app: App, call: Call) -> Result<Response> {
    let name = call.param(2).to_owned();
    answer(&app, &call, Some(name)).await
}

async fn answer(app: &App, call: &Call, name: Option<String>) -> Result<Response> {
    let Query { timeout_ms } = call.query()?;
    file(app, Some(call.user()?), name, timeout_ms.into(), call).await
}

/// The file that the path names. Remote media is fetched only if `wait_ms` is given.
pub(super) async fn file(
    app: &App,
    who: Option<&Requester>,
    name: Option<String>,
    wait_ms: Option<u64>,
    call: &Call,
) -> Result<Response> {
    let (server, id) = (call.param(0), call.param(1));
    let mut file = app.domain.actions.download(who, server, id, wait_ms).await?;
    file.file_name = name.or(file.file_name);
    serve(&app.domain.media, file, call).await
}
