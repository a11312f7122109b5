//! Pings (application-service API, "Pinging"): whether this server reaches an application service.

use hearth_base::boxed;
use std::time::{Duration, Instant};

use bytes::Bytes;
use hearth_base::limits::domain::APPSERVICE_QUERY_WAIT;
use hearth_base::{Reason, Result, error::refusal, error::refuse};
use hearth_core::appservices::Registration;
use http::Method;
use serde_json::json;

use super::Appservices;
use super::request::Silence;

impl Appservices {
    /// Pings a service and returns how long that took. A success ends the wait after a failed transaction.
    ///
    /// `M_URL_NOT_SET`, `M_CONNECTION_FAILED`, `M_CONNECTION_TIMEOUT`, or `M_BAD_STATUS` with `status` and `body`.
    #[boxed]
    pub async fn ping(&self, service: &Registration, txn: Option<&str>) -> Result<Duration> {
        let body = txn.map_or_else(|| json!({}), |txn| json!({ "transaction_id": txn }));
        let (body, began) = (Bytes::from(body.to_string()), Instant::now());
        let answer = self.ask(service, Method::POST, "/_matrix/app/v1/ping", body, APPSERVICE_QUERY_WAIT).await;
        match answer {
            Ok(answer) if answer.is_ok() => {
                self.deliveries.answered_ping(&service.id);
                Ok(began.elapsed())
            }
            Ok(answer) => {
                let message = format!("The application service refused the ping: {}.", answer.in_words());
                let body = String::from_utf8_lossy(&answer.body).into_owned();
                Err(refusal(Reason::BadStatus, message).with("status", answer.status).with("body", body).into())
            }
            Err(Silence::NoUrl) => {
                Err(refuse(Reason::UrlNotSet, "The registration of this application service has no `url`."))
            }
            Err(Silence::Late) => Err(refuse(
                Reason::ConnectionTimeout,
                "The application service did not answer in time: look at its log, and check `url` in its registration.",
            )),
            // The service itself reads this, and the operator: both know the address.
            Err(Silence::Unreachable(why)) => Err(refuse(
                Reason::ConnectionFailed,
                format!("The application service cannot be reached: {why}. Check `url` in its registration."),
            )),
        }
    }
}
