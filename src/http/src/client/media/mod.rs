//! Uploads, downloads and thumbnails (client-server API, "Content repository").
//!
//! Bytes stream through in both directions, which ruma's whole-body types cannot, so these are plain handlers; ruma only
//! says at which paths. Unless `media.unauthenticated_downloads` is set, media is not served without a token: the old paths
//! for that answer that there is none, as the specification says of a server that has frozen them. Previews of links are
//! not offered.

mod download;
mod legacy;
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
        let path = |rest: &str| format!("/_matrix/media/{version}/{rest}");
        router = router
            .route(&path("download/{server}/{id}"), get(legacy::download))
            .route(&path("download/{server}/{id}/{name}"), get(legacy::download_as))
            .route(&path("thumbnail/{server}/{id}"), get(legacy::thumbnail));
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

/// Authenticates a request as `route` does for ruma's endpoints.
async fn user(app: &App, parts: &Parts) -> Result<Requester> {
    let requester = requester(app, parts, Need::Token).await?;
    requester.ok_or_else(|| Error::broken("a token was needed and not asked for"))
}

/// As [`user`], with another need.
async fn requester(app: &App, parts: &Parts, need: Need) -> Result<Option<Requester>> {
    let requester = auth::authenticate(app, need, &parts.headers, parts.uri.query(), &peer(parts)).await?;
    if let Some(requester) = &requester {
        access::check(requester, &parts.method, parts.extensions.get().map_or("", MatchedPath::as_str))?;
    }
    Ok(requester)
}

fn peer(parts: &Parts) -> ClientAddress {
    parts.extensions.get::<ClientAddress>().cloned().unwrap_or(ClientAddress { address: None })
}

/// The query of a request. What it does not know, such as an old client's token, it leaves alone.
fn query<T: serde::de::DeserializeOwned>(parts: &Parts) -> Result<T> {
    serde_html_form::from_str(parts.uri.query().unwrap_or_default())
        .map_err(|error| Error::invalid(format!("The query is not right: {error}")))
}
