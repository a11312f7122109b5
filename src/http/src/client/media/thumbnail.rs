//! `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`.

use axum::extract::{Path, Request, State};
use axum::response::Response;
use hearth_domain::Requester;
use hearth_domain::media::{Method, Spec};
use http::request::Parts;
use serde::Deserialize;

use super::download::wait_ms_default;
use super::serve::serve;
use crate::App;
use crate::respond::Failure;

/// The query of a thumbnail.
#[derive(Deserialize)]
struct Query {
    width: u32,
    height: u32,
    #[serde(default)]
    method: Fit,
    #[serde(default)]
    animated: bool,
    #[serde(default = "wait_ms_default")]
    timeout_ms: u64,
}

/// How the picture is fitted.
#[derive(Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Fit {
    #[default]
    Scale,
    Crop,
}

impl Query {
    fn spec(&self) -> Spec {
        let method = match self.method {
            Fit::Scale => Method::Scale,
            Fit::Crop => Method::Crop,
        };
        Spec { width: self.width, height: self.height, method, animated: self.animated }
    }
}

/// A thumbnail, of the standard size that is at least as large as what was asked for.
pub(super) async fn thumbnail(
    State(app): State<App>,
    Path((server, id)): Path<(String, String)>,
    request: Request,
) -> Result<Response, Failure> {
    let (parts, _) = request.into_parts();
    let who = super::user(&app, &parts).await?;
    let wait_ms = super::query::<Query>(&parts)?.timeout_ms;
    picture(&app, Some(&who), (&server, &id), wait_ms.into(), &parts).await
}

/// A thumbnail. Without `wait_ms`, media of another server is not fetched.
pub(super) async fn picture(
    app: &App,
    who: Option<&Requester>,
    address: (&str, &str),
    wait_ms: Option<u64>,
    parts: &Parts,
) -> Result<Response, Failure> {
    let spec = super::query::<Query>(parts)?.spec();
    let file = app.domain.actions.thumbnail(who, address, spec, wait_ms).await?;
    Ok(serve(&app.domain.media, file, parts).await?)
}
