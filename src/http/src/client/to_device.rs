//! To-device messages.

use hearth_base::{Result, limits};
use ruma::api::client::to_device::send_event_to_device;

use crate::App;
use crate::edge::Rate;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    vec![Endpoint::new(send).body_bytes_max(limits::KEYS_BODY_BYTES_MAX).rate(Rate::ToDevice).all_but_locked()]
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
