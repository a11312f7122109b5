//! Maps errors to the responses of the admin API.

use axum::response::{IntoResponse, Response};
use hearth_admin::wire::ErrorBody;
use hearth_base::Error;
use http::StatusCode;

use crate::respond;

/// An error as an [`ErrorBody`].
pub(super) fn failure(error: Error) -> Response {
    match error {
        Error::Refusal(refusal) => {
            let (status, code) = respond::code(refusal.reason);
            let code = code.trim_start_matches("M_").to_lowercase();
            (status, axum::Json(ErrorBody::new(code, refusal.message, ""))).into_response()
        }
        Error::Fault(fault) => {
            tracing::error!(error = %fault, "Admin request failed.");
            let remedy = "Look at the last lines of the log: `hearth ctl log`.";
            let body = ErrorBody::new("internal", "Something went wrong on the server.", remedy);
            (StatusCode::INTERNAL_SERVER_ERROR, axum::Json(body)).into_response()
        }
    }
}
