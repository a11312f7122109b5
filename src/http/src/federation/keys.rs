//! Signing keys: this server's own, and those of other servers, as a notary. Requests are not authenticated, because
//! two servers that do not know each other's keys yet could never start.

use std::collections::BTreeMap;

use hearth_base::Result;
use hearth_domain::federation::keyring::NotaryQuery;
use http::Method;
use ruma::api::federation::discovery::{get_remote_server_keys, get_remote_server_keys_batch, get_server_keys};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::App;
use crate::auth::Authentication;
use crate::edge::Rate;
use crate::respond::Json;
use crate::route::{Call, Endpoint, Ruma};

/// The path from before Matrix 1.1, which names a key. The response has always contained all keys.
const SERVER_BEFORE_1_1: &str = "/_matrix/key/v2/server/{keyId}";

/// Registers the key endpoints.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(server),
        Endpoint::plain(Method::GET, [SERVER_BEFORE_1_1], Authentication::None, server_before),
        Endpoint::new(of_server).rate(Rate::Other),
        Endpoint::new(of_servers).rate(Rate::Other),
    ]
}

/// Key responses, each signed by its own server and by this one.
#[derive(Serialize)]
struct NotaryResponse {
    server_keys: Vec<Box<RawValue>>,
}

async fn server(app: App, _: Ruma<get_server_keys::v2::Request>) -> Result<Json<Box<RawValue>>> {
    Ok(Json(own(&app)?))
}

async fn server_before(app: App, _: Call) -> Result<Json<Box<RawValue>>> {
    Ok(Json(own(&app)?))
}

fn own(app: &App) -> Result<Box<RawValue>> {
    Ok((*app.domain.federation.keyring.own_document()?).to_owned())
}

async fn of_server(app: App, request: Ruma<get_remote_server_keys::v2::Request>) -> Result<Json<NotaryResponse>> {
    let criteria = NotaryQuery { ids: Vec::new(), valid_until_ms: request.minimum_valid_until_ts.get().into() };
    let wanted = BTreeMap::from([(request.server_name.clone(), criteria)]);
    Ok(Json(NotaryResponse { server_keys: app.domain.federation.keyring.vouch(wanted).await? }))
}

async fn of_servers(
    app: App,
    request: Ruma<get_remote_server_keys_batch::v2::Request>,
) -> Result<Json<NotaryResponse>> {
    // Expired keys do not satisfy a request for currently valid ones (server-server API, `POST /_matrix/key/v2/query`).
    let now_ms = app.domain.core.now_ms();
    let wanted = request.body.server_keys.into_iter().map(|(server, keys)| {
        let times = keys.values().filter_map(|wanted| wanted.minimum_valid_until_ts);
        let valid_until_ms = times.map(|at| at.get().into()).max().unwrap_or(now_ms);
        (server, NotaryQuery { ids: keys.keys().map(ToString::to_string).collect(), valid_until_ms })
    });
    Ok(Json(NotaryResponse { server_keys: app.domain.federation.keyring.vouch(wanted.collect()).await? }))
}
