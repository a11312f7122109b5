//! What this server is.

use axum::Router;
use hearth_base::Result;
use ruma::api::federation::discovery::get_server_version;
use ruma::api::federation::discovery::get_server_version::v1::Server;

use crate::App;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new().endpoint(Bounds::default(), version)
}

async fn version(_: App, _: Ruma<get_server_version::v1::Request>) -> Result<get_server_version::v1::Response> {
    let (mut response, mut server) = (get_server_version::v1::Response::new(), Server::new());
    (server.name, server.version) = (Some("Hearth".to_owned()), Some(env!("CARGO_PKG_VERSION").to_owned()));
    response.server = Some(server);
    Ok(response)
}
