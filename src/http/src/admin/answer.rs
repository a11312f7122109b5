//! Reading requests and writing answers in the admin API's words.

use axum::Json;
use axum::body::Body;
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Response};
use hearth_admin::wire::ErrorBody;
use hearth_base::{Error, Reason, error::refuse};
use http::StatusCode;
use http::request::Parts;
use serde::de::DeserializeOwned;

use crate::{json, respond, route};

/// The longest request: nothing here carries more than a few names.
const BODY_BYTES_MAX: usize = 64 * 1024;

/// An error on its way to the caller, as [`ErrorBody`].
#[derive(Debug)]
pub(super) struct AdminFailure(pub(super) Error);

impl<E: Into<Error>> From<E> for AdminFailure {
    fn from(error: E) -> Self {
        Self(error.into())
    }
}

/// What a handler answers.
pub(super) type AdminAnswer<T> = Result<Json<T>, AdminFailure>;

impl IntoResponse for AdminFailure {
    fn into_response(self) -> Response {
        match self.0 {
            Error::Refusal(refusal) => {
                let (status, code) = respond::code(refusal.reason);
                let code = code.trim_start_matches("M_").to_lowercase();
                (status, Json(ErrorBody::new(code, refusal.message, ""))).into_response()
            }
            Error::Fault(fault) => {
                tracing::error!(error = %fault, "Admin request failed.");
                let remedy = "Look at the last lines of the log: `hearth ctl log`.";
                let body = ErrorBody::new("internal", "Something went wrong on the server.", remedy);
                (StatusCode::INTERNAL_SERVER_ERROR, Json(body)).into_response()
            }
        }
    }
}

/// A JSON body; an absent one is the empty object.
pub(super) struct AdminBody<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequest<S> for AdminBody<T> {
    type Rejection = AdminFailure;

    async fn from_request(request: Request<Body>, _: &S) -> Result<Self, AdminFailure> {
        let body = route::read_body(request.into_body(), BODY_BYTES_MAX).await?;
        let body: &[u8] = if body.is_empty() { b"{}" } else { &body };
        json::check_depth(body)?;
        serde_json::from_slice(body).map(Self).map_err(|error| AdminFailure(json::explain(body, &error)))
    }
}

/// A query string.
pub(super) struct AdminQuery<T>(pub(super) T);

impl<S: Sync, T: DeserializeOwned> FromRequestParts<S> for AdminQuery<T> {
    type Rejection = AdminFailure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, AdminFailure> {
        let query = parts.uri.query().unwrap_or_default();
        let wrong = |error| refuse(Reason::InvalidParam, format!("The query string is not understood: {error}."));
        serde_html_form::from_str(query).map(Self).map_err(|error| AdminFailure(wrong(error)))
    }
}
