//! The devices of the user.

use axum::response::{IntoResponse, Response};
use hearth_base::Result;
use hearth_domain::devices::DeviceRow;
use hearth_domain::uia;
use http::StatusCode;
use ruma::api::client::device::{delete_device, delete_devices, get_device, get_devices, update_device};
use serde::Serialize;

use crate::App;
use crate::respond::Json;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(list).all_but_locked(),
        Endpoint::new(get).all_but_locked(),
        Endpoint::new(rename).all_but_locked(),
        Endpoint::new(delete).uia().suspended().appservices(),
        Endpoint::new(delete_many).uia().suspended().appservices(),
    ]
}

/// A device. Unknown fields are null and not omitted, since some clients reject the whole list otherwise.
#[derive(Serialize)]
struct Shown {
    device_id: String,
    display_name: Option<String>,
    last_seen_ip: Option<String>,
    last_seen_ts: Option<u64>,
}

impl From<DeviceRow> for Shown {
    fn from(row: DeviceRow) -> Self {
        let DeviceRow { id, name, seen, .. } = row;
        Self { device_id: id, display_name: name, last_seen_ip: seen.ip, last_seen_ts: seen.at_ms }
    }
}

/// All devices of the user.
#[derive(Serialize)]
struct List {
    devices: Vec<Shown>,
}

async fn list(app: App, request: Ruma<get_devices::v3::Request>) -> Result<Json<List>> {
    let rows = app.domain.devices.list(request.user()?.user).await?;
    Ok(Json(List { devices: rows.into_iter().map(Shown::from).collect() }))
}

async fn get(app: App, request: Ruma<get_device::v3::Request>) -> Result<Json<Shown>> {
    Ok(Json(app.domain.devices.get(request.user()?, request.device_id.as_str()).await?.into()))
}

/// Renames a device. For an application service it also creates one, which is 201 (MSC4190, client-server API 1.17).
async fn rename(app: App, request: Ruma<update_device::v3::Request>) -> Result<Response> {
    let (user, id, name) = (request.user()?, request.device_id.as_str(), request.display_name.clone());
    if user.appservice.is_some() && app.domain.devices.create(user, id, name.clone()).await? {
        return Ok((StatusCode::CREATED, axum::Json(serde_json::json!({}))).into_response());
    }
    app.domain.devices.rename(user.user, id, name).await?;
    Ok(axum::Json(serde_json::json!({})).into_response())
}

async fn delete(app: App, request: Ruma<delete_device::v3::Request>) -> Result<delete_device::v3::Response> {
    app.domain.uia.check_unless_service(request.uia(uia::PASSWORD)).await?;
    app.domain.actions.delete_devices(request.user()?, vec![request.device_id.to_string()]).await?;
    Ok(delete_device::v3::Response::new())
}

async fn delete_many(app: App, request: Ruma<delete_devices::v3::Request>) -> Result<delete_devices::v3::Response> {
    app.domain.uia.check_unless_service(request.uia(uia::PASSWORD)).await?;
    let ids = request.devices.iter().map(ToString::to_string).collect();
    app.domain.actions.delete_devices(request.user()?, ids).await?;
    Ok(delete_devices::v3::Response::new())
}
