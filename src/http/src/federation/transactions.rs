//! `/send/{txnId}`: PDUs and EDUs of other servers, in transactions.

use hearth_base::{Result, limits};
use ruma::api::federation::transactions::send_transaction_message;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::App;
use crate::loose::Loose;
use crate::route::{Endpoint, Ruma};

/// Registers `/send`.
pub(super) fn endpoints() -> Vec<Endpoint> {
    // The depth of JSON is checked per PDU: one PDU that nests too deeply must not fail the whole transaction.
    vec![Endpoint::new(send).body_bytes_max(limits::TRANSACTION_BYTES_MAX).deep()]
}

/// The body of a transaction. Both lists default to empty, since some servers omit empty ones.
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
