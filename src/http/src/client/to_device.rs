//! Messages from device to device.

use axum::Router;
use hearth_base::Result;
use ruma::api::client::to_device::send_event_to_device;

use crate::App;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    Router::new().endpoint(Bounds::keys(), send)
}

async fn send(
    app: App,
    request: Ruma<send_event_to_device::v3::Request>,
) -> Result<send_event_to_device::v3::Response> {
    let who = request.user()?.clone();
    let send_event_to_device::v3::Request { event_type, txn_id, messages, .. } = request.body;
    app.domain.crypto.send_to_device(&who, &event_type.to_string(), txn_id.as_str(), messages).await?;
    Ok(send_event_to_device::v3::Response::new())
}
