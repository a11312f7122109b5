//! Dehydrated devices (MSC3814).

use hearth_base::{Result, limits};
use hearth_domain::crypto::dehydrated::Dehydrated;
use hearth_domain::crypto::keys::KeysUpload;
use ruma::api::client::dehydrated_device::{
    delete_dehydrated_device, get_dehydrated_device, get_events, put_dehydrated_device,
};

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    let keys = |endpoint: Endpoint| endpoint.body_bytes_max(limits::KEYS_BODY_BYTES_MAX).rate(Rate::KeyBackup);
    vec![
        keys(Endpoint::new(put)).suspended().appservices(),
        keys(Endpoint::new(get)).all_but_locked(),
        keys(Endpoint::new(delete)).suspended().appservices(),
        keys(Endpoint::new(events)).suspended().appservices(),
    ]
}

async fn put(
    app: App,
    request: Ruma<put_dehydrated_device::unstable::Request>,
) -> Result<put_dehydrated_device::unstable::Response> {
    let who = request.user()?.clone();
    let body = request.body;
    let keys = KeysUpload {
        device_keys: Some(body.device_keys),
        one_time_keys: body.one_time_keys,
        fallback_keys: body.fallback_keys,
    };
    let device_id = body.device_id;
    let name = body.initial_device_display_name;
    let upload = Dehydrated { device_id: device_id.clone(), name, data: body.device_data, keys };
    app.domain.crypto.dehydrate(&who, upload).await?;
    Ok(put_dehydrated_device::unstable::Response::new(device_id))
}

async fn get(
    app: App,
    request: Ruma<get_dehydrated_device::unstable::Request>,
) -> Result<get_dehydrated_device::unstable::Response> {
    let (device_id, data) = app.domain.crypto.dehydrated(request.user()?).await?;
    Ok(get_dehydrated_device::unstable::Response::new(device_id, data))
}

async fn delete(
    app: App,
    request: Ruma<delete_dehydrated_device::unstable::Request>,
) -> Result<delete_dehydrated_device::unstable::Response> {
    let device_id = app.domain.crypto.delete_dehydrated(request.user()?).await?;
    Ok(delete_dehydrated_device::unstable::Response::new(device_id))
}

async fn events(app: App, request: Ruma<get_events::unstable::Request>) -> Result<get_events::unstable::Response> {
    let from = request.next_batch.as_deref();
    let messages = app.domain.crypto.dehydrated_events(request.user()?, &request.device_id, from).await?;
    let mut response = get_events::unstable::Response::new(messages.events);
    response.next_batch = Some(messages.next_batch);
    Ok(response)
}
