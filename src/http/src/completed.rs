//! Responses with the state of rooms, which is written while it is sent where it is too large for memory.

use axum::body::Body;
use axum::response::Response;
use hearth_base::{Error, Result};
use hearth_domain::Requester;
use hearth_domain::rooms::read::AnswerBody;
use hearth_domain::rooms::read::deferred::Finish;
use http::{HeaderValue, header};
use ruma::api::{OutgoingResponse, OutgoingResponseExt};

use crate::App;
use crate::respond::{Json, Typed, Written};

/// What is serialised as a JSON body. `Kind` keeps the implementations apart.
pub(crate) trait WrittenBody<Kind> {
    /// The body.
    fn write(self) -> Result<Vec<u8>>;
}

impl<T: serde::Serialize> WrittenBody<Written> for Json<T> {
    fn write(self) -> Result<Vec<u8>> {
        serde_json::to_vec(&self.0).map_err(|error| Error::fault("writing a response", error))
    }
}

impl<R: OutgoingResponse> WrittenBody<Typed> for R {
    fn write(self) -> Result<Vec<u8>> {
        let response = self.try_into_http_response::<Vec<u8>>();
        response.map(http::Response::into_body).map_err(|error| Error::fault("writing a response", error))
    }
}

/// The response for `who`; the state events for which it has marks go through `finish` and are written as the client reads.
pub(crate) fn completed<K>(
    app: &App,
    who: &Requester,
    response: impl WrittenBody<K>,
    finish: Finish,
) -> Result<Response> {
    let body = match app.domain.rooms.complete(who, response.write()?, finish) {
        AnswerBody::Whole(body) => Body::from(body),
        AnswerBody::Pieces(pieces) => Body::from_stream(pieces),
    };
    let mut response = Response::new(body);
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    Ok(response)
}
