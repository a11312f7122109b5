//! Third-party networks, to which application services bridge.

use std::collections::BTreeMap;

use hearth_base::Result;
use hearth_domain::appservices::ThirdPartyKind;
use ruma::api::client::thirdparty::{
    get_location_for_protocol, get_location_for_room_alias, get_protocol, get_protocols, get_user_for_protocol,
    get_user_for_user_id,
};
use serde_json::Value;

use crate::App;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

// Paths that Element iOS calls.
const PROTOCOLS_BEFORE: &[&str] = &["/_matrix/client/unstable/thirdparty/protocols"];
const USERS_BEFORE: &[&str] = &["/_matrix/client/unstable/thirdparty/user/{protocol}"];

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(protocols).also_at(PROTOCOLS_BEFORE).all_but_locked(),
        Endpoint::new(protocol).all_but_locked(),
        Endpoint::new(locations).all_but_locked(),
        Endpoint::new(locations_of_alias).all_but_locked(),
        Endpoint::new(users).also_at(USERS_BEFORE).all_but_locked(),
        Endpoint::new(users_of_id).all_but_locked(),
    ]
}

async fn protocols(app: App, _: Ruma<get_protocols::v3::Request>) -> Result<Json<BTreeMap<String, Value>>> {
    Ok(Json(app.domain.appservices.protocols().await))
}

async fn protocol(app: App, request: Ruma<get_protocol::v3::Request>) -> Result<Json<Value>> {
    app.domain.appservices.protocol(&request.protocol).await.map(Json)
}

async fn locations(app: App, request: Ruma<get_location_for_protocol::v3::Request>) -> Result<Json<Vec<Value>>> {
    let (kind, fields) = (ThirdPartyKind::Location, &request.fields);
    app.domain.appservices.third_party(kind, &request.protocol, fields).await.map(Json)
}

async fn locations_of_alias(
    app: App,
    request: Ruma<get_location_for_room_alias::v3::Request>,
) -> Result<Json<Vec<Value>>> {
    Ok(Json(app.domain.appservices.third_party_of_alias(&request.alias).await))
}

async fn users(app: App, request: Ruma<get_user_for_protocol::v3::Request>) -> Result<Json<Vec<Value>>> {
    let (kind, fields) = (ThirdPartyKind::User, &request.fields);
    app.domain.appservices.third_party(kind, &request.protocol, fields).await.map(Json)
}

async fn users_of_id(app: App, request: Ruma<get_user_for_user_id::v3::Request>) -> Result<Json<Vec<Value>>> {
    Ok(Json(app.domain.appservices.third_party_of_user(&request.userid).await))
}
