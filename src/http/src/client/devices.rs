//! A user's own devices.

use hearth_base::Result;
use hearth_domain::devices::DeviceRow;
use hearth_domain::uia;
use ruma::MilliSecondsSinceUnixEpoch;
use ruma::api::client::device::{Device, delete_device, delete_devices, get_device, get_devices, update_device};

use crate::App;
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

/// A device as clients see it.
fn shown(row: DeviceRow) -> Device {
    let mut device = Device::new(row.id.into());
    device.display_name = row.name;
    device.last_seen_ip = row.seen.ip;
    device.last_seen_ts = row.seen.at_ms.and_then(ruma::UInt::new).map(MilliSecondsSinceUnixEpoch);
    device
}

async fn list(app: App, request: Ruma<get_devices::v3::Request>) -> Result<get_devices::v3::Response> {
    let rows = app.domain.devices.list(request.user()?.user).await?;
    Ok(get_devices::v3::Response::new(rows.into_iter().map(shown).collect()))
}

async fn get(app: App, request: Ruma<get_device::v3::Request>) -> Result<get_device::v3::Response> {
    let row = app.domain.devices.get(request.user()?, request.device_id.as_str()).await?;
    Ok(get_device::v3::Response::new(shown(row)))
}

async fn rename(app: App, request: Ruma<update_device::v3::Request>) -> Result<update_device::v3::Response> {
    let (user, name) = (request.user()?, request.display_name.clone());
    app.domain.devices.rename(user.user, request.device_id.as_str(), name).await?;
    Ok(update_device::v3::Response::new())
}

async fn delete(app: App, request: Ruma<delete_device::v3::Request>) -> Result<delete_device::v3::Response> {
    app.domain.uia.check_unless_service(request.uia(uia::PASSWORD)).await?;
    app.domain.accounts.delete_devices(request.user()?.user, vec![request.device_id.to_string()]).await?;
    Ok(delete_device::v3::Response::new())
}

async fn delete_many(app: App, request: Ruma<delete_devices::v3::Request>) -> Result<delete_devices::v3::Response> {
    app.domain.uia.check_unless_service(request.uia(uia::PASSWORD)).await?;
    let ids = request.devices.iter().map(ToString::to_string).collect();
    app.domain.accounts.delete_devices(request.user()?.user, ids).await?;
    Ok(delete_devices::v3::Response::new())
}
