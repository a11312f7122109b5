//! `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`.

use axum::response::Response;
use hearth_base::Result;
use hearth_domain::Requester;
use hearth_domain::media::{Method, Spec};
use serde::Deserialize;

use super::download::wait_ms_default;
use super::serve::serve;
use crate::App;
use crate::route::Call;

/// The query parameters of a thumbnail.
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

/// How the image is fitted to the requested size.
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

/// Responds with a thumbnail of the smallest standard size that covers the requested size.
pub(super) async fn thumbnail(app: App, call: Call) -> Result<Response> {
    let wait_ms = call.query::<Query>()?.timeout_ms;
    picture(&app, Some(call.user()?), wait_ms.into(), &call).await
}

/// The thumbnail for a path and query. Remote media is fetched only if `wait_ms` is given.
pub(super) async fn picture(app: &App, who: Option<&Requester>, wait_ms: Option<u64>, call: &Call) -> Result<Response> {
    let spec = call.query::<Query>()?.spec();
    let file = app.domain.actions.thumbnail(who, (call.param(0), call.param(1)), spec, wait_ms).await?;
    serve(&app.domain.media, file, call).await
}
