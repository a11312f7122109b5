//! One transaction: building it, sending it, and its result (`PUT /_matrix/federation/v1/send/{txnId}`).

use std::collections::BTreeMap;

use hearth_base::limits::federation::SHOWN_CHARS_MAX;
use hearth_base::{Error, Position, Result, limits};
use hearth_core::canonical;
use hearth_store::tables::outgoing;
use ruma::api::federation::transactions::edu::Edu;
use ruma::api::federation::transactions::send_transaction_message::v1::Request;
use ruma::serde::Raw;
use ruma::{MilliSecondsSinceUnixEpoch, OwnedTransactionId, UInt};
use serde::Deserialize;
use serde_json::value::RawValue;

use super::model::TransactionPlan;
use crate::Federation;
use crate::request::{REQUEST_ASK_WAIT, refused, whole};

/// The result of a transaction.
#[derive(Debug)]
pub(super) enum TransactionFate {
    /// The server accepted it, possibly with errors for single events. Those are not retried.
    Taken {
        /// Number of events with an error.
        complaints: usize,
    },
    /// The server is reachable and refuses the content.
    Refused(String),
    /// The server was not reached, or cannot accept it now.
    Failed {
        /// The reason, for the operator.
        why: String,
        /// `retry_after_ms` of the response, in milliseconds.
        retry_after_ms: Option<u64>,
    },
    /// It was not sent, for a local reason.
    Unsent(Error),
}

/// The JSON of a transaction's items.
#[derive(Debug, Default)]
struct Load {
    events: Vec<Box<RawValue>>,
    edus: Vec<Raw<Edu>>,
}

/// How items are checked while a transaction is built.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Care {
    /// Not at all: stored items were checked on insertion.
    Usual,
    /// Each item, because the transaction could not be signed.
    Each,
}

impl Federation {
    /// Sends as much of `plan` as fits; `plan` then holds what was sent and what was dropped.
    pub(super) async fn transact(&self, plan: &mut TransactionPlan) -> TransactionFate {
        match self.transact_with(plan, Care::Usual).await {
            // One item without a canonical JSON form makes the whole transaction unsignable. It is found and dropped,
            // because it would block all later items for that server forever.
            TransactionFate::Unsent(error @ Error::Fault(_)) => {
                tracing::warn!(server = %plan.to, %error, "A transaction could not be written; each item in it is checked.");
                self.transact_with(plan, Care::Each).await
            }
            fate => fate,
        }
    }

    async fn transact_with(&self, plan: &mut TransactionPlan, care: Care) -> TransactionFate {
        let load = match self.load_transaction(plan, care).await {
            Ok(load) => load,
            Err(error) => return TransactionFate::Unsent(error),
        };
        // No item is left to send, so the rows are done without a request.
        if load.events.is_empty() && load.edus.is_empty() {
            return TransactionFate::Taken { complaints: 0 };
        }
        let now = MilliSecondsSinceUnixEpoch(UInt::new_saturating(self.core.now_ms()));
        let id = OwnedTransactionId::from(self.outbox.next_transaction_id());
        let mut request = Request::new(id, self.core.server_name.clone(), now);
        (request.pdus, request.edus) = (load.events, load.edus);
        let answer = match self.ask_streamed(&plan.to, request, REQUEST_ASK_WAIT).await {
            Ok(answer) => answer,
            // With each item checked, the cause is a different one: back off, and report the reason to the operator.
            Err(error @ Error::Fault(_)) if care == Care::Usual => return TransactionFate::Unsent(error),
            Err(error) => return failed(error.for_operator()),
        };
        let status = answer.status;
        match tokio::time::timeout(REQUEST_ASK_WAIT, whole(answer, limits::TRANSACTION_ANSWER_BYTES_MAX)).await {
            Ok(Ok(body)) => self.check_auth(plan, status, &body),
            Ok(Err(error)) => failed(error.for_operator()),
            Err(_) => failed(format!("{} took too long to send its answer.", plan.to)),
        }
    }

    async fn load_transaction(&self, plan: &mut TransactionPlan, care: Care) -> Result<Load> {
        let rows: Vec<Position> = plan.events.iter().chain(&plan.edus).copied().collect();
        let found = if rows.is_empty() {
            Vec::new()
        } else {
            self.core.store.read("outbox_load", move |tx| read_some(tx, &rows)).await?
        };
        let events = plan.events.len();
        plan.events.truncate(found.len());
        plan.edus.truncate(found.len().saturating_sub(events));
        let places: Vec<Position> = plan.events.iter().chain(&plan.edus).copied().collect();
        let mut load = Load::default();
        for (index, (stored, at)) in found.into_iter().zip(places).enumerate() {
            let Some(stored) = stored else { continue };
            match stored.and_then(|json| raw(json, care)) {
                Ok(json) if index < events => load.events.push(json),
                Ok(json) => load.edus.push(Raw::from_json(json)),
                Err(why) => plan.leave_out(at, index < events, why),
            }
        }
        for edu in plan.ephemera.edus() {
            let json = serde_json::to_string(&edu).map_err(|error| error.to_string());
            match json.and_then(|json| raw(json, care)) {
                Ok(json) => load.edus.push(Raw::from_json(json)),
                Err(why) => {
                    tracing::error!(server = %plan.to, why, "An EDU in memory cannot be written and is dropped.")
                }
            }
        }
        Ok(load)
    }

    fn check_auth(&self, plan: &TransactionPlan, status: u16, body: &[u8]) -> TransactionFate {
        let error = || refused(&plan.to, status, body).to_string();
        match (status, serde_json::from_slice::<TransactionResponse>(body).ok()) {
            (200..=299, Some(answer)) => {
                let mut complaints = answer.pdus.iter().filter_map(|(id, outcome)| Some((id, outcome.error.as_ref()?)));
                let first = complaints.next();
                let count = first.iter().len() + complaints.count();
                if let Some((id, complaint)) = first {
                    let complaint: String = complaint.to_string().chars().take(SHOWN_CHARS_MAX).collect();
                    tracing::info!(server = %plan.to, event.id = id, complaint, count, "Destination rejected PDUs.");
                }
                TransactionFate::Taken { complaints: count }
            }
            (200..=299, None) => failed(format!("{} answered something that no homeserver answers.", plan.to)),
            // Only a Matrix error code shows that the homeserver itself refused: a reverse proxy before a broken one
            // may return any status.
            (400 | 413..=422, Some(answer)) if answer.errcode.is_some() => TransactionFate::Refused(error()),
            (_, Some(answer)) => TransactionFate::Failed { why: error(), retry_after_ms: answer.retry_after_ms },
            (_, None) => failed(error()),
        }
    }
}

fn failed(why: String) -> TransactionFate {
    TransactionFate::Failed { why, retry_after_ms: None }
}

/// Stored text as JSON, or why it cannot be sent.
fn raw(json: String, care: Care) -> Result<Box<RawValue>, String> {
    if care == Care::Each {
        canonical::check("It", &json).map_err(|error| error.to_string())?;
    }
    RawValue::from_string(json).map_err(|error| format!("It is not JSON: {error}"))
}

/// The stored text of a row: `None` for a row without content, an error for an unreadable one.
type Stored = Option<Result<String, String>>;

/// The stored text of as many rows as fit into a transaction, and at least of the first.
fn read_some(tx: &mut hearth_store::ReadTx<'_>, rows: &[Position]) -> Result<Vec<Stored>> {
    let (mut found, mut bytes) = (Vec::with_capacity(rows.len()), 0);
    for at in rows {
        let json = outgoing::json(tx.tx(), *at)?;
        bytes += json.as_ref().and_then(|json| json.as_ref().ok()).map_or(0, String::len);
        if bytes > limits::OUTGOING_BYTES_MAX && !found.is_empty() {
            break;
        }
        found.push(json);
    }
    Ok(found)
}

/// The fields used of a response, whether success or error.
#[derive(Deserialize)]
struct TransactionResponse {
    #[serde(default)]
    pdus: BTreeMap<String, PduResponse>,
    errcode: Option<String>,
    #[serde(default, deserialize_with = "lenient_ms")]
    retry_after_ms: Option<u64>,
}

/// The result for one event.
#[derive(Deserialize)]
struct PduResponse {
    error: Option<serde_json::Value>,
}

/// A number; `None` for any other value, because a malformed response must not fail the transaction.
fn lenient_ms<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<u64>, D::Error> {
    Ok(serde_json::Value::deserialize(deserializer)?.as_u64())
}
