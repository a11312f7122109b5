//! Uploads, downloads and thumbnails (client-server API, "Content repository").
//!
//! Bytes stream through in both directions, which ruma's whole-body types cannot, so these are plain handlers; ruma only
//! says at which paths. Media has never been served here without a token: the old paths for that answer that there is
//! none, as the specification says of a server that has frozen them. Previews of links are not offered.

mod download;
mod serve;
mod thumbnail;
mod upload;

pub(crate) use serve::body;

use axum::Router;
use axum::extract::MatchedPath;
use axum::routing::{MethodRouter, get, post, put};
use hearth_base::{Error, Result};
use hearth_domain::Requester;
use http::request::Parts;
use ruma::api::Metadata;
use ruma::api::client::authenticated_media::{
    get_content, get_content_as_filename, get_content_thumbnail, get_media_config as get_config,
};
use ruma::api::client::media::{create_content, create_content_async, create_mxc_uri};
use ruma::api::path_builder::PathBuilder;
use ruma::{MilliSecondsSinceUnixEpoch, UInt};

use crate::access;
use crate::app::{App, ClientAddress};
use crate::auth::{self, Need};
use crate::respond::Failure;
use crate::route::{Bounds, RouterExt, Ruma};

/// Where the same was asked for before it took a token; here it always does, as on other servers.
const CONFIG_BEFORE_1_11: &[&str] = &["/_matrix/media/r0/config", "/_matrix/media/v3/config"];

/// The routes of this folder.
pub(super) fn routes() -> Router<App> {
    let mut router = Router::new()
        .endpoint(Bounds::default(), create)
        .endpoint(Bounds::default(), config)
        .endpoint_at(CONFIG_BEFORE_1_11, Bounds::default(), config)
        // A path that ruma does not list and old bridges use.
        .route("/_matrix/media/v1/upload", post(upload::upload));
    router = at::<create_content::v3::Request>(router, post(upload::upload));
    router = at::<create_content_async::v3::Request>(router, put(upload::upload_to));
    router = at::<get_content::v1::Request>(router, get(download::download));
    router = at::<get_content_as_filename::v1::Request>(router, get(download::download_as));
    router = at::<get_content_thumbnail::v1::Request>(router, get(thumbnail::thumbnail));
    for version in ["r0", "v1", "v3"] {
        for rest in ["download/{server}/{id}", "download/{server}/{id}/{name}", "thumbnail/{server}/{id}"] {
            router = router.route(&format!("/_matrix/media/{version}/{rest}"), get(frozen));
        }
    }
    router
}

/// A plain handler at all paths of an endpoint.
fn at<T: Metadata>(router: Router<App>, handler: MethodRouter<App>) -> Router<App>
where
    T::PathBuilder: PathBuilder,
{
    T::PATH_BUILDER.all_paths().fold(router, |router, path| router.route(path, handler.clone()))
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

/// Client-server API 1.11, "Content repository": what was uploaded after the freeze is not found at the old paths.
async fn frozen() -> Failure {
    Failure(Error::not_found("Media is served only to who logs in: use /_matrix/client/v1/media instead."))
}

/// Authenticates a request as `route` does for ruma's endpoints.
async fn user(app: &App, parts: &Parts) -> Result<Requester> {
    let peer = parts.extensions.get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None });
    let requester = auth::authenticate(app, Need::Token, &parts.headers, parts.uri.query(), &peer).await?;
    let requester = requester.ok_or_else(|| Error::broken("a token was needed and nobody asked for it"))?;
    access::check(&requester, &parts.method, parts.extensions.get().map_or("", MatchedPath::as_str))?;
    Ok(requester)
}

/// The query of a request. What it does not know, such as an old client's token, it leaves alone.
fn query<T: serde::de::DeserializeOwned>(parts: &Parts) -> Result<T> {
    serde_html_form::from_str(parts.uri.query().unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))
}
