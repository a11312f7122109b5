//! Name and version of this server.

use hearth_base::Result;
use ruma::api::federation::discovery::get_server_version;
use ruma::api::federation::discovery::get_server_version::v1::Server;

use crate::App;
use crate::route::{Endpoint, Ruma};

/// Registers `/version`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(version)]
}

async fn version(_: App, _: Ruma<get_server_version::v1::Request>) -> Result<get_server_version::v1::Response> {
    let (mut response, mut server) = (get_server_version::v1::Response::new(), Server::new());
    (server.name, server.version) = (Some("Hearth".to_owned()), Some(env!("CARGO_PKG_VERSION").to_owned()));
    response.server = Some(server);
    Ok(response)
}
