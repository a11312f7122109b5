//! What other servers send: events and ephemeral news, in transactions.

use hearth_base::{Result, limits};
use ruma::api::federation::transactions::send_transaction_message;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::App;
use crate::loose::Loose;
use crate::route::{Endpoint, Ruma};

/// The endpoints of this file.
pub(super) fn endpoints() -> Vec<Endpoint> {
    // Each event is looked at by itself: one that nests too deeply must not keep the others from being taken.
    vec![Endpoint::new(send).body_bytes_max(limits::TRANSACTION_BYTES_MAX).deep()]
}

/// A transaction; some servers leave out what is empty.
#[derive(Deserialize)]
struct Transaction {
    #[serde(default)]
    pdus: Vec<Box<RawValue>>,
    #[serde(default)]
    edus: Vec<Box<RawValue>>,
}

async fn send(
    app: App,
    request: Ruma<Loose<send_transaction_message::v1::Request>>,
) -> Result<send_transaction_message::v1::Response> {
    let Transaction { pdus, edus } = request.call.json()?;
    let outcome = app.domain.federation.receive(request.origin()?, request.text(0), pdus, edus).await?;
    Ok(send_transaction_message::v1::Response::new((*outcome).clone()))
}
