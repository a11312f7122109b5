//! Devices of local users and their keys, for other servers.

use hearth_base::{Result, limits};
use ruma::api::federation::device::get_devices;
use ruma::api::federation::device::get_devices::v1::UserDevice;
use ruma::api::federation::keys::{claim_keys, get_keys};
use ruma::encryption::{DeviceKeys, UnsignedDeviceInfo};
use ruma::serde::Raw;
use ruma::{OwnedDeviceId, UInt};

use crate::App;
use crate::route::{Endpoint, Ruma};

/// Registers the device endpoints.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![
        Endpoint::new(devices),
        Endpoint::new(query).body_bytes_max(limits::KEYS_BODY_BYTES_MAX),
        Endpoint::new(claim).body_bytes_max(limits::KEYS_BODY_BYTES_MAX),
    ]
}

async fn devices(app: App, request: Ruma<get_devices::v1::Request>) -> Result<get_devices::v1::Response> {
    let user_id = request.user_id.clone();
    let served = app.domain.crypto.devices_for_server(user_id.clone()).await?;
    let mut response = get_devices::v1::Response::new(user_id, UInt::new_saturating(served.changed.0));
    response.devices = served.devices.into_iter().map(|(id, keys)| user_device(id, keys)).collect();
    (response.master_key, response.self_signing_key) = (served.master_key, served.self_signing_key);
    Ok(response)
}

/// A device with its display name, which the key object contains in `unsigned`.
fn user_device(id: OwnedDeviceId, keys: Raw<DeviceKeys>) -> UserDevice {
    let unsigned = keys.get_field::<UnsignedDeviceInfo>("unsigned").ok().flatten();
    let mut device = UserDevice::new(id, keys);
    device.device_display_name = unsigned.and_then(|unsigned| unsigned.device_display_name);
    device
}

async fn query(app: App, request: Ruma<get_keys::v1::Request>) -> Result<get_keys::v1::Response> {
    let queried = app.domain.crypto.query_keys_for_server(request.body.device_keys).await?;
    let mut response = get_keys::v1::Response::new(queried.device_keys);
    (response.master_keys, response.self_signing_keys) = (queried.master_keys, queried.self_signing_keys);
    Ok(response)
}

async fn claim(app: App, request: Ruma<claim_keys::v1::Request>) -> Result<claim_keys::v1::Response> {
    Ok(claim_keys::v1::Response::new(app.domain.crypto.claim_keys_for_server(request.body.one_time_keys).await?))
}
