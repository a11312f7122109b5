//! Type-erased handlers. Generic code is compiled once per endpoint, so there is little of it: ruma's parsing, the
//! handler call, and the serialisation of the response.

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

/// Answers a request that passed the gate. The `Body` is unread for streaming handlers and empty for others.
pub(super) type Handler = Box<dyn Fn(App, Call, Body) -> BoxFuture<'static, Result<Response>> + Send + Sync>;

/// A handler of parsed ruma requests.
pub(super) fn parsed<T, F, A, R, K>(handler: F) -> Handler
where
    T: IncomingRequest + Send + 'static,
    F: Fn(App, Ruma<T>) -> A + Send + Sync + 'static,
    A: Future<Output = Result<R>> + Send + 'static,
    R: Answer<K>,
{
    Box::new(move |app, mut call, _| {
        let headers = std::mem::take(&mut call.headers);
        // Not `try_from_http_request`, which checks the method again: the router has done that, and an endpoint may use
        // another method than ruma's.
        match T::try_from_http_request_inner(request(&call, headers), &args(&call)) {
            Ok(body) => {
                let answering = handler(app, Ruma { body, call });
                Box::pin(async move { answering.await.map(Answer::into_answer) })
            }
            Err(error) => refuse(&call, &error),
        }
    })
}

/// The request in the form that ruma parses.
fn request(call: &Call, headers: HeaderMap) -> Request<&[u8]> {
    let mut request = Request::new(body(call));
    *request.method_mut() = call.method.clone();
    *request.uri_mut() = call.uri.clone();
    *request.headers_mut() = headers;
    request
}

/// The path parameters, percent-decoded and in the order of the path, as ruma requires.
fn args(call: &Call) -> Vec<&str> {
    call.params.iter().map(|(_, value)| value).collect()
}

/// The body; an absent one becomes `{}`, since clients omit empty bodies (join, leave, forget).
fn body(call: &Call) -> &[u8] {
    if call.raw.is_empty() && call.method != Method::GET { b"{}" } else { &call.raw }
}

/// A handler that streams the body.
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

/// A handler of unparsed requests.
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
