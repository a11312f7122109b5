//! `GET /_matrix/client/v1/media/preview_url`. `ts` is not used: the newest preview is always permitted.

use hearth_base::{Error, Reason, Result, error::refuse};
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::App;
use crate::respond::Json;
use crate::route::Call;

/// The query parameters.
#[derive(Deserialize)]
struct Query {
    url: Option<String>,
}

/// Shows what a page says about itself.
pub(super) async fn preview(app: App, call: Call) -> Result<Json<Box<RawValue>>> {
    let Query { url } = call.query()?;
    let url = url.ok_or_else(|| refuse(Reason::MissingParam, "The query must have a `url`."))?;
    let json = app.domain.previews.preview(call.user()?, &url).await?;
    RawValue::from_string(json).map(Json).map_err(|error| Error::fault("reading a preview", error))
}
