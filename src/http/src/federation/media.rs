//! Local media for other servers, as `multipart/mixed` with a JSON metadata part that is reserved for later use
//! (server-server API, "Content Repository"). The bytes are streamed, which ruma's whole-body types cannot do.

use axum::body::Body;
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use hearth_base::{Error, Result};
use hearth_domain::media::serving::content_disposition;
use hearth_domain::media::{MediaFile, Method, Spec};
use http::{HeaderValue, header};
use ruma::api::federation::authenticated_media::{get_content, get_content_thumbnail};

use crate::App;
use crate::client::media_body;
use crate::route::{Endpoint, Ruma};

/// Random characters in a boundary: enough that no file contains it by chance.
const BOUNDARY_CHARS: usize = 40;

/// Registers download and thumbnail.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(download), Endpoint::new(thumbnail)]
}

async fn download(app: App, request: Ruma<get_content::v1::Request>) -> Result<Response> {
    let wait_ms = u64::try_from(request.timeout_ms.as_millis()).unwrap_or(u64::MAX);
    let file = app.domain.media.download_for_server(&request.media_id, wait_ms).await?;
    multipart(&app, &file).await
}

async fn thumbnail(app: App, request: Ruma<get_content_thumbnail::v1::Request>) -> Result<Response> {
    let wait_ms = u64::try_from(request.timeout_ms.as_millis()).unwrap_or(u64::MAX);
    let pixels = |number: ruma::UInt| u32::try_from(u64::from(number)).unwrap_or(u32::MAX);
    let method = match request.method {
        Some(ruma::media::Method::Crop) => Method::Crop,
        _ => Method::Scale,
    };
    let (width, height) = (pixels(request.width), pixels(request.height));
    let spec = Spec { width, height, method, animated: request.animated.unwrap_or(false) };
    let file = app.domain.media.thumbnail_for_server(&request.media_id, spec, wait_ms).await?;
    multipart(&app, &file).await
}

/// A body of two parts: an empty JSON object, and the file.
async fn multipart(app: &App, file: &MediaFile) -> Result<Response> {
    let boundary = app.domain.core.seams.random.alphanumeric(BOUNDARY_CHARS);
    let disposition = content_disposition(file.disposition, file.file_name.as_deref());
    let before = format!(
        "\r\n--{boundary}\r\nContent-Type: application/json\r\n\r\n{{}}\r\n--{boundary}\r\nContent-Type: {}\r\n\
         Content-Disposition: {disposition}\r\n\r\n",
        file.content_type
    );
    let after = format!("\r\n--{boundary}--\r\n");
    let length = before.len() as u64 + file.bytes + after.len() as u64;
    let piece = |text: String| stream::once(std::future::ready(Ok::<_, axum::Error>(Bytes::from(text))));
    let contents = media_body(app.domain.media.contents(file, None).await?).into_data_stream();
    let mut response = Response::new(Body::from_stream(piece(before).chain(contents).chain(piece(after))));
    let kind = HeaderValue::try_from(format!("multipart/mixed; boundary={boundary}"))
        .map_err(|error| Error::fault("writing a header about media", error))?;
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    Ok(response)
}
