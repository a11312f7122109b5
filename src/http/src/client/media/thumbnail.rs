//! `GET /_matrix/client/v1/media/thumbnail/{serverName}/{mediaId}`.

use axum::response::Response;
use hearth_base::Result;
use hearth_domain::media::{Method, Spec};
use serde::Deserialize;

use super::download::wait_ms_default;
use super::serve::serve;
use crate::App;
use crate::route::Call;

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
pub(super) async fn thumbnail(app: App, call: Call) -> Result<Response> {
    let query: Query = call.query()?;
    let (server, id) = (call.param(0), call.param(1));
    let file = app.domain.federation.thumbnail(call.user()?, (server, id), query.spec(), query.timeout_ms).await?;
    serve(&app.domain.media, file, &call).await
}
