//! Third-party networks. Application services bridge to them; this server has none, so look-ups find nothing.

use hearth_base::{Error, Result};
use ruma::api::client::thirdparty::{
    get_location_for_protocol, get_location_for_room_alias, get_protocol, get_protocols, get_user_for_protocol,
    get_user_for_user_id,
};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(protocols).all_but_locked(),
        Endpoint::new(protocol).all_but_locked(),
        Endpoint::new(locations).all_but_locked(),
        Endpoint::new(locations_of_alias).all_but_locked(),
        Endpoint::new(users).all_but_locked(),
        Endpoint::new(users_of_id).all_but_locked(),
    ]
}

async fn protocols(_: App, _: Ruma<get_protocols::v3::Request>) -> Result<get_protocols::v3::Response> {
    Ok(get_protocols::v3::Response::new([].into()))
}

async fn protocol(_: App, request: Ruma<get_protocol::v3::Request>) -> Result<get_protocol::v3::Response> {
    Err(unknown(&request.protocol))
}

async fn locations(
    _: App,
    request: Ruma<get_location_for_protocol::v3::Request>,
) -> Result<get_location_for_protocol::v3::Response> {
    Err(unknown(&request.protocol))
}

async fn locations_of_alias(
    _: App,
    _: Ruma<get_location_for_room_alias::v3::Request>,
) -> Result<get_location_for_room_alias::v3::Response> {
    Ok(get_location_for_room_alias::v3::Response::new(Vec::new()))
}

async fn users(
    _: App,
    request: Ruma<get_user_for_protocol::v3::Request>,
) -> Result<get_user_for_protocol::v3::Response> {
    Err(unknown(&request.protocol))
}

async fn users_of_id(_: App, _: Ruma<get_user_for_user_id::v3::Request>) -> Result<get_user_for_user_id::v3::Response> {
    Ok(get_user_for_user_id::v3::Response::new(Vec::new()))
}

fn unknown(protocol: &str) -> Error {
    Error::not_found(format!("This server has no bridge to {protocol:?}."))
}
