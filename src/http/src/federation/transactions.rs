//! What other servers send: events and ephemeral news, in transactions.

use axum::Router;
use hearth_base::{Result, limits};
use ruma::api::federation::transactions::send_transaction_message;
use serde::Deserialize;
use serde_json::value::RawValue;

use crate::App;
use crate::json;
use crate::loose::Loose;
use crate::route::{Bounds, RouterExt, Ruma};

/// The routes of this file.
pub(super) fn routes() -> Router<App> {
    // Each event is looked at by itself: one that nests too deeply must not keep the others from being taken.
    let bounds = Bounds { body_bytes_max: limits::TRANSACTION_BYTES_MAX, deep: true, ..Bounds::default() };
    Router::new().endpoint(bounds, send)
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
    let Transaction { pdus, edus } =
        serde_json::from_slice(&request.raw).map_err(|error| json::explain(&request.raw, &error))?;
    let outcome = app.domain.federation.receive(request.origin()?, request.text(0), pdus, edus).await?;
    Ok(send_transaction_message::v1::Response::new((*outcome).clone()))
}
