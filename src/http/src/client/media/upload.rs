//! `POST /_matrix/media/v3/upload` and `PUT /_matrix/media/v3/upload/{serverName}/{mediaId}`: the body is written to
//! disk as it arrives.

use axum::body::Body;
use hearth_base::{Reason, Result, error::refuse, limits};
use hearth_domain::media::{Described, MediaUpload};
use http::{Version, header};
use http_body::Body as _;
use http_body_util::BodyExt;
use ruma::OwnedMxcUri;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::App;
use crate::respond::Json;
use crate::route::{Call, drain};

/// The query parameters of an upload.
#[derive(Deserialize)]
struct Query {
    filename: Option<String>,
}

/// Uploads a file under a new media id.
pub(super) async fn upload(app: App, call: Call, body: Body) -> Result<Json<Value>> {
    let begun = app.domain.media.upload(call.user()?, described(&call, &body)?).await;
    let address = receive(begun, body, &call).await?;
    Ok(Json(json!({ "content_uri": address })))
}

/// Uploads a file under a media id that was reserved before.
pub(super) async fn upload_to(app: App, call: Call, body: Body) -> Result<Json<Value>> {
    let begun = app.domain.media.upload_to(call.user()?, call.param(0), call.param(1), described(&call, &body)?).await;
    receive(begun, body, &call).await?;
    Ok(Json(json!({})))
}

fn described(call: &Call, body: &Body) -> Result<Described> {
    let content_type = call.headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    Ok(Described {
        content_type: content_type.map(str::to_owned),
        file_name: call.query::<Query>()?.filename,
        bytes: body.size_hint().exact(),
    })
}

/// Reads the body of an upload that was permitted, or refuses it.
async fn receive(begun: Result<MediaUpload<'_>>, mut body: Body, call: &Call) -> Result<OwnedMxcUri> {
    // Reading would make hyper send "100 Continue" to a client that waits for permission.
    let waits = begun.is_err() && call.headers.contains_key(header::EXPECT);
    let received = match begun {
        Ok(upload) => take(upload, &mut body).await,
        Err(error) => Err(error),
    };
    if received.is_err() && !waits && call.version < Version::HTTP_2 {
        drain(&mut body, limits::MEDIA_DRAIN_BYTES_MAX, limits::MEDIA_DRAIN_MS_MAX).await;
    }
    received
}

async fn take(mut upload: MediaUpload<'_>, body: &mut Body) -> Result<OwnedMxcUri> {
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|_| refuse(Reason::Unknown, "The upload ended too early: send it again."))?;
        if let Ok(chunk) = frame.into_data() {
            upload.write(chunk).await?;
        }
    }
    upload.finish().await
}
