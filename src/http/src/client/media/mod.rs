//! Uploads, downloads and thumbnails (client-server API, "Content repository").
//!
//! Bytes are streamed in both directions, which ruma's whole-body types cannot do, so these are plain handlers; ruma
//! supplies only the paths. Unless `media.unauthenticated_downloads` is set, media requires a token: the old paths
//! respond with `M_NOT_FOUND`, as the specification requires of a server that has frozen them.

mod download;
mod legacy;
mod preview;
mod serve;
mod thumbnail;
mod upload;

pub(crate) use serve::body;

use hearth_base::Result;
use http::Method;
use ruma::api::Metadata;
use ruma::api::client::authenticated_media::{
    get_content, get_content_as_filename, get_content_thumbnail, get_media_config as get_config,
};
use ruma::api::client::media::{create_content, create_content_async, create_mxc_uri};
use ruma::api::path_builder::PathBuilder;
use ruma::{MilliSecondsSinceUnixEpoch, UInt};

use crate::App;
use crate::auth::Authentication;
use crate::route::{Endpoint, Ruma};

/// The paths from before the endpoint required a token. Here they require one too, as on other servers.
const CONFIG_BEFORE_1_11: &[&str] =
    &["/_matrix/media/r0/config", "/_matrix/media/v1/config", "/_matrix/media/v3/config"];
/// The old paths of previews always required a token.
const PREVIEW: [&str; 4] = [
    "/_matrix/client/v1/media/preview_url",
    "/_matrix/media/r0/preview_url",
    "/_matrix/media/v1/preview_url",
    "/_matrix/media/v3/preview_url",
];
/// A path that old bridges use and ruma does not list.
const UPLOAD_BEFORE: &[&str] = &["/_matrix/media/v1/upload"];

/// The endpoints of this folder. The domain applies the rate limit of uploads: a refusal must come from the handler,
/// which knows how to refuse an upload in progress.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let token = Authentication::Token;
    let upload = Endpoint::streamed(Method::POST, at::<create_content::v3::Request>(), token, upload::upload);
    let upload_to =
        Endpoint::streamed(Method::PUT, at::<create_content_async::v3::Request>(), token, upload::upload_to);
    let download = Endpoint::plain(Method::GET, at::<get_content::v1::Request>(), token, download::download);
    let named = at::<get_content_as_filename::v1::Request>();
    let download_as = Endpoint::plain(Method::GET, named, token, download::download_as);
    let thumbnails = at::<get_content_thumbnail::v1::Request>();
    let thumbnail = Endpoint::plain(Method::GET, thumbnails, token, thumbnail::thumbnail);
    let mut endpoints = vec![
        Endpoint::new(create).appservices(),
        Endpoint::new(config).also_at(CONFIG_BEFORE_1_11).all_but_locked(),
        upload.also_at(UPLOAD_BEFORE).appservices(),
        upload_to.appservices(),
        download.all_but_locked(),
        download_as.all_but_locked(),
        thumbnail.all_but_locked(),
        // Not for guests: each makes this server fetch pages.
        Endpoint::plain(Method::GET, PREVIEW, token, preview::preview).suspended().appservices(),
    ];
    endpoints.extend(legacy::endpoints());
    endpoints
}

/// The paths of a ruma endpoint, for a plain handler.
fn at<T: Metadata>() -> Vec<&'static str>
where
    T::PathBuilder: PathBuilder,
{
    T::PATH_BUILDER.all_paths().collect()
}

async fn create(app: App, request: Ruma<create_mxc_uri::v1::Request>) -> Result<create_mxc_uri::v1::Response> {
    let (address, expires_ms) = app.domain.media.announce(request.user()?).await?;
    let mut response = create_mxc_uri::v1::Response::new(address);
    response.unused_expires_at = Some(MilliSecondsSinceUnixEpoch(UInt::new_saturating(expires_ms)));
    Ok(response)
}

async fn config(app: App, _: Ruma<get_config::v1::Request>) -> Result<get_config::v1::Response> {
    Ok(get_config::v1::Response::new(UInt::new_saturating(app.domain.media.upload_bytes_max())))
}
