//! Handlers without their types. What is generic here is compiled once for each endpoint, so it is little: ruma's
//! parsing, the handler, and the writing of its answer.

use axum::body::Body;
use axum::response::Response;
use futures_util::future::{self, BoxFuture};
use hearth_base::Result;
use http::{HeaderMap, Method, Request};
use ruma::api::IncomingRequest;
use ruma::api::error::DeserializationError;

use super::{Call, Ruma};
use crate::respond::Answer;
use crate::{App, json};

/// Answers a request that the gate let through. The body is what the gate has not read: all of it or nothing.
pub(super) type Handler = Box<dyn Fn(App, Call, Body) -> BoxFuture<'static, Result<Response>> + Send + Sync>;

/// A handler of parsed requests.
pub(super) fn parsed<T, F, A, R, K>(handler: F) -> Handler
where
    T: IncomingRequest + Send + 'static,
    F: Fn(App, Ruma<T>) -> A + Send + Sync + 'static,
    A: Future<Output = Result<R>> + Send + 'static,
    R: Answer<K>,
{
    Box::new(move |app, mut call, _| {
        let headers = std::mem::take(&mut call.headers);
        // Not through `try_from_http_request`, which checks the method once more: the router has, and an endpoint may
        // have another than ruma says.
        match T::try_from_http_request_inner(request(&call, headers), &args(&call)) {
            Ok(body) => {
                let answering = handler(app, Ruma { body, call });
                Box::pin(async move { answering.await.map(Answer::into_answer) })
            }
            Err(error) => refuse(&call, &error),
        }
    })
}

/// The request as ruma reads it.
fn request(call: &Call, headers: HeaderMap) -> Request<&[u8]> {
    let mut request = Request::new(body(call));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.uri.clone();
    *request.headers_mut() = headers;
    request
}

/// The parameters of the path: percent-decoded and in the order of the path, which is the order ruma wants them in.
fn args(call: &Call) -> Vec<&str> {
    call.params.iter().map(|(_, value)| value).collect()
}

/// The body. Clients leave out one that would be empty (joining, leaving, forgetting).
fn body(call: &Call) -> &[u8] {
    if call.raw.is_empty() && call.method != Method::GET { b"{}" } else { &call.raw }
}

/// A handler that reads the body as it comes.
pub(super) fn streamed<F, A, R, K>(handler: F) -> Handler
where
    F: Fn(App, Call, Body) -> A + Send + Sync + 'static,
    A: Future<Output = Result<R>> + Send + 'static,
    R: Answer<K>,
{
    Box::new(move |app, call, body| {
        let answering = handler(app, call, body);
        Box::pin(async move { answering.await.map(Answer::into_answer) })
    })
}

fn refuse(call: &Call, error: &DeserializationError) -> BoxFuture<'static, Result<Response>> {
    Box::pin(future::ready(Err(json::explain_request(body(call), error))))
}

/// A handler that takes requests as they are.
pub(super) fn plain<F, A, R, K>(handler: F) -> Handler
where
    F: Fn(App, Call) -> A + Send + Sync + 'static,
    A: Future<Output = Result<R>> + Send + 'static,
    R: Answer<K>,
{
    Box::new(move |app, call, _| {
        let answering = handler(app, call);
        Box::pin(async move { answering.await.map(Answer::into_answer) })
    })
}
